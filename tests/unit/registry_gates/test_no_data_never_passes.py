"""G6: no data is never a pass. What was not measured is inconclusive, and holds the version."""

from collections.abc import Callable

import pytest

from registry import promotion
from registry.gates.coverage import judge_coverage
from registry.gates.judgement import Judgement
from registry.gates.quality import judge_quality
from registry.gates.replay import ReplayFigures, judge_replay
from registry.gates.slices import judge_slices
from sluice.gate_spec import CoverageGate, GateSpec, QualityGate, ReplayGate
from sluice.metrics import evaluate
from sluice.store.memory import MemoryStore
from sluice.store.records import Champion, OutboxRow, Outcome, State
from tests.lib.evidence import a_comparison, a_replay
from tests.lib.gate_worlds import (
    EMPTY,
    NAN,
    SLICED,
    calibrated,
    churned,
    covered,
    fresh,
    leaked,
    scores,
    sliced,
    world,
)
from tests.lib.promotions import BY_FLOW, bring, judged

RULE = QualityGate()
ALL = GateSpec().mandatory


def quality(**figures: float) -> Judgement:
    return judge_quality(a_comparison(**figures), RULE, reference_kind="champion")


def unanswered() -> Judgement:
    """A replay that was cut off: nothing was asked, so there is no latency either."""
    cut = ReplayFigures(None, None, None, None, None, None, None)
    return judge_replay(cut, ReplayGate())


NO_DATA: dict[str, Callable[[], Judgement]] = {
    "NaN metric: the difference": lambda: quality(difference=NAN),
    "NaN metric: a bound": lambda: quality(low=NAN),
    "NaN metric: infinite": lambda: quality(high=float("inf")),
    "NaN metric: the replay's latency": lambda: judge_replay(a_replay(p99_ms=NAN), ReplayGate()),
    "NaN metric: the leakage audit": lambda: leaked(worst=NAN),
    "empty slice: a declared dimension without any": lambda: judge_slices(
        {"slices": []}, SLICED.slices
    ),
    "empty slice: too few requests in one": lambda: sliced(
        scores(2)[:720], world().take(0, 90), SLICED
    ),
    "missing baseline": lambda: judge_quality(None, RULE, reference_kind="baseline"),
    "missing champion: no refit to tell churn from noise": lambda: churned(scores(2), refits=0),
    "zero labels: nothing to be ranked": lambda: quality(requests=0, clusters=0),
    "zero labels: nothing that was promised came": lambda: calibrated(1.0, label=0.0),
    "empty frame: no judged row": lambda: covered(gone=0.0, judged=EMPTY),
    "empty frame: no figures at all": lambda: judge_coverage(None, CoverageGate()),
    "stale report: of another metric than is declared": lambda: quality_of("auc"),
    "stale report: from the future": lambda: fresh(-5, 3),
    "stale report: nobody knows how old": lambda: fresh(None, None),
    "timeout: no report": lambda: judge_replay(None, ReplayGate()),
    "timeout: a report without figures": unanswered,
    "timeout: fewer requests than declared": lambda: judge_replay(
        a_replay(requests=3), ReplayGate()
    ),
}  # fmt: skip


def quality_of(metric: str) -> Judgement:
    return judge_quality(a_comparison(metric=metric), RULE, reference_kind="champion")


@pytest.mark.parametrize("judging", NO_DATA.values(), ids=NO_DATA)
def test_it_is_inconclusive_and_holds(judging):
    judgement = judging()
    store = MemoryStore()
    asked = (*ALL, *({judgement.gate} - set(ALL)))
    early = [gate for gate in asked if gate not in {judgement.gate, "replay"}]
    version = bring(store, State.CANDIDATE)
    state = promotion.gate(
        store, version, [*judged(*early), *([judgement] if judgement.gate != "replay" else [])],
        mandatory=asked, **BY_FLOW,
    )  # fmt: skip
    if judgement.gate == "replay":
        promotion.package(store, version, "9" * 64, **BY_FLOW)
        state = promotion.submit(store, version, [judgement], mandatory=asked, **BY_FLOW)

    assert judgement.outcome is Outcome.INCONCLUSIVE, judgement.reason
    assert state is State.BLOCKED
    assert store.find(Champion) == store.find(OutboxRow) == ()


def test_what_is_too_old_fails_outright():
    assert fresh(2, 72).outcome is Outcome.FAIL


def test_no_label_in_any_request_gives_no_figure_to_compare():
    frame = world().take(0, 50)
    unlabelled = type(frame)(**{**vars(frame), "labels": frame.labels * 0})

    assert evaluate(scores(1)[: frame.rows], unlabelled).dropped == frame.requests
