"""Monitors against their thresholds: false alarms on ordinary days, faults detected and placed, and what a window costs.

`python -m benchmarks.monitors [--seed N] [--json]`: a hundred ordinary days of the generated feed are judged, each
against the days before it. Then each of twelve faults is put into the feed from four days on, and judged in the
windows that it declares. What an undamaged day alarms for as well is no detection. The seed that is reported is
none that limits were chosen on (7, 21).

Every row has `value`, `threshold` and `holds`; the exit code is 1 where one does not hold.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.monitor_days import WARM_UP, Standing, World, raw_days
from benchmarks.monitor_faults import FAULTS, Fault
from benchmarks.timing import measure
from sluice.monitors.usual.columns import Watched
from sluice.monitors.usual.history import MOST, divide
from sluice.monitors.usual.judge import judge
from sluice.monitors.usual.learned import Usual
from sluice.monitors.usual.profile import EVERYWHERE, Binning, Profile
from sluice.monitors.usual.report import UsualReport
from sluice.store.records import Outcome

SEED = 2718
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
class Row:
    """One figure against its threshold."""

    name: str
    value: float
    threshold: str
    holds: bool


@dataclass(frozen=True)
class Alarm:
    """An ordinary day that was not called as usual."""

    day: int
    reason: str


@dataclass(frozen=True)
class Trial:
    """One fault from one day on."""

    fault: str
    day: int
    detected: int | None
    """Window in which it was seen, from 1."""
    where: str
    segmented: bool
    """Whether the fault sits in a segment, so that there is one to name."""
    rightly: bool
    reason: str


@dataclass(frozen=True, eq=False)
class Stage:
    """A day on which faults begin: what was usual before it, and the days themselves."""

    standing: Standing
    usual: Usual
    trail: Sequence[Profile]
    undamaged: Sequence[Profile]

    def clean(self, windows: int) -> frozenset[str]:
        """What the same days alarm for without any fault."""
        report = judge(self.usual, [*self.trail, *self.undamaged[:windows]], MIN_ROWS)
        return frozenset(finding.name for finding in report.findings)


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
            binning = Binning.learn(first)
            profiles = [Profile.of(binning, each) for each in first]
            first = []
    return profiles, standings


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


def trials(world: World, day: int, stage: Stage) -> list[Trial]:
    """Every fault from one day on."""
    return [tried(world, day, name, fault, stage) for name, fault in FAULTS.items()]


def tried(world: World, day: int, name: str, fault: Fault, stage: Stage) -> Trial:
    """Whether and where the fault is seen."""
    rng = np.random.default_rng((stage.standing.day, list(FAULTS).index(name)))
    windows, segmented = list(stage.trail), fault.segments != (EVERYWHERE,)
    for nth, watched in enumerate(world.damaged(stage.standing, fault, rng), start=1):
        windows.append(Profile.of(stage.usual.reference.binning, watched))
        verdict = judge(stage.usual, windows, MIN_ROWS)
        if verdict.findings and verdict.findings[0].name not in stage.clean(nth):
            rightly = verdict.where.startswith(fault.segments)
            return Trial(name, day, nth, verdict.where, segmented, rightly, verdict.reason)
    return Trial(name, day, None, "", segmented, rightly=False, reason="")


def cost() -> tuple[float, float]:
    """CPU seconds of a watched window and of a reference, a million rows of forty columns."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(_ROWS, _COLUMNS)).astype(np.float32)
    watched = Watched(tuple(f"column_{n}" for n in range(_COLUMNS)), values, {}, _ROWS)
    binning = Binning.learn([watched])
    counted = measure(lambda: Profile.of(binning, watched))
    learned = measure(lambda: Profile.of(Binning.learn([watched]), watched))
    return counted.cpu_s, learned.cpu_s


def rows_of(alarms: Sequence[Alarm], tests: Sequence[Trial]) -> list[Row]:
    """The figures; a fault that was not detected is not named rightly either."""
    detected = float(np.mean([test.detected is not None for test in tests]))
    named = [test for test in tests if test.segmented and test.detected is not None]
    rightly = float(np.mean([test.rightly for test in named]))
    window_s, reference_s = cost()
    return [
        Row(
            f"false alarms of {ORDINARY} ordinary days",
            len(alarms),
            "<= 5",
            len(alarms) <= 5,
        ),
        Row(f"faults detected, of {len(tests)}", detected, ">= 0.9", detected >= 0.9),
        Row(
            f"segment named rightly, of {len(named)} detected",
            rightly,
            ">= 0.8",
            rightly >= 0.8,
        ),
        Row("CPU s of a watched window, 1 M x 40", window_s, "<= 0.35", window_s <= 0.35),
        Row("CPU s of a reference, 1 M x 40", reference_s, "<= 0.7", reference_s <= 0.7),
    ]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    world = World(raw_days(WARM_UP + BEFORE + ORDINARY, asked.seed))
    profiles, standings = days_of(world)
    tests: list[Trial] = []
    for day, standing in standings.items():
        usual, trail = usual_before(profiles, day)
        tests += trials(world, day, Stage(standing, usual, trail, profiles[day:]))
    alarms = [Alarm(day, report.reason) for day, report in false_alarms(profiles)]
    rows = rows_of(alarms, tests)
    if asked.json:
        figures = {"seed": asked.seed, "rows": rows, "alarms": alarms, "trials": tests}
        sys.stdout.write(json.dumps(figures, default=asdict, indent=2) + "\n")
    else:
        for row in rows:
            verdict = "holds" if row.holds else "FAILS"
            sys.stdout.write(f"{row.name}: {row.value:.3g}, {row.threshold}: {verdict}\n")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
