"""A key that follows on one which was revoked first is a problem until a reviewer vouches for it."""

import pytest

from sluice.errors import Refused
from sluice.registry.audit import audit
from sluice.registry.heads import export_head, read_heads
from sluice.registry.heads_audit import audit_heads
from sluice.registry.keys import KeyRing
from sluice.registry.new_key import acknowledge_key, acknowledged_keys
from sluice.store.memory import MemoryStore
from sluice.store.records import State
from tests.lib import promotions as lib
from tests.lib.stores import T0


@pytest.fixture
def store():
    store = MemoryStore()
    lib.bring(store, State.IN_REVIEW)
    return store


def acknowledge(store, key, name="rita", reason="the laptop was stolen"):
    return acknowledge_key(
        store, "feed", key, by=lib.signatory(name), panel=lib.panel(), reason=reason, at=T0
    )


def test_a_reviewers_word_ends_the_problem(store, tmp_path):
    ring, heads = KeyRing(tmp_path / "keys"), tmp_path / "heads"
    export_head(store, heads, ring, T0)
    ring.revoke(ring.signing().public.id, at=T0, reason="stolen")
    new = ring.generate(rotate=True)
    lib.approve(store, lib.bring(store, State.IN_REVIEW, "b"))
    export_head(store, heads, ring, T0, name_keys=True)

    def problems():
        found, unread = read_heads(heads, ring.known())
        assert not unread
        ours = acknowledged_keys(store, lib.TRUST)
        return [
            each
            for each in audit_heads(store, found, ring, 0, ours)
            if "signed with" in each
        ]

    assert "sluice audit acknowledge-key" in problems()[0]
    row = acknowledge(store, new)
    export_head(store, heads, ring, T0)

    assert (row.action, row.actor, row.after) == ("key", "rita", "approved")
    assert problems() == []
    assert audit(store, reviews=lib.TRUST) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"name": "eve"}, "is no reviewer"), ({"reason": " "}, "needs a reason")],
)
def test_nobody_else_vouches(store, changes, why):
    with pytest.raises(Refused, match=why):
        acknowledge(store, lib.KEY.public, **changes)
