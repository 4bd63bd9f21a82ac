"""One guarantee taken out of the registry, which the state machine of promotions must notice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def forgets_what_was_made() -> tuple[Any, str, Any]:
    """G1: a request that was made is made again."""
    from sluice.registry import moves

    return moves, "made", lambda *_: None


def waivers_last_for_ever() -> tuple[Any, str, Any]:
    """G5: a waiver lets a version on after its end."""
    from sluice.registry import proof

    return proof, "lasts", lambda *_: True


def waivers_trust_the_clock() -> tuple[Any, str, Any]:
    """G5: a waiver that has ended comes back when a clock is put back."""
    from sluice.registry import proof

    return proof, "lasts", lambda store, version, waiver, at: waiver.holds(at)


def anybody_reviews() -> tuple[Any, str, Any]:
    """G5: an author approves the own version."""
    from sluice.registry import review

    return review, "ensure_may_review", lambda *_: None


def hashes_nothing() -> tuple[Any, str, Any]:
    """G9: a row that was edited is not seen."""
    from sluice.store import ledger

    return ledger, "_problems", lambda *_: []


MUTANTS = (
    forgets_what_was_made,
    waivers_last_for_ever,
    waivers_trust_the_clock,
    anybody_reviews,
    hashes_nothing,
)


@contextmanager
def mutated(mutant: Any) -> Iterator[None]:
    owner, name, replacement = mutant()
    honest = getattr(owner, name)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, honest)
