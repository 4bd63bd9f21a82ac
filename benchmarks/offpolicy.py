"""Off-policy estimates where the truth is known: Open Bandit's two policies, and Coat's random test.

Open Bandit: each campaign was run under a random and under a Thompson policy at once. What one log
says of the other policy is held against what that policy earned. The target's probabilities are
its own log's frequencies of items by slot. Coat: people rated items of their own choice, and
random ones; asked is the share of ratings of 4 and 5 over all items.

`python -m benchmarks.offpolicy [--json] [--data DIR]`
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sluice.data.adapters import read_source
from sluice.data.tables import LogTables
from sluice.metrics.offpolicy import (
    DoublyRobust,
    Estimate,
    Estimator,
    Ips,
    LoggedDecisions,
    Refusal,
    Snips,
    SwitchDoublyRobust,
    cross_fitted,
    estimate,
    logged_decisions,
    slot_frequencies,
)

DATA = Path(__file__).parents[2] / "shared" / "data"
PAIRS = (
    ("men", "random", "bts"),
    ("women", "random", "bts"),
    ("men", "bts", "random"),
    ("women", "bts", "random"),
)
LIKED = 4
"""Stars from which on a Coat rating counts."""
PENALTY = 10.0
"""Inverse of scikit-learn's C; its choice from 100 to 1 moves Coat's IPS from .211 to .225."""


def run(data: Path) -> dict[str, Any]:
    logs = {
        (policy, campaign): read_source("open_bandit", data / "obd" / policy / campaign)
        for policy in ("random", "bts")
        for campaign in ("men", "women")
    }
    return {
        "pairs": {
            f"{campaign}/{logged}->{target}": pair(
                logs[logged, campaign], logs[target, campaign]
            )
            for campaign, logged, target in PAIRS
        },
        "coat": coat(data / "coat"),
    }


def pair(logged: LogTables, target: LogTables) -> dict[str, Any]:
    """The IPS answer of `logged` about the policy behind `target`, the others', and the truth."""
    policy = slot_frequencies(target.exposures)
    log = logged_decisions(
        logged,
        policy.of(logged.exposures),
        overlap=policy.overlap(logged.exposures),
    )
    predicted = cross_fitted(log, logged.exposures, policy)
    others: list[Estimator[LoggedDecisions]] = [
        Snips(),
        DoublyRobust(predicted),
        SwitchDoublyRobust(predicted),
    ]
    answer = estimate(Ips(), log)
    return {
        **told(answer),
        "diagnostics": dict(vars(answer.diagnostics)),
        "truth": target.feedback.height / target.exposures.height,
        "others": {other.name: told(estimate(other, log)) for other in others},
    }


def told(answer: Estimate | Refusal) -> dict[str, Any]:
    """An answer as JSON; a refusal has null for both numbers."""
    if isinstance(answer, Refusal):
        numbers, why = (None, None), answer.reason
    else:
        numbers = answer.value, [answer.low, answer.high]
        why = "; ".join(answer.warnings) or None
    return {
        "verdict": answer.verdict.value,
        "estimate": numbers[0],
        "interval": numbers[1],
        "reason": why,
    }


def coat(folder: Path) -> dict[str, Any]:
    """Share of liked items, judged by what people chose to rate and by what they rated at random."""
    chosen, random = (np.loadtxt(folder / f"{name}.ascii") for name in ("train", "test"))
    log = coat_log(folder, chosen)
    return {
        "naive": float(log.rewards.mean()),
        "ips": told(estimate(Ips(), log)),
        "snips": told(estimate(Snips(), log)),
        "truth": float((random[random > 0] >= LIKED).mean()),
    }


def coat_log(folder: Path, chosen: np.ndarray) -> LoggedDecisions:
    """Each chosen rating as a decision; the target draws any pair of person and item alike.

    With e the chance that a pair is rated, π₀ = e / Σ e is that of being the pair behind one
    rating, so that mean w r = Σ r / e over all pairs (Schnabel et al. 2016, ICML).
    """
    rated = chosen > 0
    chance = rating_chances(folder, rated)
    return LoggedDecisions(
        rewards=(chosen[rated] >= LIKED).astype(np.float64),
        propensities=(chance / chance.sum())[rated],
        targets=np.full(int(rated.sum()), 1 / rated.size),
        users=np.nonzero(rated)[0],
    )


def rating_chances(folder: Path, rated: np.ndarray) -> np.ndarray:
    """P(rated | features of person and item), [users, items]: logistic, with their products.

    Attributes alone rarely tell why somebody chose an item, so part of the bias stays, and no
    diagnostic sees it: they see weights, not what the model of the propensities left out.
    """
    from sklearn.linear_model import LogisticRegression

    people = np.loadtxt(folder / "user_features.ascii")
    items = np.loadtxt(folder / "item_features.ascii")
    rows = np.indices(rated.shape).reshape(2, -1)
    person, item = people[rows[0]], items[rows[1]]
    products = (person[:, :, None] * item[:, None, :]).reshape(rated.size, -1)
    features = np.concatenate([person, item, products], axis=1)
    model = LogisticRegression(C=1 / PENALTY, max_iter=500).fit(features, rated.ravel())
    return model.predict_proba(features)[:, 1].reshape(rated.shape)


def show(figures: dict[str, Any]) -> str:
    lines = ["Open Bandit, click rate of the target policy by IPS:"]
    for name, row in figures["pairs"].items():
        lines.append(f"  {name:<20} {_answer(row)}  truth {row['truth']:.5f}")
        if row["reason"]:
            lines.append(f"  {'':<20} {row['reason']}")
    coat = figures["coat"]
    lines.append(
        f"Coat, share of ratings from {LIKED} stars: naive {coat['naive']:.3f}, "
        f"IPS {_answer(coat['ips'], 3)}, truth {coat['truth']:.3f}"
    )
    return "\n".join(lines)


def _answer(row: dict[str, Any], digits: int = 5) -> str:
    if row["estimate"] is None:
        return f"{row['verdict']:<9}"
    low, high = row["interval"]
    return (
        f"{row['verdict']:<9} {row['estimate']:.{digits}f} "
        f"({low:.{digits}f} to {high:.{digits}f})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder that holds obd/ and coat/"
    )
    args = parser.parse_args()
    for name in ("obd", "coat"):
        if not (args.data / name).is_dir():
            parser.error(f"no {name} in {args.data}; give its folder with --data DIR")
    measured = run(args.data)
    sys.stdout.write((json.dumps(measured) if args.json else show(measured)) + "\n")
