"""G6: the ways in which a gate can have nothing to judge by."""

from collections.abc import Callable
from typing import Any

from sluice.gates.coverage import CoverageGate
from sluice.gates.judgement import Judgement
from sluice.gates.quality import QualityGate
from sluice.gates.replay import ReplayFigures, ReplayGate
from sluice.gates.spec import GateSpec
from sluice.registry import candidacy, promotion, proof
from sluice.store.memory import MemoryStore
from sluice.store.records import Champion, OutboxRow, Outcome, State
from tests.lib.evidence import a_comparison, a_replay
from tests.lib.gate_worlds import (
    EMPTY,
    NAN,
    SLICED,
    as_served,
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
    return RULE.decide(a_comparison(**figures), reference_kind="champion")


def unanswered() -> Judgement:
    """A replay that was cut off: nothing was asked, so there is no latency either."""
    cut = ReplayFigures(None, None, None, None, None, None, None)
    return ReplayGate().decide(cut)


NO_DATA: dict[str, Callable[[], Judgement]] = {
    "NaN metric: the difference": lambda: quality(difference=NAN),
    "NaN metric: a bound": lambda: quality(low=NAN),
    "NaN metric: infinite": lambda: quality(high=float("inf")),
    "NaN metric: the replay's latency": lambda: ReplayGate().decide(a_replay(p99_ms=NAN)),
    "NaN metric: the leakage audit": lambda: leaked(worst=NAN),
    "empty slice: a declared dimension without any": lambda: SLICED.slices.decide({"slices": []}),
    "empty slice: too few requests in one": lambda: sliced(
        scores(2)[:720], world().take(0, 90), SLICED
    ),
    "missing baseline": lambda: RULE.decide(None, reference_kind="baseline"),
    "missing champion: no refit to tell churn from noise": lambda: churned(scores(2), refits=0),
    "zero labels: nothing to be ranked": lambda: quality(requests=0, clusters=0),
    "zero labels: nothing that was promised came": lambda: calibrated(1.0, label=0.0),
    "empty frame: no judged row": lambda: covered(gone=0.0, judged=EMPTY),
    "empty frame: no figures at all": lambda: CoverageGate().decide(None),
    "stale report: of another metric than is declared": lambda: quality_of("auc"),
    "stale report: from the future": lambda: fresh(-5, 3),
    "stale report: nobody knows how old": lambda: fresh(None, None),
    "stale report: parity of two days ago": lambda: as_served(end_hours=48),
    "nothing served: no parity of this champion": lambda: as_served(champion="e7" * 32),
    "nothing served: too few answers": lambda: as_served(requests=99, identical=99),
    "no live event: nobody knows how late they are": lambda: as_served(delay_s=None),
    "timeout: no report": lambda: ReplayGate().decide(None),
    "timeout: a report without figures": unanswered,
    "timeout: fewer requests than declared": lambda: ReplayGate().decide(a_replay(requests=3)),
}  # fmt: skip


def quality_of(metric: str) -> Judgement:
    return RULE.decide(a_comparison(metric=metric), reference_kind="champion")


def let_on_by(name: str) -> str:
    """What is wrong where the gate has no data: empty where it is inconclusive, and holds the version."""
    judgement, store = NO_DATA[name](), MemoryStore()
    asked = (*ALL, *({judgement.gate} - set(ALL)))
    early = [gate for gate in asked if gate not in {judgement.gate, "replay"}]
    version = bring(store, State.CANDIDATE)
    of_candidate = [judgement] if judgement.gate != "replay" else []
    state = promotion.gate(
        store, version, [*judged(*early), *of_candidate], mandatory=asked, **BY_FLOW
    )
    if judgement.gate == "replay":
        promotion.package(store, version, "9" * 64, **BY_FLOW)
        state = promotion.submit(store, version, [judgement], mandatory=asked, **BY_FLOW)
    if judgement.outcome is not Outcome.INCONCLUSIVE:
        return f"{judgement.outcome}: {judgement.reason}"
    moved = store.find(Champion) or store.find(OutboxRow)
    return "" if state is State.BLOCKED and not moved else f"the version is {state}"


def inconclusive_lets_on() -> tuple[Any, str, Any]:
    """G6: only a gate that fails holds."""
    honest = proof.unproven

    def unproven(*given: Any) -> tuple[str, ...]:
        return tuple(each for each in honest(*given) if "inconclusive" not in each)

    return candidacy, "unproven", unproven


MUTANTS = (inconclusive_lets_on,)
