"""`mlflow server --app-name sluice`: MLflow with accounts, where a review is a row of our ledger.

MLflow keeps no author of a tag and knows one right for all that is written to a model. Here the
signed-in user is known, and what `sluice.registry.review_rules` refuses never reaches MLflow's handlers.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sluice.data.durations import parse_duration
from sluice.errors import ConfigError, NotFound, Refused, SluiceError, UserError
from sluice.registry.account_holds import ensure_free
from sluice.registry.approvals import Panel
from sluice.registry.heads import seal
from sluice.registry.keys import KeyRing
from sluice.registry.mirror import ALIAS, MOVED_BY
from sluice.registry.mlflow_accounts import Accounts
from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.mlflow_resets import account_of, watch_resets
from sluice.registry.moves import version_of
from sluice.registry.review_keys import ReviewKeys, Signatory
from sluice.registry.review_rules import (
    Request,
    Who,
    decide,
    decision,
    ensure_allowed,
    needed,
)
from sluice.registry.review_tags import REVIEWED, review_tags
from sluice.store import open_store
from sluice.store.port import Store
from sluice.surface import load_surface, surface_path

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

_EXPERIMENTS = {"CreateExperiment", "UpdateExperiment"}
_MOVES = {"SetRegisteredModelAlias", "DeleteRegisteredModelAlias"}
_ASSISTANT = "/mlflow/assistant"


@dataclass(frozen=True)
class Desk:
    """What the app knows of its installation."""

    accounts: Accounts
    store_url: str
    surfaces: Path
    """Folder of the surface files; a decision reads the reviewers there."""
    keys: ReviewKeys
    """The app signs decisions with its own."""
    heads: Path | None = None
    """Where the ledger's head is exported after a decision, if its key is here."""
    head_keys: Path | None = None
    """Folder of the keys that sign heads."""

    def seal(self, store: Store) -> None:
        """Keep the ledger's head outside the database, where it is known where."""
        if self.heads and self.head_keys:
            seal(store, self.heads, KeyRing(self.head_keys), datetime.now(UTC))

    def reviewed_by(self, name: str) -> list[str]:
        """Surfaces that the person reviews, as they are declared now."""
        declared = (
            load_surface(surface_path(self.surfaces, surface))
            for surface in self.accounts.surfaces
        )
        return [column.name for column in declared if name in column.review.reviewers]


def create_app(desk: Desk) -> "FastAPI":
    """MLflow's app with accounts, and ours before its handlers.

    Raises:
        ConfigError: the server is none that MLflow's security middleware works in.
    """
    os.environ.update(desk.accounts.environment())
    desk.accounts.grant()
    desk.keys.app_ring.signing_or_new()  # now, and not at somebody's decision
    from fastapi import FastAPI
    from mlflow.server import app as pages
    from mlflow.server.auth import create_app as with_accounts

    application = with_accounts(pages)
    if not isinstance(application, FastAPI):
        raise ConfigError(
            "start `mlflow server --app-name sluice` without --gunicorn-opts and --waitress-opts: "
            "those leave out MLflow's checks of host and origin"
        )
    # After MLflow's own hook: whoever comes here is signed in.
    pages.before_request(_guard(desk))
    pages.after_request(watch_resets(desk.store_url, desk.reviewed_by, desk.seal))
    application.add_middleware(_WithoutAssistant)
    return application


def _guard(desk: Desk) -> Callable[[], Any]:
    from flask import g, request
    from mlflow.server.handlers import catch_mlflow_exception

    kinds = registry_routes()

    def guard() -> None:
        rule = request.url_rule.rule if request.url_rule else ""
        if rule.endswith("/graphql"):
            _ensure_reads()
        rule_kind = kinds.get((rule, request.method))
        if rule_kind is None:
            return
        message = _message(rule_kind)
        try:
            _judge(desk, g.mlflow_authenticated_user, message)
        except SluiceError as error:
            _tell(error)

    return catch_mlflow_exception(guard)


def registry_routes() -> Mapping[tuple[str, str], type]:
    """Request class by path and method: the model registry's, and those that name experiments."""
    from mlflow.protos.model_registry_pb2 import ModelRegistryService
    from mlflow.protos.service_pb2 import MlflowService
    from mlflow.server.handlers import get_service_endpoints

    def itself(figures: type) -> type:
        return figures

    experiments = [
        endpoint
        for endpoint in get_service_endpoints(MlflowService, itself)
        if endpoint[1].__name__ in _EXPERIMENTS
    ]
    return {
        (path, method): kind
        for path, kind, methods in (
            *get_service_endpoints(ModelRegistryService, itself),
            *experiments,
        )
        for method in methods
    }


