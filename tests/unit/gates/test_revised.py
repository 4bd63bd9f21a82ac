"""A column that says something else of the past than it did is held by the leakage gate."""

import json

import pytest

from sluice.data.revisions import Revision
from sluice.gates.leakage import Audited, LeakageGate, RankedAlone
from sluice.gates.registry import remedies
from sluice.gates.revised import Revised
from sluice.gates.sent_context import SentContext
from sluice.store.records import Outcome

SOUND = Audited(probes=3, rows=1_000, moved=(), worst=0.0)


def judged(changed: int, with_counts: float | None = None, limit: float = 0.01):
    column = {"context_total": Revision(1_000, changed, with_counts)}
    return LeakageGate(max_revised=limit).decide(
        SOUND,
        RankedAlone(0.8, {"context_total": 0.6}),
        SentContext({}),
        revised=Revised("a" * 64, column),
    )


@pytest.mark.parametrize(
    ("changed", "limit", "outcome"),
    [
        (0, 0.01, Outcome.PASS),
        (10, 0.01, Outcome.PASS),
        (11, 0.01, Outcome.FAIL),
        (11, 0.05, Outcome.PASS),
        (1, 0.0, Outcome.FAIL),
    ],
)
def test_a_few_mended_rows_pass_and_a_moving_total_fails(changed, limit, outcome):
    judgement = judged(changed, limit=limit)

    assert judgement.outcome is outcome
    json.dumps(judgement.evidence, allow_nan=False)


def test_it_says_what_moved_with_what_and_what_to_do():
    judgement = judged(600, with_counts=0.97)
    (remedy,) = remedies("leakage", judgement.outcome, judgement.evidence)

    assert "context_total has another value for 600 of 1,000 rows" in judgement.reason
    assert "goes along with what was shown since (+0.97)" in judgement.reason
    assert "under the time from which it is known" in remedy
