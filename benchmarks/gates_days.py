"""What the quality gate says over days: of refits that are none the worse, and of a loss of one percent.

Every run is another log: twice as many people are drawn anew, with replacement, and their judged requests are cut
by time into windows. Each window is judged by another candidate, as a retraining every day makes it, and
pooled with those before until the gate passes. **A/A**: candidates are refits of the champion's
configuration; held for ever is what has not passed after the last window. **A loss**: a champion's scores
under noise that costs it one percent; found is what has failed within the days that the gate itself
stated after the first window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gates_world import METRIC, Fit, World, progress
from sluice.metrics import Minimum, Paired, evaluate
from sluice.metrics.clusters import numbered
from sluice.metrics.decision import Verdict
from sluice.metrics.pooled import decide_loss, pool

LOSS = 0.01
WINDOWS = 28
GROWTH = 2
"""Times as many people as the feed has: so many days of traffic."""
CONFIDENCE = 0.95
REPEATS = 10
"""Runs for each that the other parts of the benchmark have: no fit is needed for one."""
_BISECTIONS, _DRAWS = 8, 3
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """One configuration, judged window after window."""

    passed: int | None
    """After how many windows it first passed; None: never."""
    failed: int | None
    stated: int
    """In how many the gate said, after the first, that it finds a loss of this size."""


def over_days(case: World, made: list[Fit], runs: int) -> dict[str, Any]:
    """False holds and detections over the windows."""
    rng = np.random.default_rng(17)
    times = runs * REPEATS
    size = _noise_that_costs(case, made[0], LOSS, rng)
    alike, worse = [], []
    for run in range(times):
        champion = made[run % len(made)]
        refits = [
            made[(run + 1 + nth % (len(made) - 1)) % len(made)] for nth in range(WINDOWS)
        ]
        log = _another_log(case, rng)
        alike.append(_course(log, [_values(refit) for refit in refits], champion))
        noisy = [_noisy(case, champion, size, rng) for _ in range(_DRAWS)]
        drawn = [noisy[nth % _DRAWS] for nth in range(WINDOWS)]
        worse.append(_course(log, drawn, champion))
        progress(f"days, run {run + 1} of {times}")
    return {
        "runs": times,
        "windows": WINDOWS,
        "requests_a_window": GROWTH * case.judged.requests // WINDOWS,
        "loss": LOSS,
        "aa": _of_refits(alike),
        "worse": _of_losses(worse),
    }


def _of_refits(courses: Sequence[Course]) -> dict[str, float]:
    windows = [course.passed for course in courses if course.passed is not None]
    return {
        "held_for_ever": 1 - len(windows) / len(courses),
        "failed_once": sum(course.failed is not None for course in courses) / len(courses),
        "held_in_the_first": 1 - sum(window == 1 for window in windows) / len(courses),
        "windows_to_pass": float(np.median(windows)),
    }


def _of_losses(courses: Sequence[Course]) -> dict[str, float]:
    in_time = [
        course.failed is not None and course.failed <= course.stated for course in courses
    ]
    return {
        "stated_windows": float(np.median([course.stated for course in courses])),
        "found_within_stated": sum(in_time) / len(courses),
        "passed": sum(course.passed is not None for course in courses) / len(courses),
    }


@dataclass(frozen=True)
class _Log:
    requests: NDArray[np.int64]
    users: NDArray[np.int64]


def _another_log(case: World, rng: np.random.Generator) -> _Log:
    """Requests in the order of time; who was drawn twice is two people."""
    people, codes = numbered(case.judged.users)
    times = np.bincount(rng.integers(people, size=GROWTH * people), minlength=people)[codes]
    requests = np.repeat(np.arange(case.judged.requests), times)
    first = np.repeat(np.cumsum(times) - times, times)
    copy = np.arange(len(requests)) - first
    return _Log(requests, codes[requests] + people * copy)


def _course(log: _Log, candidates: Sequence[Values], champion: Fit) -> Course:
    theirs, windows, stated = _values(champion), [], 0
    reached: dict[Verdict, int] = {}
    parts = np.array_split(np.arange(len(log.requests)), WINDOWS)
    for nth, (part, ours) in enumerate(zip(parts, candidates, strict=True), 1):
        requests, users = log.requests[part], log.users[part]
        sides = ours[requests], theirs[requests]
        windows.append(Paired(METRIC, *sides, users, np.ones(len(part))))
        together = pool(windows, float(nth), LOSS, CONFIDENCE)
        if together is not None:
            stated = stated or ceil(together.days_to_find or 1)
            reached.setdefault(decide_loss(together, Minimum()).outcome, nth)
        # As in a lifecycle: a day that fails is followed by another, one that passes by a new champion.
        if "pass" in reached:
            break
    return Course(reached.get("pass"), reached.get("fail"), stated)


def _values(fit: Fit) -> Values:
    return fit.result.vector(METRIC)


def _noisy(case: World, fit: Fit, size: float, rng: np.random.Generator) -> Values:
    spread = float(np.std(fit.scores))
    scores = fit.scores + size * spread * rng.normal(size=len(fit.scores))
    return evaluate(scores, case.judged).vector(METRIC)


def _noise_that_costs(
    case: World, fit: Fit, loss: float, rng: np.random.Generator
) -> float:
    base, low, high = fit.result.mean(METRIC), 0.0, 0.6
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        drawn = [np.nanmean(_noisy(case, fit, middle, rng)) for _ in range(_DRAWS)]
        low, high = (middle, high) if base - np.mean(drawn) < loss * base else (low, middle)
    return (low + high) / 2


def show(figures: dict[str, Any]) -> list[str]:
    """Lines for the benchmark's table."""
    alike, worse = figures["aa"], figures["worse"]
    return [
        f"over {figures['windows']} windows of {figures['requests_a_window']:,} requests, "
        f"{figures['runs']} runs, a loss of {figures['loss']:.0%} to be found",
        f"  refits: held for ever {alike['held_for_ever']:.1%}, held in the first window "
        f"{alike['held_in_the_first']:.0%}, passed after {alike['windows_to_pass']:.0f} (median), "
        f"failed once before {alike['failed_once']:.1%}",
        f"  loss: found within the stated {worse['stated_windows']:.0f} windows "
        f"{worse['found_within_stated']:.1%}, passed in any {worse['passed']:.1%}",
    ]