def _message(kind: type) -> Any:
    # MLflow's own reader, for a second one would sooner or later read another request than the
    # handler does: it takes bodies that are encoded twice, and two spellings of a field.
    from mlflow.server.handlers import _get_request_message  # noqa: PLC2701 - see above

    return _get_request_message(kind())


def _judge(desk: Desk, user: str, message: Any) -> None:
    request = _request(message)
    surfaces = desk.accounts.surfaces
    ensure_allowed(request, user, desk.accounts.promoter, surfaces)
    if needed(request, surfaces) is Who.REVIEWER:
        _decide(desk, user, message)
    if request.alias == ALIAS and request.kind in _MOVES and message.name in surfaces:
        _note_mover(message.name, user)


def _note_mover(surface: str, user: str) -> None:
    """Only the promoter comes here; should the move be no promotion, it is put back and told of."""
    from mlflow.entities.model_registry import RegisteredModelTag
    from mlflow.server.handlers import _get_model_registry_store  # noqa: PLC2701 - as in `_decide`

    at = datetime.now(UTC).isoformat(timespec="seconds")
    tag = RegisteredModelTag(MOVED_BY, f"{user!r} moved it through MLflow at {at}")
    _get_model_registry_store().set_registered_model_tag(surface, tag)


def _request(message: Any) -> Request:
    """What the message names; a field that its kind does not have is empty."""
    names = (getattr(message, field, "") for field in ("name", "new_name"))
    keys = (getattr(message, "key", ""), *(tag.key for tag in getattr(message, "tags", ())))
    return Request(
        kind=type(message).__name__,
        names=tuple(name for name in names if name),
        tags=tuple(key for key in keys if key),
        alias=getattr(message, "alias", "") or None,
        location=getattr(message, "artifact_location", "") or None,
    )


def _decide(desk: Desk, user: str, message: Any) -> None:
    from mlflow.entities.model_registry import ModelVersionTag
    from mlflow.server.handlers import _get_model_registry_store  # noqa: PLC2701 - MLflow opens no other

    (surface,) = (
        name for name in desk.accounts.surfaces if candidates_model(name) == message.name
    )
    decided = decision(message.value)
    declared = load_surface(surface_path(desk.surfaces, surface))
    registry: Any = _get_model_registry_store()
    there = registry.get_model_version(message.name, message.version)
    needs = declared.at_least.approvers
    panel, at = Panel(declared.review.reviewers, desk.keys, needs), datetime.now(UTC)
    hold = parse_duration(declared.review.hold_after_reset)
    with open_store(desk.store_url) as store:
        if user in declared.review.reviewers:
            ensure_free(store, surface, account_of(user), hold=hold, at=at)
        row = decide(
            store,
            surface,
            there.tags,
            decided,
            by=Signatory(user, desk.keys.app_ring.signing()),
            panel=panel,
            at=at,
        )
        desk.seal(store)
        tags = review_tags(store, version_of(store, surface, row.version), needs)
    # For a reader of MLflow's page; what counts is the row. MLflow itself writes the other tag next.
    tag = ModelVersionTag(REVIEWED, tags[REVIEWED])
    registry.set_model_version_tag(message.name, message.version, tag)


def _ensure_reads() -> None:
    """MLflow's GraphQL writes nothing today; should it ever, it would pass all of the above."""
    from graphql import GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse
    from mlflow.server.handlers import _get_request_json  # noqa: PLC2701 - as in `_message`

    try:
        ensure_reads = parse((_get_request_json() or {}).get("query") or "")
    except GraphQLSyntaxError:
        return  # MLflow's handler says what is wrong with it
    for definition in ensure_reads.definitions:
        if (
            isinstance(definition, OperationDefinitionNode)
            and definition.operation is not OperationType.QUERY
        ):
            _tell(Refused("GraphQL only reads here"))


def _tell(error: SluiceError) -> NoReturn:
    """In MLflow's words, which its pages show and its client raises."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2 as codes

    names = {
        Refused: codes.PERMISSION_DENIED,
        NotFound: codes.RESOURCE_DOES_NOT_EXIST,
        UserError: codes.INVALID_PARAMETER_VALUE,
    }
    code = next((names[kind] for kind in names if isinstance(error, kind)), None)
    raise MlflowException(
        str(error), codes.RESOURCE_CONFLICT if code is None else code
    ) from error


class _WithoutAssistant:
    """Takes MLflow's assistant out: it runs commands on the server's machine for who is signed in."""

    def __init__(self, application: "ASGIApp") -> None:
        self._application = application

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from starlette.responses import PlainTextResponse

        application = self._application
        if scope["type"] != "lifespan" and _ASSISTANT in scope["path"]:
            application = PlainTextResponse(
                "MLflow's assistant is off here", HTTPStatus.NOT_FOUND
            )
        await application(scope, receive, send)
