"""The declared baseline in the champion's place: for when nothing that was promoted is to serve.

Every candidate has to beat it, so it needs neither gates nor a review nor a bake: it is a move of the
same kind as a rollback, with one row in the ledger, and any later promotion goes over it.
"""

from datetime import datetime
from pathlib import Path

from sluice.data.files import Files
from sluice.errors import Held, NotFound, Refused
from sluice.rankers.manifest import RankerManifest
from sluice.registry.candidacy import name_release
from sluice.registry.champions import champion_of, history
from sluice.registry.moves import move_once, named, position_of, version_of
from sluice.store.port import Store
from sluice.store.records import (
    Document,
    LedgerRow,
    PointerMove,
    State,
    Transition,
    Version,
)

ACTION = "baseline"
_LEFT = frozenset({State.RETIRED, State.ROLLED_BACK})


def served_as_baseline(store: Store, surface: str, version: int) -> LedgerRow | None:
    """The newest row by which the version came to serve as a baseline; None where it never did."""
    rows = store.find(LedgerRow, surface=surface, version=version, action=ACTION)
    return rows[-1] if rows else None


def serves_baseline(store: Store, surface: str) -> LedgerRow | None:
    """The row by which the champion came to serve as a baseline; None where another version serves."""
    champion = champion_of(store, surface)
    return served_as_baseline(store, surface, champion.version) if champion else None


def ensure_baseline(store: Store, version: Version, release: Path) -> None:
    """Let a release pass whose ranker is of the family that its declaration names as the baseline.

    Nobody approves a baseline, so nothing else may be signed as one.

    Args:
        store: where the declaration is kept.
        version: of the release.
        release: its folder, whose bytes are checked against its digest elsewhere.

    Raises:
        Refused: it is of another family, or its declaration is not kept.
    """
    declared = store.get(Document, digest=version.spec)
    family = declared and declared.body["ranker"]["baseline"]
    packaged = RankerManifest.read(Files.of(release / "model")).family
    if not family or {version.family, packaged} != {family}:
        raise Refused(
            f"{named(version)} is a {packaged}, and its declaration names {family or 'nothing'} as the "
            "baseline; it is not signed"
        )


def package_baseline(
    store: Store, version: Version, release: str, *, actor: str, at: datetime
) -> LedgerRow:
    """Name the release that was built of the baseline; again, it changes nothing.

    Raises:
        Conflict: the release is another version's.
    """
    way = State.CANDIDATE, State.BASELINE
    return name_release(store, version, release, way=way, actor=actor, at=at)


def serve_baseline(
    store: Store, version: Version, *, actor: str, reason: str, at: datetime
) -> LedgerRow:
    """Put the baseline in the champion's place; the champion so far counts as rolled back.

    Called again while it serves, it changes nothing.

    Args:
        store: where it is kept.
        version: the packaged baseline.
        actor: who decides.
        reason: why.
        at: when.

    Raises:
        NotFound: the surface has no champion, so there is nothing to go back from.
        Refused: no reason is given.
        Held: the version is no baseline that was packaged.
        Conflict: the champion was moved meanwhile.
    """
    champion = champion_of(store, version.surface)
    if champion is None:
        raise NotFound(
            f"{version.surface} has no champion that the baseline could replace; promote a version first"
        )
    if not reason.strip():
        raise Refused(f"serving the baseline of {version.surface} needs a reason")
    if champion.version == version.number:
        return history(store, version.surface)[-1]
    state, release = _ready(store, version)
    bad = position_of(store, version_of(store, version.surface, champion.version))
    return move_once(
        store,
        Transition(
            surface=version.surface,
            version=version.number,
            action=ACTION,
            expected=state,
            after=State.CHAMPION,
            actor=actor,
            role="operator",
            reason=reason,
            idempotency_key=f"{ACTION}:{version.surface}:{champion.epoch}",
            at=at,
            evidence=(release,),
            pointer=PointerMove(champion.epoch, version.number, release, None, None),
            also=((champion.version, bad.state, State.ROLLED_BACK),),
        ),
    )


def _ready(store: Store, version: Version) -> tuple[State, str]:
    """State and release of a packaged baseline, one that served before included.

    Raises:
        Held: the version is none.
    """
    position = position_of(store, version)
    served = served_as_baseline(store, version.surface, version.number)
    ready = position.state is State.BASELINE or (position.state in _LEFT and served)
    if position.release is None or not ready:
        raise Held(
            f"{named(version)} is {position.state} and no baseline that is ready to serve"
        )
    return position.state, position.release
