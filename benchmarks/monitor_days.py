"""Days of the generated feed as a monitor sees them, ordinary and damaged."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.monitor_faults import PRICE, Fault
from sluice.data.generated import FeedConfig, generate_days
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables, Window
from sluice.features.state.feature_state import FeatureState
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import context_of, replay_into
from sluice.monitors.usual.columns import Watched
from sluice.monitors.usual.of_log import DIMENSIONS, watched_rows
from sluice.rankers import Ranker, make_ranker
from sluice.surface import load_surface

WARM_UP = 7
"""Days before anything is looked at: counters fill, and a ranker is fitted on them."""
_LABEL = FeedbackKind.CLICK
_SEGMENTS = (*DIMENSIONS, "context_device")


@dataclass(frozen=True, eq=False)
class Standing:
    """What stands at the beginning of a day."""

    day: int
    state: FeatureState
    late: pl.DataFrame
    """Feedback on earlier days that is received from now on."""


def raw_days(days: int, seed: int) -> list[LogTables]:
    """The feed by day, with a price on every shown item, by its category."""
    config = FeedConfig(days=days, seed=seed, surfaces=("for_you",))
    return [
        _priced(day.tables, np.random.default_rng((seed, 9, index)))
        for index, day in enumerate(generate_days(config))
    ]


def _priced(tables: LogTables, rng: np.random.Generator) -> LogTables:
    noise = pl.Series(rng.normal(3.0, 0.6, tables.exposures.height)).exp()
    price = noise.cast(pl.Float32).alias(PRICE)
    return replace(tables, exposures=tables.exposures.with_columns(price))


class World:
    """Replays days one after the other, with the shipped features of the surface for_you."""

    def __init__(self, raw: Sequence[LogTables]) -> None:
        self.raw = raw
        shipped = load_surface(Path(__file__).parents[1] / "surfaces" / "for_you.toml")
        state = FeatureState.empty(shipped.features, context_of(raw[0]))
        standing = Standing(0, state, raw[0].feedback.clear())
        frames: list[RankingFrame] = []
        while standing.day < WARM_UP:
            frame, _, standing = self._folded(standing, raw[standing.day])
            frames.append(frame)
        self.ranker = _fitted(frames[-1])
        self.start = standing

    def ordinary(self) -> Iterator[tuple[Standing, Watched]]:
        """Every day after the warm-up, and what stood before it."""
        standing = self.start
        while standing.day < len(self.raw):
            before = standing
            kept = Standing(before.day, copy.deepcopy(before.state), before.late)
            watched, standing = self._seen(standing, self.raw[standing.day])
            yield kept, watched

    def damaged(
        self, standing: Standing, fault: Fault, rng: np.random.Generator
    ) -> Iterator[Watched]:
        """The days from there on under a fault."""
        first = standing.day
        standing = Standing(first, copy.deepcopy(standing.state), standing.late)
        for day in range(fault.within):
            tables = fault.damage(self.raw[first + day], day, rng)
            watched, standing = self._seen(standing, tables)
            yield watched

    def _seen(self, standing: Standing, tables: LogTables) -> tuple[Watched, Standing]:
        frame, today, after = self._folded(standing, tables)
        scores = self.ranker.score(frame.features)
        window = _window(standing.day)
        rows = watched_rows(frame, scores, today, window, _LABEL, _SEGMENTS)
        return rows, after

    def _folded(
        self, standing: Standing, tables: LogTables
    ) -> tuple[RankingFrame, LogTables, Standing]:
        """The frame, what was received by the day's end, and what stands after it."""
        end = _window(standing.day).end
        feedback = pl.concat([standing.late, tables.feedback])
        feedback = feedback.sort("received_ts", maintain_order=True)
        in_time = pl.col("received_ts") < end
        today = replace(tables, feedback=feedback.filter(in_time))
        frame = replay_into(standing.state, _LABEL, today)
        facts = self._catalogue(standing.day, tables)
        after = Standing(standing.day + 1, standing.state, feedback.filter(~in_time))
        return frame, replace(today, items=facts), after

    def _catalogue(self, day: int, tables: LogTables) -> pl.DataFrame:
        """Facts of whatever can be shown: items live for two days."""
        before = [each.items for each in self.raw[max(0, day - 3) : day]]
        return pl.concat([*before, tables.items])


def _fitted(frame: RankingFrame) -> Ranker:
    ranker = make_ranker("lambdamart", {"trees": 40})
    return ranker.fit(frame, np.random.default_rng(7))


def _window(day: int) -> Window:
    start = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=day)
    return Window(start, start + timedelta(days=1))
