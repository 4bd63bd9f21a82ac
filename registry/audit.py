"""Whether ledger, records, champion, canary and serving pointers still tell the same story."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sluice.errors import IntegrityError
from sluice.registry.canary import ACTIONS
from sluice.registry.canary_audit import audit_canary
from sluice.registry.champions import history
from sluice.registry.coverage import Coverage, coverage
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import read_pointer
from sluice.registry.review_audit import audit_reviews
from sluice.registry.review_keys import ReviewTrust
from sluice.registry.states import SERVING
from sluice.store.canary import Canary
from sluice.store.ledger import Head, verify
from sluice.store.port import Store
from sluice.store.records import Champion, LedgerRow, Position


def audit(
    store: Store,
    *,
    pointers: Path | None = None,
    heads: Sequence[Head] = (),
    keys: KeyRing | None = None,
    reviews: ReviewTrust | None = None,
    compared: Coverage | None = None,
) -> list[str]:
    """What does not agree, one sentence each; empty where everything does.

    Args:
        store: whose ledger, champions and positions are read.
        pointers: folder of the serving pointers, where they are to be compared.
        heads: ledger heads that were exported earlier; without them a ledger that was truncated,
            rewritten whole or put back from a backup cannot be told from an untouched one.
        keys: whose signature the pointers need, where any was ever trusted.
        reviews: whose signatures count for people's decisions, where these are to be checked.
        compared: the records against the rows, where the caller has it already.
    """
    rows = store.find(LedgerRow)
    problems = [*verify(rows, *heads), *(compared or coverage(store)).problems]
    problems += audit_reviews(store, rows, reviews) if reviews else ()
    for surface in sorted({row.surface for row in rows if row.epoch is not None}):
        champion = store.get(Champion, surface=surface)
        if champion is None:
            problems.append(f"{surface}: the ledger has promotions, the store no champion")
            continue
        problems += _against_ledger(store, champion)
        problems += _against_positions(store, champion)
        if pointers:
            problems += _against_pointer(pointers, champion, keys)
    problems += _of_nobody(pointers, store) if pointers else ()
    with_canary = {row.surface for row in rows if row.action in ACTIONS}
    for surface in sorted(with_canary | {record.surface for record in store.find(Canary)}):
        problems += audit_canary(store, surface, pointers, keys)
    return problems


def _against_ledger(store: Store, champion: Champion) -> Iterator[str]:
    moves = history(store, champion.surface)
    if not moves or (moves[-1].epoch, moves[-1].evidence[:1]) != (
        champion.epoch,
        (champion.release,),
    ):
        yield (
            f"{champion.surface}: release {champion.release} serves at epoch {champion.epoch}, "
            "but the ledger's last move says otherwise"
        )


def _against_positions(store: Store, champion: Champion) -> Iterator[str]:
    positions = store.find(Position, surface=champion.surface)
    serving = [position.version for position in positions if position.state in SERVING]
    if serving != [champion.version]:
        yield f"{champion.surface}: version {champion.version} serves, but {serving} stand as champion"


def _against_pointer(
    folder: Path, champion: Champion, keys: KeyRing | None
) -> Iterator[str]:
    try:
        pointer = read_pointer(folder, champion.surface, keys)
    except IntegrityError as error:
        yield str(error)
        return
    if pointer is None:
        yield f"{champion.surface}: has a champion and no serving pointer; run the relay"
    elif (pointer.epoch, pointer.release) != (champion.epoch, champion.release):
        yield (
            f"{champion.surface}: the serving pointer names release {pointer.release} at epoch "
            f"{pointer.epoch}, the store {champion.release} at {champion.epoch}"
        )
    elif pointer.version != champion.version:
        yield (
            f"{champion.surface}: the serving pointer names version {pointer.version}, the store "
            f"{champion.version}"
        )


def _of_nobody(folder: Path, store: Store) -> Iterator[str]:
    """Pointers of surfaces of which the store knows no champion."""
    surfaces = {champion.surface for champion in store.find(Champion)}
    for path in sorted(folder.glob("*.json")):
        if path.stem.isidentifier() and path.stem not in surfaces:
            yield f"{path.stem}: has a serving pointer, and the store no champion"
