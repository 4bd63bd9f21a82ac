"""What the benchmark of the gates fits and judges: one generated feed, one configuration."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.generated import FeedConfig, generate
from sluice.data.tables import Window
from sluice.features.state.frame import RankingFrame
from sluice.flows.refits import refit
from sluice.flows.trial import Trial, prepare
from sluice.gates.calibration import CalibrationGate, calibration_rule
from sluice.gates.churn import ChurnGate, stability
from sluice.gates.coverage import CoverageGate, coverage
from sluice.gates.ecosystem import EcosystemGate, ecosystem
from sluice.gates.judgement import Judgement
from sluice.gates.quality import QualityGate
from sluice.gates.slices import SliceGate, slices
from sluice.gates.spec import GateSpec
from sluice.mechanisms.slates import Slates
from sluice.metrics import (
    Evaluation,
    PairedComparison,
    calibrations,
    compare,
    evaluate,
    predictions_of,
)
from sluice.surface import Surface

FEED = FeedConfig(users=1_500, days=6, requests_per_day=4_000)
JUDGED = "5/7"
METRIC = "ndcg@10"
GATES = GateSpec.model_validate(
    {"quality": {"margin": 0.02}, "slices": {"dimensions": ["hour", "candidates"]}}
)
"""As shipped but for quality, whose margin of 0.2 % this feed cannot show, and slices, of which
`activity` has a label for a handful of people here."""
Scores = NDArray[np.float64]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """One replayed frame, and what the judged half of it offers."""

    trial: Trial
    judged: RankingFrame
    slates: Slates

    @property
    def fitted(self) -> RankingFrame:
        return self.trial.parts[0]


@dataclass(frozen=True)
class Fit:
    """One fit of the configuration: probabilities of a click and what they are worth."""

    scores: Scores
    result: Evaluation


def world(trees: int) -> tuple[Surface, World]:
    """The feed, its features, and the surface whose configuration is fitted again and again."""
    surface = Surface.model_validate(
        {
            "name": "for_you",
            "owner": "benchmark",
            "data": {"judged": JUDGED},
            "ranker": {
                "family": "multitask",
                "parameters": {"trees": trees, "leaves": 15, "num_threads": 1},
            },
            "review": {"reviewers": ["somebody"]},
        }
    )
    window = Window(FEED.start, FEED.start + timedelta(days=FEED.days))
    trial = prepare(surface, generate(FEED).tables, window)
    judged = trial.parts[1]
    blank = np.zeros(judged.rows)
    return surface, World(
        trial, judged, trial.slates(surface.features, frozenset({"providers"}), blank)
    )


def fits(surface: Surface, world: World, runs: int) -> list[Fit]:
    """The configuration, `runs` times."""
    made = []
    for seed in range(runs):
        ranker = refit("multitask", surface.ranker.parameters, world.fitted, seed)
        scores = ranker.score(world.judged.features, world.judged.offsets)
        made.append(Fit(scores, evaluate(scores, world.judged)))
        progress(f"fit {seed + 1} of {runs}")
    return made


def ranking_gates(
    world: World, candidate: Fit, champion: Fit, noise: list[Fit]
) -> Iterator[Judgement]:
    """What the gates say that look at the order alone: quality, slices and churn."""
    judged = world.judged
    yield of_quality(
        compared(world, candidate.result, champion.result), GATES.of(QualityGate).margin
    )
    yield GATES.of(SliceGate).decide(
        slices(candidate.result, champion.result, judged, GATES)
    )
    steady = stability(
        candidate.scores,
        champion.scores,
        [fit.scores for fit in noise],
        judged,
        GATES.of(ChurnGate),
    )
    yield GATES.of(ChurnGate).decide(_row(steady), champion=True, pairs=steady["pairs"], requests=steady["requests"])  # fmt: skip


def other_gates(world: World, candidate: Fit, champion: Fit) -> Iterator[Judgement]:
    """What calibration, ecosystem and coverage say."""
    judged = world.judged
    yield of_calibration(world, candidate.scores)
    seen = ecosystem(
        world.slates, judged, candidate.scores, champion.scores, GATES.of(EcosystemGate)
    )
    yield GATES.of(EcosystemGate).decide(
        _row(seen), reference_kind="champion", gini=seen["gini"]
    )
    yield GATES.of(CoverageGate).decide(coverage(world.fitted, judged))


def of_quality(row: PairedComparison, margin: float) -> Judgement:
    """Non-inferiority of the candidate within the margin."""
    return QualityGate(margin=margin).decide(row, reference_kind="champion")


def of_calibration(world: World, scores: Scores) -> Judgement:
    """Of clicks, which these scores are probabilities of."""
    promised = predictions_of(np.clip(scores, 0, 1), world.judged)
    rule = calibration_rule(GATES.of(CalibrationGate))
    rows = calibrations(promised, {}, rule, rng=np.random.default_rng(0))
    return GATES.of(CalibrationGate).decide(
        {"click": [asdict(bin_) for bin_ in rows]}, family="multitask"
    )


def compared(world: World, ours: Evaluation, theirs: Evaluation) -> PairedComparison:
    return compare(ours, theirs, world.judged.users, METRIC, rng=np.random.default_rng(0))


def _row(figures: Mapping[str, Any]) -> PairedComparison | None:
    return PairedComparison(**figures["comparison"]) if figures["comparison"] else None


def progress(text: str) -> None:
    """Where it is, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text:<60}")
