"""MLflow with accounts, killed between a review's ledger row and its tag, and asked again.

The app is the one that `mlflow server --app-name sluice` serves; here it answers inside a process of
its own, without a socket, so that each death costs a fork and not the start of a server.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

from sluice.cli.installation import accounts_of
from sluice.registry.mirror import MlflowMirror
from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.mlflow_database import build_tracking, ensure_database
from sluice.registry.mlflow_models import ensure_registered
from sluice.registry.review_tags import amiss, review_tags
from sluice.registry.tracking import RELEASE, VERSION
from sluice.settings import Settings
from sluice.store.records import LedgerRow, State, Version
from sluice.store.sql import SqlStore
from tests.lib.crashes import Trap
from tests.lib.forked import Child, Say
from tests.lib.promotions import bring, release_of
from tests.lib.reviews import PEOPLE, a_home

SURFACE, REVIEWER = "feed", PEOPLE["reviewer"]
DECISIONS = ("approved: better", "rejected: stale")


class ReviewPoint(StrEnum):
    """Where a review in MLflow can die, in the order in which it gets there."""

    ASKED = "allowed, before the ledger row"
    DECIDED = "the ledger row is committed, no tag is written"
    SIGNED = "the tag that says who decided, not the decision itself"
    TAGGED = "both tags, no answer"


@dataclass(frozen=True)
class Build:
    """Our code, or a mutant of it."""

    name: str = "sluice"
    altered: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Desk:
    """An installation with one reviewer, without a running server."""

    settings: Settings
    password: str

    @classmethod
    def make(cls, folder: Path, url: str) -> "Desk":
        settings = a_home(folder, SURFACE, database_url=url)
        ensure_database(settings.mlflow_uri, build_tracking)
        return cls(settings, accounts_of(settings).make(REVIEWER))

    @property
    def mirror(self) -> MlflowMirror:
        return MlflowMirror(self.settings.mlflow_uri, self.settings.mlflow / "artifacts")

    def in_review(self, run: str, say: Say) -> None:
        """Bring a version to its reviewer and say our number and MLflow's."""
        with SqlStore.open(self.settings.database_url) as store:
            version = bring(store, State.IN_REVIEW, run)
        model, client = candidates_model(SURFACE), self.mirror._client
        ensure_registered(client, model, "")
        tags = {VERSION: str(version.number), RELEASE: release_of(version)}
        source = (self.settings.mlflow / "artifacts").as_uri()
        made = client.create_model_version(model, source, tags=tags)
        say((version.number, str(made.version)))

    def decide(self, number: str, value: str) -> int:
        """Set the tag as MLflow's page does, as the reviewer; returns the status."""
        import httpx

        transport = httpx.ASGITransport(app=_app(self.settings))
        body = {
            "name": candidates_model(SURFACE),
            "version": number,
            "key": "review",
            "value": value,
        }

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=transport,
                base_url="http://127.0.0.1:5000",
                auth=(REVIEWER, self.password),
            ) as web:
                path = "/ajax-api/2.0/mlflow/model-versions/set-tag"
                return await web.post(path, json=body)

        return asyncio.run(ask()).status_code


