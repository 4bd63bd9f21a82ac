"""Sees in MLflow's app who sets whose password, and lets the ledger say so."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from sluice.registry.account_holds import Account, mark_of, note_own, note_reset
from sluice.store import open_store
from sluice.store.port import Store

if TYPE_CHECKING:
    from flask import Response

_SETS = ("/mlflow/users/update-password", "/mlflow/users/create")
"""Ends of the paths that give an account a password; what is deleted is made again by these."""


def account_of(name: str) -> Account:
    """The account as MLflow has it now."""
    from mlflow.server.auth import store

    return Account(name, mark_of(store.get_user(name).password_hash))


def watch_resets(
    store_url: str,
    reviewed: Callable[[str], Iterable[str]],
    seal: Callable[[Store], None],
) -> Callable[["Response"], "Response"]:
    """What the app calls after each answer.

    Args:
        store_url: of the store.
        reviewed: by account, the surfaces that the person reviews.
        seal: keeps the ledger's head outside its database.
    """
    from flask import g, request

    def watch(response: "Response") -> "Response":
        sets = request.path.rstrip("/").endswith(_SETS)
        if not sets or response.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return response
        body = request.get_json(force=True, silent=True) or {}
        name, by = (
            str(body.get("username", "")),
            getattr(g, "mlflow_authenticated_user", ""),
        )
        surfaces = tuple(reviewed(name))
        if surfaces:
            at = datetime.now(UTC)
            with open_store(store_url) as store:
                if by == name:
                    note_own(store, account_of(name), surfaces, at)
                else:
                    note_reset(store, account_of(name), surfaces, by=str(by), at=at)
                seal(store)
        return response

    return watch
