"""G30: every account at every route of MLflow's registry, raw REST included, against the matrix."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import httpx

from sluice.registry.mlflow_accounts import ADMIN
from sluice.registry.mlflow_app import registry_routes
from sluice.registry.review_rules import MATRIX, Who
from sluice.store.records import State
from tests.lib.reviews import PEOPLE, Office, a_home, a_mirrored, crowned, open_office
from tests.lib.tracked import a_ranker

SURFACE, OWN = "feed", "spare"
"""The promoter's requests do what they say, so they are about a surface of its own."""


def disobeyed(office: Office, role: str, version: str) -> Iterator[str]:
    """For each request that a role may or may not make, what is wrong with the answer; mostly empty.

    Args:
        office: with a version of both surfaces in review, and a champion.
        role: of `PEOPLE`, or the administrator.
        version: number in MLflow of a candidate that a reviewer may decide on.
    """
    who = PEOPLE.get(role, role)
    surface = OWN if role == "promoter" else SURFACE
    for ((path, method), kind), model in product(
        registry_routes().items(), (f"{surface}-candidates", surface)
    ):
        for body, cell in variants(kind, model):
            sent = body | {"version": version} if cell is Who.REVIEWER else body
            answer = office.ask(who, method, path, **sent)
            allowed = cell is Who.ANYBODY or role == cell
            obeys = _obeys(answer, role, allowed=allowed)
            yield (
                ""
                if obeys
                else (
                    f"{who}: {method} {path} {sent}, declared for {cell}: {answer.status_code} {answer.text}"
                )
            )


def variants(kind: type, model: str) -> list[tuple[dict[str, str], Who]]:
    """Bodies for a request about the model, each with who may make it."""
    rights = MATRIX[kind.__name__]
    cell = rights.candidates if model.endswith("-candidates") else rights.champions
    fields = {field.name for field in kind.DESCRIPTOR.fields}
    # Of no version that there is, so that what is allowed changes nothing.
    body = {"name": model, "version": "999", "new_name": model, "experiment_id": "999",
            "alias": "mine", "key": "mood", "value": "approved"}  # fmt: skip
    plain = {key: value for key, value in body.items() if key in fields}
    found = [(plain, cell)]
    if cell is Who.ANYBODY and not kind.__name__.startswith("Get"):
        if "alias" in fields:
            found.append((plain | {"alias": "champion"}, Who.PROMOTER))
        if "key" in fields:
            found.append((plain | {"key": "sluice.release"}, Who.PROMOTER))
            sets = kind.__name__ == "SetModelVersionTag"
            found.append(
                (plain | {"key": "review"}, Who.REVIEWER if sets else Who.PROMOTER)
            )
        if "tags" in fields:
            found.append(
                (plain | {"tags": [{"key": "review", "value": "approved"}]}, Who.PROMOTER)
            )
    return found


def _obeys(answer: httpx.Response, role: str, *, allowed: bool) -> bool:
    if not allowed:
        return answer.status_code == 403
    if answer.status_code != 403:
        return True
    # MLflow's own refusal is no JSON. To it, a model that the promoter has deleted is one without
    # rights, and so is to all but the administrator an experiment that there is not.
    missing = role == "promoter" or answer.request.url.path.endswith("experiments/update")
    return missing and answer.headers["content-type"] != "application/json"


@contextmanager
def staffed(folder: Path, altered: str = "") -> Iterator[tuple[Office, str]]:
    """An office with one candidate in review, and that one's number in MLflow.

    Args:
        folder: for all of it.
        altered: Python that takes a guarantee out of the server before it starts.
    """
    home = a_home(folder, SURFACE, OWN)
    ranker = a_ranker(home.home / "ranker", "popularity")
    _, number = a_mirrored(home, ranker, "asked", State.IN_REVIEW)
    for surface in (SURFACE, OWN):
        crowned(home, a_mirrored(home, ranker, surface, State.CHAMPION, surface)[0])
    with open_office(home, altered) as office:
        yield office, number


def matrix(folder: Path, altered: str = "") -> list[str]:
    """Every role at every route: what is wrong with each answer."""
    with staffed(folder, altered) as (office, number):
        return [
            wrong for role in (*PEOPLE, ADMIN) for wrong in disobeyed(office, role, number)
        ]


ALLOWS_ALL = (
    "import sluice.registry.mlflow_app as app; app.ensure_allowed = lambda *_: None"
)
"""G30: whoever is signed in may do what MLflow lets them."""
