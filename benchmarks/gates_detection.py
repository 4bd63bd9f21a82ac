"""How often the gates stop candidates whose true loss is known."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates_world import (
    METRIC,
    Fit,
    World,
    of_calibration,
    progress,
    ranking_gates,
)
from sluice.flows.refits import chosen
from sluice.metrics import Evaluation, evaluate

NOISES = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.37, 0.45, 0.6)
"""Of the perturbation, in standard deviations of the scores."""
SCALES = (1.0, 1.02, 1.05, 1.1, 1.15, 1.2, 1.3)


def detection(case: World, champion: Fit, noise: list[Fit], runs: int) -> dict[str, Any]:
    """By size of the perturbation: the true loss, and how often each gate holds or fails it."""
    rng = np.random.default_rng(11)
    rows = []
    for size in NOISES:
        drawn = [_perturbed(case, champion, size, rng) for _ in range(runs)]
        base = champion.result.mean(METRIC)
        loss = float(np.mean([base - fit.result.mean(METRIC) for fit in drawn])) / base
        outcomes = _on_halves(case, champion, drawn, noise, rng)
        rows.append(
            {
                "noise": size,
                "true_loss": loss,
                **{
                    f"{gate}_{kind}": share
                    for gate, counts in outcomes.items()
                    for kind, share in _shares(counts, runs).items()
                },
            }
        )
        progress(f"detection at a loss of {loss:.2%}")
    return {
        "draws": runs,
        "ranking": rows,
        "calibration": _scaled(case, champion, runs, rng),
    }


def _on_halves(
    case: World,
    champion: Fit,
    drawn: list[Fit],
    noise: list[Fit],
    rng: np.random.Generator,
) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {
        "quality": Counter(),
        "slices": Counter(),
        "churn": Counter(),
    }
    for candidate in drawn:
        half = _half(case, rng)
        part = _of_requests(case, half)
        ours, theirs = _of(case, candidate, half), _of(case, champion, half)
        others = [_of(case, fit, half) for fit in noise]
        for verdict in ranking_gates(part, ours, theirs, others):
            counts[verdict.gate][str(verdict.outcome)] += 1
    return counts


def _perturbed(case: World, champion: Fit, size: float, rng: np.random.Generator) -> Fit:
    spread = float(np.std(champion.scores))
    scores = champion.scores + size * spread * rng.normal(size=len(champion.scores))
    return Fit(scores, evaluate(scores, case.judged))


def _scaled(
    case: World, champion: Fit, runs: int, rng: np.random.Generator
) -> list[dict[str, float]]:
    rows = []
    for scale in SCALES:
        counts: Counter[str] = Counter()
        for _ in range(runs):
            half = _half(case, rng)
            scores = np.clip(_of(case, champion, half).scores * scale, 0, 1)
            counts[str(of_calibration(_of_requests(case, half), scores).outcome)] += 1
        rows.append({"scale": scale, **_shares(counts, runs)})
    return rows


def _of_requests(case: World, requests: NDArray[np.int64]) -> World:
    """The world of these judged requests; no gate is asked there that reads the slates."""
    return World(case.trial, chosen(case.judged, requests), case.slates)


def _half(case: World, rng: np.random.Generator) -> NDArray[np.int64]:
    """Requests of a random half of the people."""
    people = np.unique(case.judged.users)
    lucky = rng.choice(people, len(people) // 2, replace=False)
    return np.flatnonzero(np.isin(case.judged.users, lucky))


def _of(case: World, fit: Fit, requests: NDArray[np.int64]) -> Fit:
    picked = np.zeros(case.judged.requests, np.bool_)
    picked[requests] = True
    rows = np.repeat(picked, np.diff(case.judged.offsets))
    values = {name: value[requests] for name, value in fit.result.values.items()}
    dropped = int(np.isnan(values[METRIC]).sum())
    return Fit(fit.scores[rows], Evaluation(values, len(requests), dropped))


def _shares(counts: Mapping[str, int], runs: int) -> dict[str, float]:
    return {
        "held": 1 - counts.get("pass", 0) / runs,
        "failed": counts.get("fail", 0) / runs,
    }