@dataclass(frozen=True)
class Review:
    """One decision that dies at one point."""

    desk: Desk
    build: Build
    point: ReviewPoint
    value: str
    name: str

    def death(self) -> str:
        """What is wrong after the restart; empty where it was survived."""
        (numbers,) = Child.start(partial(self.desk.in_review, self.name)).end().said
        ended = Child.start(partial(self._die, numbers[1])).end()
        if not ended.is_killed:
            return f"was not killed there, but ended with {ended.code}: {ended.said}"
        found = Child.start(partial(self._restart, *numbers)).end()
        return "; ".join(found.said)

    def _die(self, number: str, say: Say) -> None:
        self.build.altered()
        trap = Trap(self.point)
        watch(trap)
        trap.armed = True
        say(self.desk.decide(number, self.value))

    def _restart(self, number: int, theirs: str, say: Say) -> None:
        self.build.altered()
        with SqlStore.open(self.desk.settings.database_url) as store:
            for wrong in self._wrong(store, number, theirs):
                say(wrong)

    def _wrong(self, store: SqlStore, number: int, theirs: str) -> Iterator[str]:
        version = store.get(Version, surface=SURFACE, number=number)
        assert version
        decided = self.point is not ReviewPoint.ASKED
        if len(_rows(store, version)) != decided:
            yield f"{len(_rows(store, version))} ledger rows before anybody asked again"
        self.desk.mirror.reviewed(store, SURFACE, 1)
        yield from self._apart(store, version, theirs, "after the reconciler")
        for _ in range(2):
            if (status := self.desk.decide(theirs, self.value)) != 200:
                yield f"asked again, it answered {status}"
        if len(_rows(store, version)) != 1:
            yield f"asked again, {len(_rows(store, version))} ledger rows"
        yield from self._apart(store, version, theirs, "asked again")

    def _apart(
        self, store: SqlStore, version: Version, theirs: str, when: str
    ) -> Iterator[str]:
        model = candidates_model(SURFACE)
        there = self.desk.mirror._client.get_model_version(model, theirs).tags
        if wrong := amiss(there, review_tags(store, version, 1)):
            yield f"{when}: tags and ledger disagree: {wrong}"


def watch(trap: Trap) -> None:
    """Name the points of a review; MLflow's own handler writes the second of the two tags."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    plain, tags = SqlAlchemyStore.set_model_version_tag, []

    def set_model_version_tag(self, name, version, tag):
        done = plain(self, name, version, tag)
        tags.append(tag.key)
        trap.meet(ReviewPoint.SIGNED if len(tags) == 1 else ReviewPoint.TAGGED)
        return done

    SqlAlchemyStore.set_model_version_tag = set_model_version_tag
    transition = {"before": ReviewPoint.ASKED, "after": ReviewPoint.DECIDED}
    trap.around(SqlStore, "transition", **transition)


def no_reconciler() -> None:
    """Nothing lets MLflow's tags say what the ledger says."""
    MlflowMirror.reviewed = lambda self, store, surface, approvers: ()


def forgets_who_decided() -> None:
    """A decision that was made is asked for as if it were new."""
    from sluice.registry import approvals, moves, review

    review.approvals = lambda *_: ()
    review.counted_approvals = lambda *_: approvals.Approvals((), ())
    moves.made = lambda *_: None


MUTANTS = (
    Build("NoReconciler", no_reconciler),
    Build("ForgetsWhoDecided", forgets_who_decided),
)


def reviews(
    build: Build,
    folder: Path,
    url: str,
    points: Iterable[ReviewPoint] = ReviewPoint,
    decisions: Iterable[str] = DECISIONS,
) -> Iterator[tuple[str, str]]:
    """Each decision at each point: its name and what is wrong."""
    desk = Desk.make(folder, url)
    for value, point in product(decisions, points):
        name = f"{value.partition(':')[0]}: {point.name}"
        yield name, Review(desk, build, point, value, name).death()


def is_red(mutant: Build, folder: Path, url: str) -> bool:
    """Whether the death between row and tag is not survived."""
    (only,) = reviews(mutant, folder, url, [ReviewPoint.DECIDED], DECISIONS[:1])
    return "disagree" in only[1] or "asked again" in only[1]


def _rows(store: SqlStore, version: Version) -> list[LedgerRow]:
    rows = store.find(LedgerRow, surface=SURFACE, version=version.number)
    return [row for row in rows if row.role == "reviewer"]


@cache
def _app(settings: Settings) -> Any:
    """The app of one installation, in the one process that serves it."""
    from mlflow.server import constants

    os.environ.update(settings.environment() | settings.own_variables())
    os.environ.update(accounts_of(settings).environment())
    os.environ["_MLFLOW_SGI_NAME"] = "uvicorn"  # as MLflow's own command would
    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = settings.mlflow_uri
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = str(settings.mlflow / "artifacts")
    from mlflow.server import auth

    from sluice.cli.mlflow_app import create

    auth.auth_config = auth.read_auth_config()  # maybe imported for another installation
    return create()
