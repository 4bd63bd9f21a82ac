"""G5: pieces of the evidence that an approved version needs, each taken away or altered.

The version here needed everything there is: five gates, one of them waived, and two approvals.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from sluice.errors import Held
from sluice.registry import promotion
from sluice.registry.waivers import waivers_of
from sluice.store.memory import MemoryStore
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    OutboxRow,
    Outcome,
    Release,
    State,
    Verdict,
    Version,
)
from tests.lib.promotions import (
    BY_FLOW,
    bring,
    judged,
    package,
    panel,
    release_of,
    signatory,
)
from tests.lib.stores import T0

GATES = ("data", "leakage", "quality", "slices", "replay")
WAIVED = "slices"
UNTIL = T0 + timedelta(days=1)
Spoil = Callable[[MemoryStore], None]


def approved(store: MemoryStore) -> Version:
    version = bring(store, State.CANDIDATE)
    given = {"mandatory": GATES, **BY_FLOW}
    passed = judged("data", "leakage", "quality")
    failed = judged(WAIVED, outcome=Outcome.FAIL)
    promotion.gate(store, version, [*passed, *failed], **given)
    promotion.waive(
        store, version, WAIVED, by=signatory("rita"), panel=panel(2), reason="night is new",
        until=UNTIL, at=T0,
    )  # fmt: skip
    promotion.gate(store, version, (), **given)
    package(store, version)
    promotion.submit(store, version, judged("replay"), **given)
    for reviewer in ("rita", "Rob"):
        promotion.approve(
            store, version, by=signatory(reviewer), panel=panel(2), reason="",
            release=release_of(version), at=T0,
        )  # fmt: skip
    return version


def promote(store: MemoryStore, version: Version) -> LedgerRow:
    return promotion.promote(
        store, version, mandatory=GATES, panel=panel(2), judged_against=None,
        idempotency_key="promote", **BY_FLOW,
    )  # fmt: skip


def forget(kind: type, store: MemoryStore, **equals: object) -> None:
    for record in store.find(kind, **equals):
        store._records[kind].pop(tuple(getattr(record, name) for name in record.key))


def alter(
    kind: type, changes: dict[str, object], store: MemoryStore, **equals: object
) -> None:
    for record in store.find(kind, **equals):
        forget(kind, store, **{name: getattr(record, name) for name in record.key})
        store._write(replace(record, **changes))


def of_evidence(gate: str, spoil: Callable[..., None], store: MemoryStore) -> None:
    for verdict in store.find(Verdict, gate=gate):
        spoil(store, digest=verdict.evidence)


def of_waiver(spoil: Callable[..., None], store: MemoryStore) -> None:
    for waiver in waivers_of(store, store.find(Version)[0]):
        spoil(store, digest=waiver.document)


def of_approvals(changes: dict[str, object] | None, who: str, store: MemoryStore) -> None:
    if changes is None:
        forget(LedgerRow, store, action="approve", actor=who)
    else:
        alter(LedgerRow, changes, store, action="approve", actor=who)


def removed(gate: str, store: MemoryStore) -> None:
    forget(Verdict, store, gate=gate)


def says(gate: str, outcome: Outcome, store: MemoryStore) -> None:
    alter(Verdict, {"outcome": outcome}, store, gate=gate)


def embellish(store: MemoryStore, **equals: object) -> None:
    """Another figure in a document that still says the same outcome."""
    for document in store.find(Document, **equals):
        body = {**document.body, "auc": 1.0}
        alter(Document, {"body": body}, store, digest=document.digest)


ITEMS: dict[str, Spoil] = {
    **{f"verdict of {gate} removed": partial(removed, gate) for gate in GATES},
    **{
        f"verdict of {gate} {outcome}": partial(says, gate, outcome)
        for gate in GATES
        if gate != WAIVED
        for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)
    },
    **{
        f"evidence of {gate} removed": partial(of_evidence, gate, partial(forget, Document))
        for gate in GATES
    },
    **{
        f"evidence of {gate} altered": partial(of_evidence, gate, embellish)
        for gate in GATES
    },
    "waiver removed": partial(forget, LedgerRow, action="waive"),
    "waiver by the author": partial(alter, LedgerRow, {"actor": "ann"}, action="waive"),
    "waiver's terms removed": partial(of_waiver, partial(forget, Document)),
    "waiver's terms altered": partial(
        of_waiver,
        partial(alter, Document, {"body": {"gate": WAIVED, "until": "2099-01-01"}}),
    ),
    "release removed": partial(forget, Release),
    "release of another version": partial(alter, Release, {"version": 9}),
    **{
        f"approval by {who} {what}": partial(of_approvals, changes, who)
        for who in ("rita", "Rob")
        for what, changes in {
            "removed": None,
            "made by the author": {"actor": "Ann"},
            "made of other bytes": {"evidence": ("f" * 64,)},
        }.items()
    },
    "both approvals by one person": partial(of_approvals, {"actor": "RITA "}, "Rob"),
}


def served_without(names: Iterable[str]) -> str:
    """What is wrong once these pieces are spoiled: empty where the version is held, and serves nowhere."""
    store = MemoryStore()
    version = approved(store)
    for name in sorted(names):
        ITEMS[name](store)
    try:
        promote(store, version)
    except Held as error:
        moved = store.find(Champion) or store.find(OutboxRow)
        said = "cannot serve" in str(error)
        return "" if said and not moved else f"held, but {moved or error}"
    return f"promoted in spite of {', '.join(sorted(names))}"


def reads_nothing_again() -> tuple[Any, str, Any]:
    """G5: once approved, nothing is read again."""
    return promotion, "ensure_promotable", lambda *_, **__: None


def takes_any_document() -> tuple[Any, str, Any]:
    """G5: evidence counts, whatever has become of it."""
    from sluice.registry import proof

    return proof, "json_digest", _Any


class _Any:
    """Equal to every digest."""

    def __init__(self, _: object) -> None:
        pass

    def __ne__(self, other: object) -> bool:
        return False


MUTANTS = (reads_nothing_again, takes_any_document)
