"""Candidates for the gates: for each gate a sound one, one it must stop, and some it cannot know."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cache

import numpy as np

from sluice.features.state.frame import RankingFrame
from sluice.gates.calibration import CalibrationGate, calibration_rule
from sluice.gates.churn import ChurnGate, stability
from sluice.gates.coverage import CoverageGate, coverage
from sluice.gates.data import DataGate
from sluice.gates.ecosystem import EcosystemGate, ecosystem
from sluice.gates.freshness import FreshnessGate
from sluice.gates.judgement import Judgement
from sluice.gates.leakage import Audited, LeakageGate, RankedAlone
from sluice.gates.quality import QualityGate
from sluice.gates.replay import ReplayGate
from sluice.gates.sent_context import SentContext, ServedContext
from sluice.gates.served import ServedGate
from sluice.gates.slices import slices
from sluice.gates.spec import GateSpec
from sluice.metrics import (
    PairedComparison,
    calibrations,
    compare,
    evaluate,
    predictions_of,
)
from sluice.metrics.slice_labels import hour_labels
from sluice.store.records import Outcome
from tests.lib.evidence import RELEASE, SUITES, a_parity, a_replay
from tests.lib.frames import generated_frame
from tests.lib.slates import marketplace
from tests.lib.stores import T0

NAN = float("nan")
REQUESTS, CANDIDATES = 1_500, 8
LEAKAGE = LeakageGate()
MODEST = {"item.click.1h": 0.71, "context_hour": 0.5}
_DAY = 86_400_000_000


@dataclass(frozen=True)
class GateCase:
    """One gate's candidates, each judged from figures that the flow's own functions measured."""

    sound: Callable[[], Judgement]
    counter_example: Callable[[], Judgement]
    stops: str
    """What the reason must name."""
    unknown: tuple[Callable[[], Judgement], ...]
    """No data, one way each: NaN, nothing, a missing baseline, too little."""


@cache
def world() -> RankingFrame:
    """Requests over one whole day by 200 people, each of whom clicks once."""
    frame = generated_frame(
        REQUESTS, CANDIDATES, rng=np.random.default_rng(3), users=200, noise=0.5
    )
    return replace(frame, ts=np.linspace(0, _DAY - 1, REQUESTS).astype(np.int64))


def scores(seed: int, *, noise: float = 0.2) -> np.ndarray:
    """A ranker of one configuration, fitted with another seed: true quality and its own error."""
    quality = world().column("quality").astype(np.float64)
    return quality + noise * np.random.default_rng(seed).normal(size=world().rows)


def by_night_reversed(given: np.ndarray) -> np.ndarray:
    """Worse than chance from midnight to six, and as good as before at any other time."""
    night = np.repeat(hour_labels(world().ts) == "00-05", CANDIDATES)
    return np.where(night, -given, given)


def quality(candidate: np.ndarray, **rule: object) -> Judgement:
    declared = QualityGate.model_validate({"margin": 0.03, **rule})
    comparison = compare(
        evaluate(candidate, world()), evaluate(scores(1), world()), world().users,
        declared.metric, rng=np.random.default_rng(0),
    )  # fmt: skip
    return declared.decide(comparison, reference_kind="champion")


def sliced(candidate: np.ndarray, frame: RankingFrame, gates: GateSpec) -> Judgement:
    results = evaluate(candidate, frame), evaluate(scores(1)[: frame.rows], frame)
    return gates.slices.decide(slices(*results, frame, gates))


SLICED = GateSpec.model_validate({"slices": {"margin": 0.1, "dimensions": ["hour"]}})


def calibrated(
    scale: float, *, positives: int = 200, label: float | None = None
) -> Judgement:
    """Probabilities that are the truth times `scale`; `label` replaces all that came."""
    frame, rng = world(), np.random.default_rng(8)
    truth = rng.uniform(0.05, 0.4, frame.rows)
    came = (rng.random(frame.rows) < truth).astype(np.float64)
    outcomes = came if label is None else np.full(frame.rows, label)
    rule = CalibrationGate(min_positives=positives)
    rows = calibrations(
        predictions_of(truth * scale, frame, outcomes), {}, calibration_rule(rule), rng=rng
    )
    found = {"click": [asdict(each) for each in rows]}
    return rule.decide(found, family="multitask")


def churned(candidate: np.ndarray, *, refits: int = 3, k: int = 3) -> Judgement:
    rule = ChurnGate(k=k, margin=0.05)
    found = stability(
        candidate,
        scores(1),
        [scores(seed) for seed in range(20, 20 + refits)],
        world(),
        rule,
    )
    row = found["comparison"]
    return rule.decide(PairedComparison(**row) if row else None, champion=True, pairs=found["pairs"], requests=found["requests"])  # fmt: skip


def of_providers(candidate_for: str, *, providers: bool = True) -> Judgement:
    """A candidate for the users alone, or one that puts the largest provider on top."""
    slates = marketplace(
        np.random.default_rng(4), requests=REQUESTS, candidates=CANDIDATES, providers=12
    )
    reference = slates.scores
    large = np.array([name == "p00" for name in slates.providers or ()], np.float64)
    other = reference + 0.05 * np.random.default_rng(5).normal(size=slates.rows)
    candidate = other if candidate_for == "users" else other + 10 * large
    found = ecosystem(
        slates if providers else replace(slates, providers=None),
        world(), candidate, reference, EcosystemGate(),
    )  # fmt: skip
    row = found["comparison"]
    return EcosystemGate().decide(PairedComparison(**row) if row else None, reference_kind="champion", gini=found["gini"])  # fmt: skip


def covered(
    *, gone: float, rows: int = 500, judged: RankingFrame | None = None
) -> Judgement:
    """`quality` is unknown for a share of the judged rows."""
    later = world() if judged is None else judged
    features = later.features.copy()
    features[: int(gone * later.rows), later.names.index("quality")] = np.nan
    found = coverage(world(), replace(later, features=features))
    return CoverageGate(min_rows=rows).decide(found)


def fresh(newest_hours: float | None, clock_hours: float | None) -> Judgement:
    newest, clock = (
        None if hours is None else T0 - timedelta(hours=hours)
        for hours in (newest_hours, clock_hours)
    )
    return FreshnessGate().decide(newest=newest, clock=clock, at=T0)


def leaked(
    *,
    alone: Mapping[str, float] | None = MODEST,
    model: float | None = 0.78,
    learned: Mapping[str, float] | None = None,
    declared: tuple[str, ...] = (),
    served: ServedContext | None = None,
    rule: LeakageGate = LEAKAGE,
    **changes: object,
) -> Judgement:
    """An audit that saw nothing move, columns that rank modestly, and no context."""
    sound = {"probes": 8, "rows": 4_096, "moved": (), "worst": 0.0}
    return rule.decide(
        Audited(**{**sound, **changes}),
        None if alone is None else RankedAlone(model, alone),
        SentContext(learned or {}, declared, served),
    )


def as_served(
    *, embargo: str = "2s", champion: str | None = RELEASE, **changes: object
) -> Judgement:
    """The champion answered a thousand requests yesterday, all of them as its bytes do."""
    return ServedGate().decide(
        a_parity(**changes), champion=champion, embargo=embargo, at=T0
    )


EMPTY = world().take(0, 0)

GATES: dict[str, GateCase] = {
    "data": GateCase(
        sound=lambda: DataGate().decide(SUITES),
        counter_example=lambda: DataGate().decide(
            [*SUITES[:-1], ("across", Outcome.FAIL, 4, ("clicks were shown",))]
        ),
        stops="clicks were shown",
        unknown=(
            lambda: DataGate().decide([]),
            lambda: DataGate().decide([("exposures", Outcome.PASS, 0, ())]),
            lambda: DataGate().decide(SUITES[:1], required=("exposures", "items")),
        ),
    ),
    "leakage": GateCase(
        sound=leaked,
        counter_example=lambda: leaked(moved=("item.click.24h",), worst=0.5),
        stops="item.click.24h",
        unknown=(
            lambda: leaked(rows=0),
            lambda: leaked(worst=NAN),
            lambda: leaked(moved=None),
            lambda: leaked(alone=None),
            lambda: leaked(alone={"item.click.1h": NAN}),
            lambda: leaked(model=None),
            lambda: leaked(learned={"context_hour": 1.0}),
        ),
    ),
    "quality": GateCase(
        sound=lambda: quality(scores(2)),
        counter_example=lambda: quality(scores(2, noise=2.0)),
        stops="none of it above the tolerated loss",
        unknown=(
            lambda: QualityGate().decide(None, reference_kind="champion"),
            lambda: quality(scores(2), min_requests=10_000),
            lambda: quality(scores(2), margin=0.00001),
            lambda: quality(scores(2), rule="equivalence", margin=0.00001),
        ),
    ),
    "slices": GateCase(
        sound=lambda: sliced(scores(2), world(), SLICED),
        counter_example=lambda: sliced(by_night_reversed(scores(2)), world(), SLICED),
        stops="hour=00-05",
        unknown=(
            lambda: SLICED.slices.decide(None),
            lambda: SLICED.slices.decide({"slices": []}),
            lambda: sliced(scores(2)[:720], world().take(0, 90), SLICED),
            lambda: SLICED.slices.model_copy(
                update={"dimensions": ("hour", "candidates")}
            ).decide(
                slices(
                    *(evaluate(scores(seed), world()) for seed in (2, 1)), world(), SLICED
                )
            ),
        ),
    ),
    "calibration": GateCase(
        sound=lambda: calibrated(1.0),
        counter_example=lambda: calibrated(1.3),
        stops="click: expected over observed is 1.260",
        unknown=(
            lambda: CalibrationGate().decide({}, family="lambdamart"),
            lambda: CalibrationGate().decide(None, family="lambdamart"),
            lambda: calibrated(1.0, positives=1_000_000),
            lambda: calibrated(1.0, label=0.0),
            lambda: CalibrationGate().decide(
                {"click": [{"name": "all", "calibration": {"ratio": NAN}}]},
                family="multitask",
            ),
        ),
    ),
    "churn": GateCase(
        sound=lambda: churned(scores(2)),
        counter_example=lambda: churned(-scores(2)),
        stops="of the first 3 are the champion's",
        unknown=(
            lambda: churned(scores(2), refits=0),
            lambda: churned(scores(2), k=CANDIDATES),
            lambda: ChurnGate().decide(None, champion=True, pairs=3, requests=1_000),
            lambda: ChurnGate().decide(None, champion=True, pairs=None, requests=None),
        ),
    ),
    "ecosystem": GateCase(
        sound=lambda: of_providers("users"),
        counter_example=lambda: of_providers("the largest"),
        stops="smaller half of the providers",
        unknown=(lambda: of_providers("users", providers=False),),
    ),
    "freshness": GateCase(
        sound=lambda: fresh(2, 3),
        counter_example=lambda: fresh(2, 72),
        stops="too old: feature state",
        unknown=(
            lambda: fresh(None, 3),
            lambda: fresh(2, None),
            lambda: fresh(-5, 3),
            lambda: fresh(None, None),
        ),
    ),
    "coverage": GateCase(
        sound=lambda: covered(gone=0.0),
        counter_example=lambda: covered(gone=0.5),
        stops="quality (100.0% to 50.0%)",
        unknown=(
            lambda: CoverageGate().decide(None),
            lambda: covered(gone=0.0, rows=1_000_000),
            lambda: covered(gone=0.0, judged=EMPTY),
        ),
    ),
    "served": GateCase(
        sound=as_served,
        counter_example=lambda: as_served(identical=998),
        stops="99.800% of the champion's 1,000 answers are the same",
        unknown=(
            lambda: ServedGate().decide(None, champion=RELEASE, embargo="2s", at=T0),
            lambda: as_served(requests=99, identical=99),
            lambda: as_served(requests=0, identical=0),
            lambda: as_served(champion="e7" * 32),
            lambda: as_served(age_hours=37),
            lambda: as_served(end_hours=37),
            lambda: as_served(age_hours=-1),
            lambda: as_served(delay_s=None),
        ),
    ),
    "replay": GateCase(
        sound=lambda: ReplayGate().decide(a_replay()),
        counter_example=lambda: ReplayGate().decide(a_replay(mismatches=1)),
        stops="unlike the model",
        unknown=(
            lambda: ReplayGate().decide(None),
            lambda: ReplayGate().decide(a_replay(requests=0)),
            lambda: ReplayGate().decide(a_replay(p99_ms=NAN)),
        ),
    ),
}
"""Every gate that a surface may declare."""
