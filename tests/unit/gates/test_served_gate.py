"""The served gate: whom it holds, by which figure, and which embargo it asks for."""

from dataclasses import replace

import pytest

from sluice.errors import IntegrityError
from sluice.gates.registry import remedies
from sluice.gates.served import ServedGate, embargo_for, judge_window
from sluice.gates.spec import TIERS
from sluice.metrics.parity_report import ParityReport, ReleaseParity
from sluice.store.records import Outcome
from tests.lib.evidence import RELEASE, a_parity
from tests.lib.gate_worlds import as_served

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("given", "outcome", "why"),
    [
        ({}, PASS, "100.000% of the champion's 1,000 answers are the same"),
        ({"identical": 999}, PASS, "99.900% of"),
        ({"identical": 998}, FAIL, "99.800% of the champion's 1,000 answers"),
        ({"identical": 0}, FAIL, "99.900% is asked"),
        ({"requests": 100, "identical": 100}, PASS, "100 answers"),
        ({"requests": 99, "identical": 99}, INCONCLUSIVE, "answered 99 requests"),
        ({"requests": 0, "identical": 0}, INCONCLUSIVE, "answered 0 requests"),
        # Too few are not enough for a failure either: what they say is chance.
        ({"requests": 99, "identical": 0}, INCONCLUSIVE, "answered 99 requests"),
        ({"champion": "e7" * 32}, INCONCLUSIVE, "answered 0 requests"),
        ({"champion": None}, PASS, "no champion yet"),
        ({"champion": None, "identical": 0}, PASS, "nobody is served"),
        ({"end_hours": 36}, PASS, "are the same"),
        ({"end_hours": 36.01}, INCONCLUSIVE, "last parity window is 36.0 h old"),
        ({"age_hours": -0.01}, INCONCLUSIVE, "after the judgement"),
        ({"delay_s": 2.0}, PASS, "take 2.0 s (95th percentile), 2s is assumed"),
        ({"delay_s": 2.1}, FAIL, 'declare features.embargo = "3s"'),
        ({"delay_s": 2.1, "embargo": "5m"}, PASS, "5m is assumed"),
        ({"delay_s": 0.2, "embargo": "0s"}, FAIL, 'declare features.embargo = "1s"'),
        ({"delay_s": 900.0}, FAIL, 'declare features.embargo = "15m"'),
        ({"delay_s": None}, INCONCLUSIVE, "no event came in live"),
        ({"delay_s": 9.0, "identical": 0}, FAIL, "is asked"),
    ],
)  # fmt: skip
def test_it_judges_the_champions_last_window(given, outcome, why):
    judgement = as_served(**given)

    assert judgement.outcome is outcome
    assert why in judgement.reason
    assert bool(remedies("served", outcome, judgement.evidence)) is (outcome is not PASS)


def test_another_releases_answers_count_neither_for_nor_against_the_champion():
    other = ReleaseParity("e7" * 32, 5_000, 0)
    both = (other, *a_parity().releases)

    assert as_served(releases=both).outcome is PASS
    assert as_served(releases=both, champion=other.release).outcome is FAIL


def test_a_release_that_cannot_be_asked_again_holds_and_says_why():
    gone = ReleaseParity(RELEASE, 1_000, 0, unusable="a byte of it changed")

    judgement = as_served(releases=(gone,))

    assert judgement.outcome is FAIL
    assert judgement.reason.endswith("99.900% is asked: a byte of it changed.")


@pytest.mark.parametrize(
    ("seconds", "declared"),
    [(0, "1s"), (0.2, "1s"), (1, "1s"), (59.1, "60s"), (119, "119s"), (119.5, "2m"),
     (121, "3m"), (7_199, "120m"), (7_200, "2h"), (7_201, "3h"), (86_400, "24h"), (172_801, "3d")],
)  # fmt: skip
def test_the_embargo_that_it_asks_for_covers_the_delay(seconds, declared):
    assert embargo_for(seconds) == declared


@pytest.mark.parametrize(
    ("given", "outcome"),
    [({}, PASS), ({"identical": 999}, PASS), ({"identical": 998}, FAIL),
     ({"requests": 0, "identical": 0}, INCONCLUSIVE), ({"requests": 99, "identical": 99}, INCONCLUSIVE),
     ({"delay_s": None}, PASS)],
)  # fmt: skip
def test_a_window_is_judged_by_its_answers_alone(given, outcome):
    assert judge_window(a_parity(**given), ServedGate())[0] is outcome


def test_it_is_mandatory_for_what_is_critical_alone():
    assert [name for name, tier in TIERS.items() if "served" in tier.gates] == ["critical"]


@pytest.mark.parametrize(
    "report",
    [a_parity(), a_parity(requests=0, identical=0, delay_s=None, state_age=None),
     replace(a_parity(), unknown_items=None, unknown_users=None)],
    ids=["whole", "empty", "unknown"],
)  # fmt: skip
def test_a_report_survives_json(report):
    assert ParityReport.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    "spoil",
    [lambda body: body.pop("surface"), lambda body: body.update(more=1),
     lambda body: body.update(releases=[{"release": "a"}]), lambda body: body.update(lost="many"),
     lambda body: body.update(start="yesterday")],
    ids=["missing", "extra", "release", "type", "time"],
)  # fmt: skip
def test_what_is_no_report_is_refused(spoil):
    body = a_parity().to_json()
    spoil(body)

    with pytest.raises(IntegrityError, match="Cannot read a parity report"):
        ParityReport.from_json(body)
