"""Context that nobody sends is none that a request brings along."""

import pytest

from sluice.gates.sent_context import ServedContext
from sluice.store.records import Outcome
from tests.lib.gate_worlds import leaked

LEARNED = {"context_hour": 1.0, "context_read": 0.4}


def served(requests: int = 1_000, **sent: float) -> ServedContext:
    return ServedContext(requests, sent)


@pytest.mark.parametrize(
    ("declared", "log", "outcome"),
    [
        (("context_hour", "context_read"), None, Outcome.PASS),
        (("context_*",), None, Outcome.PASS),
        (("context_hour",), None, Outcome.INCONCLUSIVE),
        ((), served(context_hour=1.0, context_read=0.3), Outcome.PASS),
        ((), served(context_hour=1.0, context_read=0.19), Outcome.INCONCLUSIVE),
        (("context_*",), served(context_hour=1.0), Outcome.INCONCLUSIVE),
        (("context_*",), served(requests=99), Outcome.PASS),
        ((), served(requests=99, context_hour=1.0, context_read=1.0), Outcome.INCONCLUSIVE),
    ],
)
def test_the_served_requests_say_what_is_sent_and_before_them_the_declaration(
    declared, log, outcome
):
    judgement = leaked(learned=LEARNED, declared=declared, served=log)

    assert judgement.outcome is outcome
    assert ("context_read" in judgement.reason) == (outcome is not Outcome.PASS)


def test_a_column_that_was_never_known_taught_nothing():
    assert leaked(learned={"context_read": 0.0}).outcome is Outcome.PASS
