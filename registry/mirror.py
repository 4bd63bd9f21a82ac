"""MLflow as a mirror: runs, models and aliases for people to look at. The store stays the truth.

Whatever is written here can be written again from the store, so every call converges.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sluice.errors import Conflict, NotFound, SluiceError
from sluice.registry.mlflow_candidate import (
    MirroredCandidate,
    candidates_model,
    mirror_candidate,
)
from sluice.registry.mlflow_database import build_tracking, ensure_database, path_of
from sluice.registry.mlflow_models import ensure_registered, registered_model, versions_with
from sluice.registry.mlflow_places import follow_home
from sluice.registry.mlflow_strangers import Stranger, strangers
from sluice.registry.review_tags import amiss, review_tags
from sluice.registry.tracking import EPOCH, RELEASE, VERSION, TrackedCandidate
from sluice.store.port import Store
from sluice.store.records import Champion, OutboxRow, Version

ALIAS = "champion"

MOVED_BY = "sluice.moved_by"
"""Tag of a surface's champions: who moved the alias through MLflow with accounts, and when."""


class MirrorError(SluiceError):
    """MLflow did not do what was asked of it; the store is as it was."""


@dataclass(frozen=True)
class MirroredChampion:
    """What the alias `champion` of a surface says."""

    version: int | None
    """None where the alias is on a version that Sluice did not make."""
    release: str | None
    epoch: int


@dataclass(frozen=True)
class Reconciled:
    """What a reconciliation found, and what the store said."""

    found: MirroredChampion | None
    expected: MirroredChampion | None
    moved: bool = False
    """Whether somebody moved it, rather than that a move has yet to be told."""
    seen: str | None = None
    """Whom MLflow with accounts last saw moving it."""

    @property
    def mended(self) -> bool:
        """Whether the alias was not where it belongs, and was put back."""
        return self.found != self.expected


