from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.store.ledger import GENESIS, Head, row_hash, seal, verify
from sluice.store.memory import MemoryStore
from sluice.store.records import LedgerRow
from tests.lib.stores import a_move, register


def a_chain(length):
    store = MemoryStore()
    for number in range(length // 2):
        register(store, f"run-{number}")
        store.transition(a_move(number + 1))
    return list(store.find(LedgerRow))


CHAIN = a_chain(8)
HEAD = Head(8, CHAIN[-1].hash)


def test_an_untouched_chain_has_no_problem():
    assert verify(CHAIN, HEAD) == []
    assert verify(CHAIN, Head(3, CHAIN[2].hash)) == []
    assert verify([]) == []


def test_the_first_row_follows_the_genesis():
    assert (CHAIN[0].sequence, CHAIN[0].previous_hash) == (1, GENESIS)


def resealed(rows):
    """As an attacker would who knows how rows are hashed."""
    chain = []
    for row in rows:
        chain.append(seal(row, chain[-1] if chain else None))
    return chain


EDITED = replace(CHAIN[3], actor="eve")
TAMPERED = {
    "edited": ([*CHAIN[:3], EDITED, *CHAIN[4:]], "row 4 was edited"),
    "edited and hashed": (
        [*CHAIN[:3], replace(EDITED, hash=row_hash(EDITED)), *CHAIN[4:]], "row 5 does not follow",
    ),
    "deleted": ([*CHAIN[:3], *CHAIN[4:]], "row 5 stands where row 4 should"),
    "first deleted": (CHAIN[1:], "row 2 stands where row 1 should"),
    "reordered": ([*CHAIN[:3], CHAIN[4], CHAIN[3], *CHAIN[5:]], "row 5 stands where row 4 should"),
    "renumbered": (
        [*CHAIN[:3], replace(CHAIN[4], sequence=4), replace(CHAIN[3], sequence=5), *CHAIN[5:]],
        "row 4 was edited",
    ),
    "inserted": (
        [*CHAIN[:3], seal(EDITED, CHAIN[2]), *CHAIN[3:]], "row 4 stands where row 5 should",
    ),
    "rewritten whole": (resealed([*CHAIN[:3], EDITED, *CHAIN[4:]]), "not the one exported"),
    "truncated": (CHAIN[:-2], "truncated"),
    "emptied": ([], "ends at row 0"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "found"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_is_found(rows, found):
    assert any(found in problem for problem in verify(rows, HEAD))


@pytest.mark.parametrize("name", ["rewritten whole", "truncated", "emptied"])
def test_without_an_exported_head_a_consistent_forgery_passes(name):
    """Why the head is exported at all."""
    assert verify(TAMPERED[name][0]) == []


@given(st.permutations(range(8)))
def test_every_reordering_is_found(order):
    problems = verify([CHAIN[index] for index in order])

    assert bool(problems) == (order != sorted(order))


@pytest.mark.parametrize("field", [name for name in vars(CHAIN[0]) if name != "hash"])
def test_every_field_is_hashed(field):
    row = CHAIN[2]
    value = getattr(row, field)
    others = {int: 99, str: "x", tuple: ("x",), dict: {"x": "y"}, type(None): "x"}
    other = others.get(type(value), CHAIN[1].at)

    assert row_hash(replace(row, **{field: other})) != row.hash
