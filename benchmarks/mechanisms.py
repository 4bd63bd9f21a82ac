"""Mechanisms on one request of 100 candidates: ours against the formula in plain NumPy and Python.

By themselves, and as what they add to a service's ranking, which also looks up what they read.

`python -m benchmarks.mechanisms [--json]`
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.mechanisms_served import served
from benchmarks.timing import measure
from sluice.mechanisms.exposure import position_weights
from sluice.mechanisms.floors import fit_floors
from sluice.mechanisms.similarity import similarity
from sluice.mechanisms.slate import Slate
from sluice.mechanisms.slates import Slates
from sluice.mechanisms.spec import (
    Ads,
    Calibration,
    Dpp,
    Mechanism,
    MechanismSpec,
    Mmr,
    ProviderFloors,
    Spacing,
)

CANDIDATES, DIMENSIONS, DEPTH, WEIGHT = 100, 64, 50, 0.3
REPEATS = 200
MARKET = {"requests": 20_000, "candidates": 50, "providers": 200}
LIMIT_MS = 0.5
DECLARED: Mapping[str, MechanismSpec] = {
    "mmr": Mmr(kind="mmr", weight=WEIGHT),
    "dpp": Dpp(kind="dpp", weight=WEIGHT),
    "spacing": Spacing(kind="spacing", weight=WEIGHT),
    "calibration": Calibration(kind="calibration", weight=WEIGHT),
    "provider_floors": ProviderFloors(kind="provider_floors"),
    "ads": Ads(kind="ads"),
}


def candidates(rng: np.random.Generator) -> Slate:
    """One request: vectors of unit-like length, ten categories, forty providers, one ad in ten."""
    return Slate(
        np.array([f"item-{row:08d}" for row in range(CANDIDATES)]),
        rng.normal(size=CANDIDATES),
        providers=[f"provider-{code}" for code in rng.integers(40, size=CANDIDATES)],
        categories=[f"category-{code}" for code in rng.integers(10, size=CANDIDATES)],
        embeddings=rng.normal(size=(CANDIDATES, DIMENSIONS)).astype(np.float32),
        is_ad=rng.random(CANDIDATES) < 0.1,
        revenue=rng.exponential(size=CANDIDATES),
        interest={f"category-{code}": float(code) for code in range(10)},
    )


def fresh(slate: Slate) -> Slate:
    """The same candidates as a server meets them: nothing of them computed yet."""
    names = ("item_ids", "scores", "providers", "categories", "embeddings", "is_ad", "revenue",
             "interest")  # fmt: skip
    return Slate(**{name: getattr(slate, name) for name in names})


def greedy(rows: int, gain: Callable[[list[int], list[int]], Any]) -> list[int]:
    """Slot by slot the candidate with the largest gain, [left] for those chosen and left."""
    chosen: list[int] = []
    left = list(range(rows))
    for _ in range(DEPTH):
        chosen.append(left.pop(int(np.argmax(gain(chosen, left)))))
    return [*chosen, *left]


def plain_mmr(slate: Slate) -> list[int]:
    alike, relevance = similarity(slate, "embedding"), slate.relevance

    def gain(chosen: list[int], left: list[int]) -> np.ndarray:
        closest = alike[np.ix_(left, chosen)].max(axis=1) if chosen else 0.0
        return (1 - WEIGHT) * relevance[left] - WEIGHT * closest

    return greedy(slate.rows, gain)


def plain_dpp(slate: Slate) -> list[int]:
    """By determinants, as the formula reads; the fast algorithm is what ours implements."""
    kernel, relevance = 0.9 * (1 + similarity(slate, "embedding")) / 2, slate.relevance
    np.fill_diagonal(kernel, 1.0)

    def gain(chosen: list[int], left: list[int]) -> np.ndarray:
        sets = np.array([[*chosen, row] for row in left])
        volume = np.linalg.slogdet(kernel[sets[:, :, None], sets[:, None, :]])[1]
        return (1 - WEIGHT) * relevance[left] + WEIGHT * volume

    return greedy(slate.rows, gain)


def plain_spacing(slate: Slate) -> list[int]:
    names = [(slate.categories or [])[row] for row in slate.order]
    relevance = slate.relevance

    def gain(chosen: list[int], left: list[int]) -> list[float]:
        near = [names[row] for row in chosen[:-4:-1]]
        return [
            (1 - WEIGHT) * relevance[row]
            - WEIGHT
            * sum(1 / (1 + nth) for nth, name in enumerate(near) if name == names[row])
            for row in left
        ]

    return greedy(slate.rows, gain)


def plain_calibration(slate: Slate) -> list[int]:
    names = [(slate.categories or [])[row] for row in slate.order]
    total = sum((slate.interest or {}).values())
    wanted = {name: much / total for name, much in (slate.interest or {}).items() if much}
    relevance, weights = slate.relevance, position_weights(slate.rows)

    def divergence(shown: list[int]) -> float:
        mass = dict.fromkeys(wanted, 0.0)
        for weight, row in zip(weights, shown, strict=False):
            if names[row] in mass:
                mass[str(names[row])] += weight
        held = weights[: len(shown)].sum()
        return sum(
            p * math.log(p / (0.99 * mass[name] / held + 0.01 * p))
            for name, p in wanted.items()
        )

    def gain(chosen: list[int], left: list[int]) -> list[float]:
        return [
            (1 - WEIGHT) * relevance[row] - WEIGHT * divergence([*chosen, row])
            for row in left
        ]

    return greedy(slate.rows, gain)


PLAIN = {
    "mmr": plain_mmr,
    "dpp": plain_dpp,
    "spacing": plain_spacing,
    "calibration": plain_calibration,
}
"""What a mechanism costs as its formula reads; floors and ads are a sort and a merge."""


def market(rng: np.random.Generator) -> Slates:
    """Requests of providers of unequal size and quality."""
    rows, providers = MARKET["requests"] * MARKET["candidates"], MARKET["providers"]
    shares = 1 / np.arange(1, providers + 1) ** 0.8
    provider = rng.choice(providers, rows, p=shares / shares.sum())
    return Slates(
        offsets=np.arange(0, rows + 1, MARKET["candidates"], dtype=np.int64),
        item_ids=np.char.add("i", np.arange(rows).astype(np.str_)),
        scores=rng.normal(0, 0.6, providers)[provider] + rng.normal(size=rows),
        providers=[f"p{code}" for code in provider],
    )


def run() -> dict[str, Any]:
    """CPU milliseconds of each mechanism on one request, and how often the plain one costs that."""
    slate = candidates(np.random.default_rng(0))
    prices = {f"provider-{code}": 0.1 * code for code in range(40)}
    figures: dict[str, Any] = {"candidates": CANDIDATES, "depth": DEPTH, "mechanisms": {}}
    for name, declared in DECLARED.items():

        def many(mechanism: Mechanism = declared) -> None:
            for _ in range(REPEATS):
                mechanism.order(fresh(slate), prices)

        milliseconds = {"cpu_ms": 1e3 * measure(many, 5).cpu_s / REPEATS}
        if name in PLAIN:
            plain = measure(lambda name=name: PLAIN[name](fresh(slate)), 3).cpu_s
            along = slate.order[PLAIN[name](slate)]
            milliseconds |= {
                "plain_cpu_ms": 1e3 * plain,
                "speedup_over_plain": 1e3 * plain / milliseconds["cpu_ms"],
                "same_order": bool(np.array_equal(along, declared.order(slate, prices))),
            }
        figures["mechanisms"][name] = milliseconds
    added = served(
        DECLARED, prices, candidates=CANDIDATES, dimensions=DIMENSIONS, repeats=REPEATS
    )
    figures["by_score_ms"] = added.pop("score")
    for name, cpu_ms in added.items():
        figures["mechanisms"][name]["added_ms"] = cpu_ms
    slates = market(np.random.default_rng(1))
    fit_floors(slates.take(0, 100), 0.9)
    figures["fit_floors"] = MARKET | {
        "cpu_s": measure(lambda: fit_floors(slates, 0.9), 1, warm=False).cpu_s,
        "least": fit_floors(slates, 0.9).least,
    }
    for slowest, name in (("slowest_ms", "cpu_ms"), ("most_added_ms", "added_ms")):
        figures[slowest] = max(figure[name] for figure in figures["mechanisms"].values())
    return figures


def show(figures: dict[str, Any]) -> str:
    lines = [
        f"one request of {figures['candidates']} candidates, the first {figures['depth']} slots, CPU ms "
        f"(at most {LIMIT_MS}); served, beside {figures['by_score_ms']:.3f} for features, scores and "
        "order by score:"
    ]
    for name, figure in figures["mechanisms"].items():
        text = f"  {name:<16}{figure['cpu_ms']:7.3f}   served {figure['added_ms']:+7.3f}"
        if "plain_cpu_ms" in figure:
            same = "same order" if figure["same_order"] else "ANOTHER ORDER"
            text += (
                f"   plain NumPy/Python {figure['plain_cpu_ms']:9.2f}"
                f" = {figure['speedup_over_plain']:6,.0f} x, {same}"
            )
        lines.append(text)
    fitted = figures["fit_floors"]
    lines.append(
        f"floors of {fitted['providers']} providers fitted on {fitted['requests']:,} requests x "
        f"{fitted['candidates']}: {fitted['cpu_s']:.2f} CPU-s, least share {fitted['least']:.3f} of 0.9"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    figures = run()
    sys.stdout.write((json.dumps(figures) if as_json else show(figures)) + "\n")