class MlflowMirror:
    """The MLflow of one installation; nothing is connected before the first call."""

    name = "mlflow"

    def __init__(self, tracking_uri: str, artifacts: Path) -> None:
        self._uri = tracking_uri
        self._artifacts = artifacts

    @cached_property
    def _client(self) -> Any:
        from mlflow.tracking import MlflowClient

        self._artifacts.mkdir(parents=True, exist_ok=True)
        ensure_database(self._uri, build_tracking)
        follow_home(path_of(self._uri), self._artifacts)
        return MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def candidate(
        self, candidate: TrackedCandidate, *, anew: bool = False
    ) -> MirroredCandidate:
        """Mirror a candidate, or what has changed about it since it was mirrored.

        It becomes one run in the experiment named like the surface, one logged model and one
        version of `<surface>-candidates`, however often this is called or cut short. `anew` writes
        everything again, for pieces of it may have been deleted.

        Raises:
            IntegrityError: the ranker's folder does not hold what `save_ranker` wrote.
        """
        return mirror_candidate(self._client, self._artifacts, candidate, anew=anew)

    def deliver(self, row: OutboxRow) -> None:
        """Put the alias `champion` on the row's release; a second time changes nothing.

        Raises:
            Conflict: the alias stands at a higher epoch, or at this one for another release.
            NotFound: the release's candidate was never mirrored.
            MirrorError: MLflow cannot be reached, or refuses.
        """
        wanted = MirroredChampion(row.version, row.release, row.epoch)
        with _as_ours():
            stands = self.champion(row.surface)
            if stands == wanted:
                return
            if stands is not None:
                _check_epoch(row, stands)
            self._point(row.surface, wanted)

    def champion(self, surface: str) -> MirroredChampion | None:
        """What the alias says now; None where there is no alias."""
        model = registered_model(self._client, surface)
        number = None if model is None else model.aliases.get(ALIAS)
        if model is None or number is None:
            return None
        tags = self._client.get_model_version(surface, str(number)).tags
        return MirroredChampion(
            version=_whole(tags.get(VERSION)),
            release=tags.get(RELEASE),
            epoch=_whole(model.tags.get(EPOCH)) or 0,
        )

    def reconcile(self, store: Store, surface: str) -> Reconciled:
        """Compare the alias with the store; put it back where it was moved, removed or is late.

        Raises:
            NotFound: the champion's candidate was never mirrored.
            MirrorError: MLflow cannot be reached, or refuses.
        """
        with _as_ours():
            return self._reconciled(store, surface)

    def _reconciled(self, store: Store, surface: str) -> Reconciled:
        # The tags before the alias: read after it, the epoch that another watcher tells in between
        # would make an alias that was only late look like one that somebody moved.
        model_tags = self._model_tags(surface)
        champion = self.champion(surface)
        serving = store.get(Champion, surface=surface)
        if serving is None:
            if champion is not None:
                self._client.delete_registered_model_alias(surface, ALIAS)
            return Reconciled(champion, None)
        expected = MirroredChampion(serving.version, serving.release, serving.epoch)
        if champion == expected:
            return Reconciled(champion, expected)
        self._point(surface, expected)
        # An epoch that was never told is late; any other was moved.
        late = (_whole(model_tags.get(EPOCH)) or 0) < expected.epoch
        return Reconciled(champion, expected, moved=not late, seen=model_tags.get(MOVED_BY))

    def _model_tags(self, surface: str) -> Mapping[str, str]:
        model = registered_model(self._client, surface)
        return {} if model is None else model.tags

    def reviewed(self, store: Store, surface: str, approvers: int) -> tuple[int, ...]:
        """Let the candidates' versions say what reviewers decided, as the ledger has it.

        A tag that no row backs is taken away: in an MLflow without accounts anybody may set one.

        Returns:
            Our numbers of the versions that said something else.

        Raises:
            MirrorError: MLflow cannot be reached, or refuses.
        """
        with _as_ours():
            search_model_versions = self._client.search_model_versions(
                f"name = '{candidates_model(surface)}'"
            )
            numbered = {row.number: row for row in store.find(Version, surface=surface)}
            ours = (
                (numbered.get(_whole(mirrored.tags.get(VERSION)) or 0), mirrored)
                for mirrored in search_model_versions
            )
            return tuple(
                version.number
                for version, version_tags in ours
                if version
                and self._told(version_tags, review_tags(store, version, approvers))
            )

    def strangers(self, store: Store, surface: str) -> tuple[Stranger, ...]:
        """Versions that stand under the surface's candidates and that Sluice did not put there.

        Raises:
            MirrorError: MLflow cannot be reached, or refuses.
        """
        with _as_ours():
            return strangers(self._client, store, surface)

    def without_strangers(self, store: Store, surface: str) -> tuple[Stranger, ...]:
        """Take those versions away; returns what they were.

        Raises:
            MirrorError: MLflow cannot be reached, or refuses.
        """
        foreign = self.strangers(store, surface)
        with _as_ours():
            for stranger in foreign:
                self._client.delete_model_version(
                    candidates_model(surface), stranger.number
                )
        return foreign

    def _told(self, there: Any, backed: Mapping[str, str]) -> bool:
        wrong = amiss(there.tags, backed)
        for key, value in wrong:
            if value is None:
                self._client.delete_model_version_tag(there.name, there.version, key)
            else:
                self._client.set_model_version_tag(there.name, there.version, key, value)
        return bool(wrong)

    def _point(self, surface: str, wanted: MirroredChampion) -> None:
        number = str(self._champion_version(surface, wanted).version)
        self._client.set_registered_model_alias(surface, ALIAS, number)
        self._client.set_model_version_tag(surface, number, EPOCH, str(wanted.epoch))
        model = registered_model(self._client, surface)
        if model is not None and MOVED_BY in model.tags:
            self._client.delete_registered_model_tag(surface, MOVED_BY)
        # Last: until the epoch stands, a redelivery does all of it again.
        self._client.set_registered_model_tag(surface, EPOCH, str(wanted.epoch))

    def _champion_version(self, surface: str, wanted: MirroredChampion) -> Any:
        ensure_registered(
            self._client, surface, "What served the surface, under `champion` now."
        )
        keys = {VERSION: str(wanted.version), RELEASE: str(wanted.release)}
        there = versions_with(self._client, surface, keys)
        if there:
            return there[0]
        model = candidates_model(surface)
        source = versions_with(self._client, model, {VERSION: keys[VERSION]})
        if not source:
            raise NotFound(
                f"mlflow model {model} has no version with tag {VERSION}={wanted.version}; "
                "mirror the candidate first, or `sluice champion mirror SURFACE --rebuild` all"
            )
        return self._client.create_model_version(
            surface,
            source[0].source,
            run_id=source[0].run_id,
            tags={**source[0].tags, **keys},
            description=f"Version {wanted.version} as released: `{wanted.release}`. "
            f"Its evidence stands at {model} version {source[0].version}.",
        )


@contextmanager
def _as_ours() -> Iterator[None]:
    """The relay reports what a receiver cannot do; it knows no errors of MLflow."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise MirrorError(f"mlflow: {error.message}") from error


def _check_epoch(row: OutboxRow, stands: MirroredChampion) -> None:
    alias = f"mlflow alias {row.surface}@{ALIAS}"
    if stands.epoch > row.epoch:
        raise Conflict(
            f"{alias} is at epoch {stands.epoch}, a move of epoch {row.epoch} comes too late"
        )
    if stands.epoch == row.epoch:
        raise Conflict(
            f"{alias} names release {stands.release} at epoch {row.epoch}, not {row.release}; "
            "reconcile it with the store, which knows which of them serves"
        )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
