"""The usual: what the same figures are between ordinary windows, which is all that a limit stands on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.errors import TooLittleData
from sluice.monitors.usual.cumulative import (
    cumulative_sums,
    keeps_level,
    resemblance,
    slow_limits,
)
from sluice.monitors.usual.effects import (
    FIGURES,
    borne,
    effects,
    on_log_scale,
    series,
    series_names,
)
from sluice.monitors.usual.finding import Family
from sluice.monitors.usual.limits import BY_FAMILY, LEAST, Greatest, greatest, limits
from sluice.monitors.usual.profile import Profile, merged
from sluice.monitors.usual.spread import Spread
from sluice.monitors.usual.trend import Trend


@dataclass(frozen=True, eq=False)
class Usual:
    """Ordinary windows, and how far apart they are among themselves."""

    reference: Profile
    """All of them together."""
    watched: NDArray[np.bool_]
    """[groups]; those with rows enough in nearly every window to say something of."""
    effects: Spread
    """Of [figures × groups × columns], flat, on the logarithmic scale."""
    series: Trend
    ordinary: Greatest
    """The greatest scores of each ordinary window, held against the others."""
    levels: Spread
    """Of the columns' series, for slow change."""
    slow: NDArray[np.float64]
    """[columns' series]; height that the sum of each may reach, infinite of one that keeps no level."""
    windows: int

    @classmethod
    def learn(
        cls,
        profiles: Sequence[Profile],
        min_rows: int,
        rng: np.random.Generator,
    ) -> Self:
        """Learn from ordinary windows, each compared with all others.

        Args:
            profiles: in one binning, in the order of time.
            min_rows: of a group in a window, below which nothing is said of it.
            rng: draws series without change, for the limit of slow change.

        Raises:
            TooLittleData: fewer than `LEAST` windows.
        """
        if (missing := LEAST - len(profiles)) > 0:
            raise TooLittleData(f"learning the usual, {missing} windows to go")
        reference = merged(profiles)
        others = [reference.counts - entry.counts for entry in profiles]
        enough = np.mean([entry.sizes >= min_rows for entry in profiles], axis=0) >= _NEARLY
        sizes = np.stack([
            on_log_scale(effects(other[enough], entry.counts[enough])).ravel()
            for other, entry in zip(others, profiles, strict=True)
        ])  # fmt: skip
        figures = np.stack(
            [series(other, entry) for other, entry in zip(others, profiles, strict=True)]
        )
        kinds = _effect_kinds(reference, enough)
        own = series_kinds(reference)
        spread, signed = Spread.of(sizes, kinds), Trend.of(figures, own)
        scores = spread.leave_one_out(sizes, kinds).reshape(
            len(profiles), len(FIGURES), int(enough.sum()), -1
        )
        moved = signed.among_themselves(figures)
        shares = _shares(reference)
        of_columns, alike = figures[:, shares:], own[shares:]
        slow = np.maximum(
            slow_limits(resemblance(of_columns), len(profiles), BY_FAMILY, rng),
            2 * _wandered(of_columns, alike),
        )
        slow = np.where(keeps_level(of_columns), slow, np.inf)
        levels = Spread.of(of_columns, alike)
        ordinary = greatest(scores, moved, shares)
        return cls(reference, enough, spread, signed, ordinary, levels, slow, len(profiles))

    def limits(
        self, scores: NDArray[np.float64], moved: NDArray[np.float64]
    ) -> dict[Family, float]:
        """Score that the greatest of each family may reach.

        Args:
            scores: of the windows since the usual was learned but for the watched one, [windows, …].
            moved: the same windows' series.
        """
        return limits(self.ordinary, greatest(scores, moved, self.shares))

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that are watched; everywhere is the first."""
        names = self.reference.binning.groups
        return tuple(
            name for name, enough in zip(names, self.watched, strict=True) if enough
        )

    @cached_property
    def series_names(self) -> tuple[str, ...]:
        return series_names(self.reference)

    @property
    def shares(self) -> int:
        """How many of the series are volumes, shares and answers; they come first."""
        return _shares(self.reference)

    def sizes(self, profile: Profile) -> NDArray[np.float64]:
        """Effect sizes of a window, [figures, watched groups, columns]."""
        return effects(self.reference.counts[self.watched], profile.counts[self.watched])

    def scores(self, profile: Profile, min_rows: int) -> NDArray[np.float64]:
        """How far beyond the usual they are; 0 where a group or a change has too few rows this time."""
        sizes = self.sizes(profile)
        scores = self.effects.beyond(on_log_scale(sizes).ravel()).reshape(sizes.shape)
        counts = profile.counts[self.watched]
        enough = (profile.sizes[self.watched] >= min_rows)[:, None]
        enough = enough & borne(self.reference.counts[self.watched], counts)
        return np.where(enough, scores, 0.0)

    def moved(self, profile: Profile, ahead: int) -> NDArray[np.float64]:
        """How far each of the series lies from its line, with its sign, [series].

        Args:
            profile: of the window.
            ahead: how many windows after the last ordinary one, from 1.
        """
        return self.series.beyond(series(self.reference.counts, profile), ahead)

    def from_level(self, profile: Profile) -> NDArray[np.float64]:
        """How far each of the columns' series lies from its level, with its sign."""
        return self.levels.beyond(series(self.reference.counts, profile)[self.shares :])

    def usual_size(self, figure: int, group: int, column: int, score: float) -> float:
        """The effect size that lies this many deviations beyond the usual."""
        index = np.ravel_multi_index(
            (figure, group, column),
            (len(FIGURES), len(self.groups), len(self.reference.binning.names)),
        )
        own = self.effects.deviation[index] * np.sqrt(1 + 1 / self.windows)
        zero = on_log_scale(np.zeros(1))[0]
        return float(np.exp(self.effects.mean[index] + score * own) - np.exp(zero))


_NEARLY = 0.8


def series_kinds(reference: Profile) -> NDArray[np.int64]:
    """Which of the series vary alike: those of one sort, in segments of one dimension."""
    cut = reference.binning.dimension_of
    columns = len(reference.binning.names)
    sorts = ([0, 0], 100 + cut[1:], 200 + cut, np.full(columns, 300), np.full(columns, 400))
    return np.concatenate(sorts)


def _effect_kinds(reference: Profile, enough: NDArray[np.bool_]) -> NDArray[np.int64]:
    cut = reference.binning.dimension_of[enough]
    by_group = np.repeat(cut, len(reference.binning.names))
    return np.concatenate([100 * figure + by_group for figure in range(len(FIGURES))])


def _shares(reference: Profile) -> int:
    return 2 * len(reference.binning.groups) + 1


def _wandered(
    figures: NDArray[np.float64], kinds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How high each sum rises over the newer half, held against the level of the older, [series].

    Some figures never keep to a level, and that is usual of them.
    """
    half = len(figures) // 2
    older = Spread.of(figures[:half], kinds)
    return cumulative_sums(older.beyond(figures[half:])).height
