"""Small whole installations in which promotions and rollbacks die: store, real MLflow, real releases.

Everything happens in forked children, so that no connection outlives a fork, and what a child wraps
or breaks is gone with it.
"""

import asyncio
import gc
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from sluice.data.files import Files
from sluice.registry import promotion, relay
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.audit import audit
from sluice.registry.heads import export_head, read_heads
from sluice.registry.keys import KeyRing
from sluice.registry.mirror import MlflowMirror
from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.mlflow_database import build_tracking, ensure_database
from sluice.registry.mlflow_models import ensure_registered
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.tracking import RELEASE, VERSION
from sluice.store.records import LedgerRow, OutboxRow, State, Version
from sluice.store.sql import SqlStore
from tests.lib import promotions
from tests.lib.crashes import Folders
from tests.lib.releases import small_release

SURFACES = ("feed", "ads", "search")
RELEASES = (56, 56, 32)
"""For each surface, more than any round of faults promotes there."""


@dataclass(frozen=True)
class Works:
    """What all sites share, made once: releases, and MLflow's empty database."""

    folder: Path
    releases: dict[tuple[str, int], str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> "Works":
        works = cls(folder)
        for nth, surface in enumerate(SURFACES):
            for number in range(1, RELEASES[nth] + 1):
                digest = small_release(folder / "releases", 1000 * nth + number)
                works.releases[surface, number] = digest
        ensure_database(f"sqlite:///{folder / 'mlflow.db'}", build_tracking)
        works.warm_up()
        return works

    def warm_up(self) -> None:
        """Live once here, for every child is a copy of this process: cold, it would take seconds."""
        site = Site(self, f"sqlite:///{self.folder / 'warm.db'}", self.folder / "warm")
        with _put_back(), site.laid_out().opened() as opened:
            for nth, state in enumerate((State.CHAMPION, State.CHAMPION_PROVISIONAL)):
                opened.brought(state, f"warm-{nth}", SURFACES[0])
            opened.rotate()
            opened.roll_back(SURFACES[0])
            opened.mend()
            opened.apart(SURFACES[0])
        gc.collect()
        gc.freeze()  # a child that collects would copy every page that it has inherited

    def release_of(self, version: Version) -> str:
        return self.releases[version.surface, version.number]


@contextmanager
def _put_back() -> Iterator[None]:
    """Let this process, which lives on, keep what its children may do without."""
    from mlflow.store.db import utils

    from sluice.serving import release

    kept = [
        (promotions, "release_of"),
        (release, "score_in_child"),
        (utils, "_verify_schema"),
    ]
    values = [getattr(*each) for each in kept]
    try:
        yield
    finally:
        for (owner, name), value in zip(kept, values, strict=True):
            setattr(owner, name, value)


def _trust_mlflows_schema() -> None:
    """Each database is a copy of one made a moment ago; to check it costs more than the rest of a death."""
    from mlflow.store.db import utils

    utils._verify_schema = lambda engine: None


@dataclass(frozen=True)
class Site:
    """One installation."""

    works: Works
    url: str
    folder: Path
    kind: type[SqlStore] = SqlStore

    @property
    def folders(self) -> Folders:
        return Folders(
            self.folder / "heads", self.folder / "signatures", self.folder / "serving"
        )

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.folder / "keys")

    def laid_out(self) -> "Site":
        (self.folder / "mlflow").mkdir(parents=True)
        shutil.copyfile(
            self.works.folder / "mlflow.db", self.folder / "mlflow" / "mlflow.db"
        )
        return self

    @contextmanager
    def opened(self) -> Iterator["Opened"]:
        promotions.release_of = self.works.release_of
        _trust_mlflows_schema()
        with self.kind.open(self.url) as store:
            yield Opened(self, store)


