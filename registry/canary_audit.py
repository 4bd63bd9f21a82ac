"""Whether ledger, canaries and their pointers still tell the same story."""

from collections.abc import Iterator
from pathlib import Path

from sluice.errors import IntegrityError
from sluice.registry.canary import START, canary_moves
from sluice.registry.canary_pointer import read_canary_pointer
from sluice.registry.keys import KeyRing
from sluice.registry.promotion import champion_of
from sluice.registry.states import SERVING
from sluice.store.canary import Canary
from sluice.store.port import Store
from sluice.store.records import Document, LedgerRow, Position


def audit_canary(
    store: Store, surface: str, pointers: Path | None, keys: KeyRing | None = None
) -> Iterator[str]:
    """What does not agree about the surface's canary, one sentence each."""
    canary, moves = store.get(Canary, surface=surface), canary_moves(store, surface)
    if canary is None:
        if moves:
            yield f"{surface}: the ledger has canaries, the store none"
        return
    yield from _against_ledger(store, canary, moves)
    yield from _against_champion(store, canary)
    if pointers:
        yield from _against_pointer(pointers, canary, keys)


def _against_ledger(
    store: Store, canary: Canary, moves: tuple[LedgerRow, ...]
) -> Iterator[str]:
    last = moves[-1] if moves else None
    held = (canary.epoch, canary.version, canary.release, canary.share)
    logged = last and (len(moves), last.version, last.evidence[0], _share(store, last))
    if held != logged:
        yield (
            f"{canary.surface}: release {canary.release} is the canary with share {canary.share:g} "
            f"at epoch {canary.epoch}, but the ledger's last move of it says otherwise"
        )


def _share(store: Store, row: LedgerRow) -> float | None:
    if row.action != START:
        return 0.0
    terms = store.get(Document, digest=row.evidence[1])
    return terms.body["share"] if terms else None


def _against_champion(store: Store, canary: Canary) -> Iterator[str]:
    position = store.get(Position, surface=canary.surface, version=canary.version)
    if not canary.runs or position is None:
        return
    if champion_of(store, canary.surface) is None:
        yield f"{canary.surface}: version {canary.version} is a canary beside no champion"
    elif position.state not in SERVING and position.release != canary.release:
        yield (
            f"{canary.surface}: the canary serves release {canary.release}, which is not the one "
            f"of version {canary.version}"
        )


def _against_pointer(folder: Path, canary: Canary, keys: KeyRing | None) -> Iterator[str]:
    try:
        pointer = read_canary_pointer(folder, canary.surface, keys)
    except IntegrityError as error:
        yield str(error)
        return
    if pointer is None:
        yield f"{canary.surface}: has had a canary and no canary pointer; run the relay"
    elif (pointer.epoch, pointer.release, pointer.share) != (
        canary.epoch,
        canary.release,
        canary.share,
    ):
        yield (
            f"{canary.surface}: the canary pointer gives release {pointer.release} share "
            f"{pointer.share:g} at epoch {pointer.epoch}, the store {canary.release} "
            f"{canary.share:g} at {canary.epoch}"
        )
