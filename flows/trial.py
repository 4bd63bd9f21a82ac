"""A trial: features of a snapshot, a candidate fitted on its first part, all rankers judged on the rest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.split import TimeSplit, time_split
from sluice.data.tables import LogTables, Window
from sluice.errors import TooLittleData
from sluice.features.audit import AuditResult, mutation_audit, probe_times
from sluice.features.frame import RankingFrame
from sluice.features.replay import Replayed, replay
from sluice.features.state import FeatureState
from sluice.metrics import PairedComparison, compare, evaluate
from sluice.metrics.evaluation import Evaluation
from sluice.rankers import Ranker, load_ranker, make_ranker
from sluice.surface import Surface

COMPARED = ("auc", "mrr", "ndcg@5", "ndcg@10")
"""Metrics with an interval in every report."""
AUDIT_PROBES = 3
CODE = Path(__file__)
"""Counts as ranking code: probes, seeds and the split are chosen here."""
_COMPARISON_SEED = 20_260_105


@dataclass(frozen=True)
class Trial:
    """One snapshot, its features, and where fitting ends."""

    tables: LogTables
    split: TimeSplit
    replayed: Replayed

    @property
    def frame(self) -> RankingFrame:
        return self.replayed.frame

    @property
    def parts(self) -> tuple[RankingFrame, RankingFrame]:
        """Requests to fit, requests to judge."""
        return self.frame.split_at(micros(self.split.fit_end))


@dataclass(frozen=True)
class Incumbent:
    """The champion as it is judged again: its ranker and the features it was fitted on."""

    version: int
    release: str
    ranker: Ranker
    features: FeatureState


def micros(moment: datetime) -> int:
    """µs since the epoch."""
    return round(moment.timestamp() * 1e6)


def prepare(surface: Surface, tables: LogTables, window: Window) -> Trial:
    """Compute every feature as it was known, and split by time."""
    split = time_split(window, surface.data.judged_share)
    return Trial(tables, split, replay(surface.features, surface.data.label, tables))


def audit(surface: Surface, trial: Trial) -> AuditResult:
    """Change the future at a few moments of the window and see that no feature moves."""

    def build(tables: LogTables) -> RankingFrame:
        return replay(surface.features, surface.data.label, tables).frame

    times = probe_times(trial.frame, AUDIT_PROBES)
    return mutation_audit(build, trial.tables, trial.frame, times)


def fit(surface: Surface, trial: Trial) -> Ranker:
    """The candidate, fitted on the first part of the window.

    Raises:
        TooLittleData: nothing to fit, or nothing to judge.
    """
    fitted, judged = trial.parts
    if not fitted.requests or not judged.requests:
        raise TooLittleData(
            f"{fitted.requests} requests to fit before {trial.split.fit_end.isoformat()} and "
            f"{judged.requests} to judge after it; both are needed"
        )
    declared = surface.ranker
    candidate = make_ranker(declared.family, declared.parameters)
    return candidate.fit(fitted, np.random.default_rng(declared.seed))


def fit_baseline(surface: Surface, trial: Trial) -> Ranker:
    """The surface's baseline, with its own defaults."""
    baseline = make_ranker(surface.ranker.baseline, {})
    return baseline.fit(trial.parts[0], np.random.default_rng(surface.ranker.seed))


def load_incumbent(folder: Path, version: int, release: str) -> Incumbent:
    """The champion's ranker and features from its candidate folder."""
    ranker, state = load_ranker(folder / "model"), FeatureState.load(folder / "state")
    return Incumbent(version, release, ranker, state)


def evaluation(
    surface: Surface,
    trial: Trial,
    candidate: Ranker,
    baseline: Ranker,
    champion: Incumbent | None,
) -> dict[str, Any]:
    """Means, paired comparisons and counts over the judged requests, as a JSON document."""
    _, judged = trial.parts
    scores = {
        "candidate": candidate.score(judged.features),
        "baseline": baseline.score(judged.features),
    }
    if champion is not None:
        scores["champion"] = champion.ranker.score(_judged_as(surface, trial, champion))
    results = {who: evaluate(values, judged) for who, values in scores.items()}
    return {
        "metrics": {who: _means(result) for who, result in results.items()},
        "comparisons": {
            reference: [
                asdict(row) for row in _compared(surface, results, reference, judged.users)
            ]
            for reference in results
            if reference != "candidate"
        },
        "champion": None
        if champion is None
        else {"version": champion.version, "release": champion.release},
        "counts": _counts(trial, results["candidate"]),
        "fit_end": trial.split.fit_end.isoformat(),
        "gains": _gains(candidate),
    }


def _judged_as(surface: Surface, trial: Trial, champion: Incumbent) -> NDArray[np.float32]:
    """The judged rows with the features that the champion was fitted on."""
    if (
        champion.features.names == trial.frame.names
        and champion.features.spec == surface.features
    ):
        return trial.parts[1].features
    own = replay(champion.features.spec, surface.data.label, trial.tables).frame
    return own.split_at(micros(trial.split.fit_end))[1].features


def _means(result: Evaluation) -> dict[str, float]:
    return {name: result.mean(name) for name in result.names}


def _compared(
    surface: Surface,
    results: Mapping[str, Evaluation],
    reference: str,
    users: NDArray[np.int64],
) -> list[PairedComparison]:
    names = dict.fromkeys((*COMPARED, surface.gates.quality.metric))
    return [
        compare(
            results["candidate"], results[reference], users, name,
            confidence=surface.gates.quality.confidence,
            rng=np.random.default_rng(_COMPARISON_SEED),
        )
        for name in names
    ]  # fmt: skip


def _counts(trial: Trial, result: Evaluation) -> dict[str, int]:
    fitted, judged = trial.parts
    return {
        "exposures": trial.frame.rows,
        "fitted_requests": fitted.requests,
        "judged_requests": judged.requests,
        "dropped_requests": result.dropped,
    }


def _gains(ranker: Ranker) -> dict[str, float]:
    """Training gain by feature, for families that have one."""
    gain = getattr(ranker, "feature_gain", None)
    return gain() if gain is not None else {}
