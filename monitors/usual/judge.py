"""The verdict on a window: what is not as usual, since when, where, and what came with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.monitors.usual.cumulative import HORIZON, cumulative_sums
from sluice.monitors.usual.effects import FIGURES, series
from sluice.monitors.usual.finding import Companion, Family, Finding, Place
from sluice.monitors.usual.history import TRAIL
from sluice.monitors.usual.learned import Usual
from sluice.monitors.usual.places import places
from sluice.monitors.usual.profile import EVERYWHERE, Profile
from sluice.monitors.usual.report import UsualReport, unknown
from sluice.store.records import Outcome

TOP = 10
_NEWS = 3.0
"""Deviations from which on a volume or a share is worth mentioning beside a finding."""


def judge(usual: Usual, windows: Sequence[Profile], min_rows: int) -> UsualReport:
    """Judge the newest window.

    Args:
        usual: what it is held against.
        windows: those since the usual was learned, in the order of time; the last is judged, and those
            before it say since when, and what adds up slowly.
        min_rows: of the window, and of a segment, below which nothing is said.
    """
    newest = windows[-1]
    if newest.rows < min_rows:
        return unknown(newest.rows, min_rows)
    seen = _Seen.of(usual, windows, min_rows)
    findings = sorted([*_of_columns(seen), *_of_shares(seen), *_of_slow(seen)], key=_order)
    ranked = _places(seen, _telling(findings), min_rows) if findings else ()
    return UsualReport(
        outcome=Outcome.FAIL if findings else Outcome.PASS,
        reason=_reason(findings, ranked, usual.windows),
        findings=tuple(findings),
        columns=_beyond(seen),
        places=ranked,
        companions=_companions(seen) if findings else (),
        windows=usual.windows,
        rows=newest.rows,
        limits=tuple(sorted(seen.limits.items())),
    )


@dataclass(frozen=True, eq=False)
class _Seen:
    usual: Usual
    windows: Sequence[Profile]
    scores: NDArray[np.float64]
    """[windows, figures, watched groups, columns]."""
    moved: NDArray[np.float64]
    """[windows, series]."""
    limits: Mapping[Family, float]

    @classmethod
    def of(cls, usual: Usual, windows: Sequence[Profile], min_rows: int) -> "_Seen":
        scores = np.stack([usual.scores(entry, min_rows) for entry in windows])
        moved = np.stack(
            [usual.moved(entry, ahead) for ahead, entry in enumerate(windows, start=1)]
        )
        before = slice(max(0, len(windows) - 1 - TRAIL), len(windows) - 1)
        limits = usual.limits(scores[before], moved[before])
        return cls(usual, windows, scores, moved, limits)

    @property
    def newest(self) -> Profile:
        return self.windows[-1]


def _of_columns(seen: _Seen) -> Iterator[Finding]:
    """The worst figure of each column beyond its limit, everywhere and by segment."""
    usual, scores = seen.usual, seen.scores[-1]
    sizes = usual.sizes(seen.newest)
    for family, groups in (
        (Family.COLUMNS, slice(0, 1)),
        (Family.SEGMENTS, slice(1, None)),
    ):
        limit = seen.limits[family]
        part = scores[:, groups]
        if not part.size:
            continue
        # The greatest over figures and groups, for each column.
        greatest = part.max(axis=(0, 1))
        for column in np.argsort(-greatest, kind="stable")[:TOP].tolist():
            if greatest[column] <= limit:
                break
            flat = int(part[:, :, column].argmax())
            figure, group = np.unravel_index(flat, part.shape[:2])
            at = int(group) + int(groups.start)
            yield Finding(
                family=family,
                name=usual.reference.binning.names[column],
                figure=FIGURES[figure],
                where=usual.groups[at],
                value=float(sizes[figure, at, column]),
                usual=usual.usual_size(int(figure), at, column, limit),
                score=float(greatest[column]),
                limit=limit,
                since=_in_a_row(seen.scores[:, figure, at, column] > limit),
            )


def _beyond(seen: _Seen) -> tuple[str, ...]:
    """Every column that is beyond the usual over all rows or in a segment, the worst first."""
    scores, limits = seen.scores[-1], seen.limits
    over = np.maximum(
        scores[:, 0].max(axis=0) / limits[Family.COLUMNS],
        scores[:, 1:].max(axis=(0, 1), initial=0.0) / limits[Family.SEGMENTS],
    )
    names = seen.usual.reference.binning.names
    order = np.argsort(-over, kind="stable").tolist()
    return tuple(names[column] for column in order if over[column] > 1)


def _of_shares(seen: _Seen) -> Iterator[Finding]:
    usual = seen.usual
    limit, moved = seen.limits[Family.SHARES], seen.moved[:, : usual.shares]
    values, ahead = series(usual.reference.counts, seen.newest), len(seen.windows)
    for index in np.argsort(-np.abs(moved[-1]), kind="stable")[:TOP].tolist():
        if abs(moved[-1, index]) <= limit:
            return
        name = usual.series_names[index]
        own = usual.series.deviation(ahead)[index] * np.sign(moved[-1, index])
        yield Finding(
            family=Family.SHARES,
            name=name,
            figure="shift",
            where=_segment(name),
            value=_plain(name, float(values[index])),
            usual=_plain(name, float(usual.series.expected(ahead)[index] + limit * own)),
            score=float(abs(moved[-1, index])),
            limit=limit,
            since=_in_a_row(np.abs(moved[:, index]) > limit),
        )


def _plain(name: str, value: float) -> float:
    """A rank as it stands; of a volume or a share, which are logarithms, the number."""
    return float(value if name.startswith("answers[") else np.exp(value))


def _of_slow(seen: _Seen) -> Iterator[Finding]:
    """Of columns only: shares resemble their neighbours too much for sums to mean anything."""
    first, limits = seen.usual.shares, seen.usual.slow
    newest = [seen.usual.from_level(entry) for entry in seen.windows[-HORIZON:]]
    sums = cumulative_sums(np.stack(newest))
    height = sums.height
    for index in np.argsort(-height / limits, kind="stable")[:TOP].tolist():
        if height[index] <= limits[index]:
            return
        limit = float(limits[index])
        name = seen.usual.series_names[first + index]
        yield Finding(
            family=Family.SLOW,
            name=name,
            figure="sum",
            where=_segment(name),
            value=float(height[index]),
            usual=limit,
            score=float(height[index]),
            limit=limit,
            since=min(len(seen.windows), HORIZON) - int(sums.since[index]),
        )


def _order(finding: Finding) -> tuple[bool, float]:
    """What broke in one window comes before what adds up, for it says more of where."""
    return finding.family is Family.SLOW, -finding.score / finding.limit


def _in_a_row(beyond: NDArray[np.bool_]) -> int:
    """How many windows at the end lie beyond."""
    within = np.flatnonzero(~beyond)
    return len(beyond) - (int(within[-1]) + 1 if len(within) else 0)


def _segment(series_name: str) -> str:
    kind, _, rest = series_name.partition("[")
    return rest.removesuffix("]") if kind in {"share", "answers"} else EVERYWHERE


def _places(seen: _Seen, worst: Finding, min_rows: int) -> tuple[Place, ...]:
    if worst.family in {Family.SHARES, Family.SLOW}:
        rows = dict(
            zip(seen.usual.reference.binning.groups, seen.newest.sizes, strict=True)
        )
        share = float(rows.get(worst.where, 0) / max(seen.newest.rows, 1))
        return (Place(worst.where, 1.0, share),)
    return places(seen.usual, seen.newest, worst.figure, worst.name, min_rows)


def _telling(findings: Sequence[Finding]) -> Finding:
    """The worst finding; where that is a volume, the worst share, which says whose rows are missing."""
    worst = findings[0]
    shares = (entry for entry in findings if entry.name.startswith("share["))
    return next(shares, worst) if worst.name.startswith("volume[") else worst


def _companions(seen: _Seen) -> tuple[Companion, ...]:
    """Volumes and shares that left their usual at the same time."""
    moved = seen.moved[-1, : seen.usual.shares]
    order = np.argsort(-np.abs(moved), kind="stable")[:TOP].tolist()
    return tuple(
        Companion(seen.usual.series_names[index], float(moved[index]))
        for index in order
        if abs(moved[index]) >= _NEWS
    )


def _reason(findings: Sequence[Finding], ranked: Sequence[Place], windows: int) -> str:
    if not findings:
        return f"as {windows} ordinary windows were"
    worst, others = findings[0], len(findings) - 1
    more = f", and {others} more" if others else ""
    return f"{worst.sentence}{more}; most of it in {ranked[0].where}"
