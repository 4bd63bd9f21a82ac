"""Monitors: false alarms on ordinary days, faults detected and placed, and what a window costs.

    python -m benchmarks.monitors

A hundred ordinary days of the generated feed are judged, each against the days before it. Then each of
twelve faults is put into the feed from four days on, and judged in the windows that it declares.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from benchmarks.monitor_days import WARM_UP, Standing, World, raw_days
from benchmarks.monitor_faults import FAULTS, Fault
from benchmarks.timing import measure
from sluice.monitors.usual.columns import Watched
from sluice.monitors.usual.history import MOST, divide
from sluice.monitors.usual.judge import UsualReport, judge
from sluice.monitors.usual.learned import Usual
from sluice.monitors.usual.profile import Binning, Profile
from sluice.store.records import Outcome

BEFORE = MOST + 14
"""Ordinary days that are seen before the first is judged."""
ORDINARY = 100
AFRESH = 7
"""Days after which the usual is learned again."""
FROM = (55, 75, 95, 115)
"""Days, after the warm-up, on which every fault begins once."""
MIN_ROWS = 200
_LEARNED_FROM = 14
"""Days whose quantiles and levels make the bins."""
_ROWS, _COLUMNS = 1_000_000, 40


@dataclass(frozen=True)
class Trial:
    """One fault from one day on."""

    fault: str
    detected: int | None
    """Window in which it was seen, from 1."""
    where: str
    rightly: bool
    reason: str


def days_of(world: World) -> tuple[list[Profile], dict[int, Standing]]:
    """Profiles of every day after the warm-up, and what stood where faults begin."""
    profiles: list[Profile] = []
    first: list[Watched] = []
    standings: dict[int, Standing] = {}
    binning: Binning | None = None
    for index, (standing, watched) in enumerate(world.ordinary()):
        if index in FROM:
            standings[index] = standing
        if binning is not None:
            profiles.append(Profile.of(binning, watched))
            continue
        first.append(watched)
        if len(first) == _LEARNED_FROM:
            binning = Binning.learn(together(first))
            profiles = [Profile.of(binning, each) for each in first]
            first = []
    return profiles, standings


def together(days: Sequence[Watched]) -> Watched:
    """All days' rows."""
    names = days[0].segments
    return Watched(
        days[0].names,
        np.concatenate([each.values for each in days]),
        {name: pl.concat([each.segments[name] for each in days]) for name in names},
        sum(each.requests for each in days),
    )


def usual_before(profiles: Sequence[Profile], day: int) -> tuple[Usual, Sequence[Profile]]:
    """What was usual before a day, and the windows since."""
    history = divide(profiles[:day])
    return Usual.learn(history.usual, MIN_ROWS, np.random.default_rng(day)), history.trail


def false_alarms(profiles: Sequence[Profile]) -> list[tuple[int, UsualReport]]:
    """The ordinary days that were not called as usual."""
    alarms = []
    for first in range(BEFORE, min(BEFORE + ORDINARY, len(profiles)), AFRESH):
        usual, trail = usual_before(profiles, first)
        for day in range(first, min(first + AFRESH, BEFORE + ORDINARY, len(profiles))):
            verdict = judge(usual, [*trail, *profiles[first : day + 1]], MIN_ROWS)
            if verdict.outcome is not Outcome.PASS:
                alarms.append((day, verdict))
    return alarms


def tried(
    world: World, name: str, fault: Fault, standing: Standing, usual: Usual,
    trail: Sequence[Profile],
) -> Trial:  # fmt: skip
    """Whether and where the fault is seen."""
    rng = np.random.default_rng((standing.day, list(FAULTS).index(name)))
    windows = list(trail)
    for day, watched in enumerate(world.damaged(standing, fault, rng), start=1):
        windows.append(Profile.of(usual.reference.binning, watched))
        verdict = judge(usual, windows, MIN_ROWS)
        if verdict.outcome is Outcome.FAIL:
            rightly = verdict.where.startswith(fault.segments)
            return Trial(name, day, verdict.where, rightly, verdict.reason)
    return Trial(name, None, "", rightly=False, reason="")


def cost() -> dict[str, float]:
    """CPU seconds of a reference and of a watched window, a million rows of forty columns."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(_ROWS, _COLUMNS)).astype(np.float32)
    watched = Watched(tuple(f"column_{n}" for n in range(_COLUMNS)), values, {}, _ROWS)
    binning = Binning.learn(watched)
    counted = measure(lambda: Profile.of(binning, watched))
    learned = measure(lambda: Profile.of(Binning.learn(watched), watched))
    return {"watched_cpu_s": counted.cpu_s, "reference_cpu_s": learned.cpu_s}


def _say(what: str, figures: Mapping[str, object]) -> None:
    sys.stdout.write(f"{what}: {json.dumps(figures)}\n")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    seed = parser.parse_args().seed
    world = World(raw_days(WARM_UP + BEFORE + ORDINARY, seed))
    profiles, standings = days_of(world)
    _say("days", {"days": len(profiles), "figures": profiles[0].counts[..., 0].size})
    for day, standing in standings.items():
        usual, trail = usual_before(profiles, day)
        for name, fault in FAULTS.items():
            shown = tried(world, name, fault, standing, usual, trail)
            _say(f"fault from day {day}", vars(shown))
    alarms = false_alarms(profiles)
    for day, verdict in alarms:
        _say("false alarm", {"day": day, "reason": verdict.reason})
    _say("false alarms", {"days": ORDINARY, "alarms": len(alarms)})
    _say("cost", cost())


if __name__ == "__main__":
    main()