@dataclass(frozen=True)
class Opened:
    """A site with its connections, in one process."""

    site: Site
    store: SqlStore

    @cached_property
    def mirror(self) -> MlflowMirror:
        folder = self.site.folder / "mlflow"
        return MlflowMirror(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")

    @property
    def pointer(self) -> SignedPointer:
        site, folders = self.site, self.site.folders
        signer = Signer(
            self.store,
            site.works.folder / "releases",
            folders.signatures,
            site.keys,
            datetime.now(UTC),
        )
        return SignedPointer(signer, PointerReceiver(folders.pointers))

    def brought(self, state: State, run: str, surface: str) -> Version:
        """A version in that state, which MLflow knows as a candidate; whatever moved is told."""
        version = promotions.bring(self.store, State.APPROVED, run, surface)
        self._known_to_mlflow(version)
        if state is not State.APPROVED:
            promotions.promote(self.store, version)
            if state is State.CHAMPION:
                promotions.confirm(self.store, version)
            self.tell()
        return version

    def _known_to_mlflow(self, version: Version) -> None:
        name, release = candidates_model(version.surface), promotions.release_of(version)
        ensure_registered(self.mirror._client, name, "")
        source = (self.site.works.folder / "releases" / release).as_uri()
        tags = {VERSION: str(version.number), RELEASE: release}
        self.mirror._client.create_model_version(name, source, tags=tags)

    def promote(self, version: Version) -> None:
        """What `sluice run promote` does."""
        promotions.promote(self.store, version)
        self.export()
        self.tell()

    def roll_back(self, surface: str) -> None:
        """What `sluice champion rollback` does, and `sluice champion mirror` after it."""
        promotions.rollback(self.store, surface)
        relay.reconcile(self.store, [self.pointer])
        self.export()
        self.tell()

    def export(self) -> None:
        export_head(self.store, self.site.folders.heads, self.site.keys, datetime.now(UTC))

    def tell(self) -> None:
        relay.relay(self.store, (self.pointer, self.mirror))

    def mend(self) -> list[str]:
        """What `sluice champion mirror` does, with --watch every 30 s; whose alias it takes for moved."""
        self.tell()
        relay.reconcile(self.store, [self.pointer])
        found = {each: self.mirror.reconcile(self.store, each) for each in SURFACES}
        return [
            f"{surface}: nobody moved the alias, it was only late"
            for surface, each in found.items()
            if each.moved
        ]

    def rotate(self) -> None:
        """Another key signs and the old one counts no longer; only who serves is signed anew."""
        (old,) = self.site.keys.trusted()
        self.site.keys.generate(rotate=True)
        self.site.keys.revoke(old.id, at=datetime.now(UTC), reason="a drill")
        relay.reconcile(self.store, [self.pointer])

    def epoch(self, surface: str) -> int:
        found = promotion.champion_of(self.store, surface)
        return found.epoch if found else 0

    def promoted(self) -> set[str]:
        """Keys of all promotions that were made."""
        rows = self.store.find(LedgerRow, action="promote")
        return {row.idempotency_key for row in rows}

    def sound(self) -> list[str]:
        """What is wrong with the store alone."""
        heads, problems = read_heads(self.site.folders.heads, self.site.keys.known())
        found = audit(self.store, heads=[each.head for each in heads])
        keys = [row.idempotency_key for row in self.store.find(LedgerRow)]
        twice = ["a key has two ledger rows"] if len(set(keys)) != len(keys) else []
        return [*problems, *found, *twice]

    def apart(self, surface: str) -> list[str]:
        """Which of store, ledger, serving pointer, server and MLflow tell another story."""
        champion = promotion.champion_of(self.store, surface)
        moves = promotion.history(self.store, surface)
        pointer = read_pointer(self.site.folders.pointers, surface, self.site.keys)
        alias = self.mirror.champion(surface)
        told = {
            "ledger": (moves[-1].evidence[0], moves[-1].epoch) if moves else None,
            "serving pointer": pointer and (pointer.release, pointer.epoch),
            "MLflow": alias and (alias.release, alias.epoch),
        }
        wanted = champion and (champion.release, champion.epoch)
        wrong = [f"{name} says {said}" for name, said in told.items() if said != wanted]
        ready = served(self.site, surface)
        if ready != (champion and champion.release):
            wrong.append(f"the server is ready with {ready}")
        if self.store.find(OutboxRow, delivered=False):
            wrong.append("a move was never delivered")
        return [f"{each}; the store says {wanted}" for each in wrong]


def served(site: Site, surface: str) -> str | None:
    """The release that `/readyz` of a server that starts now names; why not, where there is none."""
    import httpx

    from sluice.serving.app import ranking_app

    server = a_server(site, surface)

    async def ask() -> httpx.Response:
        await server.look()
        transport = httpx.ASGITransport(app=ranking_app(lambda: server))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as web:
            answer = await web.get("/readyz")
        await server.stop()
        return answer

    body = asyncio.run(ask()).json()
    # Why it refuses stands in the server alone: over HTTP there are no paths.
    if "has no champion yet" in server.refusal:
        return None
    return server.refusal or body["release"]


def a_server(site: Site, surface: str):
    """A server that follows the surface's pointer and wants every release signed.

    It tries a release in this process and not in a child, for that is the one step that takes
    seconds; what the child is for is another guarantee.
    """
    from sluice.serving import release
    from sluice.serving.following import Verification
    from sluice.serving.ranking_server import RankingServer
    from sluice.serving.source import PointerSource
    from sluice.serving.trust import Trust

    release.score_in_child = _scores
    folders, releases = site.folders, site.works.folder / "releases"
    return RankingServer(
        PointerSource(folders.pointers, surface, releases, site.keys),
        site.folder / "predictions",
        lambda: time.time_ns() // 1000,
        verification=Verification(
            trust=Trust(site.keys, folders.signatures, required=True)
        ),
    )


def _scores(files: Files, limits: object) -> list[list[float]]:
    from sluice.serving.golden import decode_golden
    from sluice.serving.release import GOLDEN_NAME, load_scorer

    golden, scorer = decode_golden(files.read(GOLDEN_NAME)), load_scorer(files)
    return [scorer.rank(each.request).scores.tolist() for each in golden]
