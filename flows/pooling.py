"""Earlier windows of the same configuration against the same champion, pooled with today's.

A thin log shows no loss of a percent in one window. Candidates that were held are judged on, each on
the requests of its own time: their files are kept, and today's frame holds those requests with what was
known at each. So nothing of a person is kept for it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from sluice.errors import NotFound
from sluice.features.state.frame import RankingFrame
from sluice.flows.candidates import candidate_folder
from sluice.flows.dossier import evaluation_of
from sluice.flows.memory import document
from sluice.flows.trial import Incumbent, Trial, micros, placed
from sluice.flows.workplace import Workplace
from sluice.gates.quality import QualityGate
from sluice.mechanisms.arrangement import Arrangement
from sluice.metrics import Paired, evaluate, pair
from sluice.metrics.pooled import pool
from sluice.rankers import Ranker, load_ranker
from sluice.store.records import SnapshotRecord, Version
from sluice.surface import Surface

_DAY = 86_400_000_000
"""µs."""


@dataclass(frozen=True)
class EarlierWindow:
    """A candidate of before, and the requests that it was judged on."""

    version: int
    ranker: Ranker
    arrangement: Arrangement
    start: int
    """µs; where its fit ended."""
    end: int
    """µs."""


def earlier_windows(
    workplace: Workplace, code: str, champion: Incumbent, end: datetime
) -> tuple[EarlierWindow, ...]:
    """Those that ended before `end`, in the order of their ends.

    Every one counts, held or not, so that none is chosen by how it did. What was trained by other code,
    or as declared otherwise, is another configuration, whose evidence begins anew.
    """
    of_surface = workplace.store.find(Version, surface=workplace.name)
    alike = (version for version in of_surface if _is_alike(workplace, version, code))
    windows = (_window(workplace, version, champion) for version in alike)
    before = (window for window in windows if window and window.end < micros(end))
    return tuple(sorted(before, key=lambda window: (window.end, window.version)))


def pooled(
    surface: Surface,
    trial: Trial,
    champion: Incumbent,
    seen: RankingFrame,
    earlier: Sequence[EarlierWindow],
    today: Paired,
) -> dict[str, Any]:
    """All windows together, and what each brought, as a JSON document.

    Args:
        surface: whose quality gate says which loss is to be found.
        trial: today's, whose frame holds the earlier requests too.
        champion: whom all were held against.
        seen: the frame as the champion reads it.
        earlier: windows before, in the order of their ends.
        today: candidate and champion on today's judged requests.
    """
    rule = surface.gates.of(QualityGate)
    windows, rows, done = [], [], 0
    for window in earlier:
        begin = max(window.start, done)
        span = np.searchsorted(trial.frame.ts, [begin, window.end])
        first, last = int(span[0]), int(span[1])
        done = window.end
        if first < last:
            bounds = first, last
            windows.append(_paired(surface, trial, champion, seen, window, bounds))
            rows.append(_row(window.version, begin, window.end, windows[-1]))
    begin = max(micros(trial.split.fit_end), done)
    windows.append(today.where(trial.parts[1].ts >= begin))
    rows.append(_row(None, begin, micros(trial.split.window.end), windows[-1]))
    days = sum(row["days"] for row in rows)
    comparison = pool(windows, days, rule.margin, rule.confidence)
    return {
        "windows": rows,
        "pooled": None if comparison is None else asdict(comparison),
    }


def _is_alike(workplace: Workplace, version: Version, code: str) -> bool:
    if version.code != code:
        return False
    ours, theirs = workplace.surface.declaration, document(workplace, version.spec)
    # Under other gates it is the same configuration.
    return _trained(ours) == _trained(theirs)


def _trained(declaration: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in declaration.items() if name != "gates"}


def _window(
    workplace: Workplace, version: Version, champion: Incumbent
) -> EarlierWindow | None:
    """None where it was never judged, or against another, or its files were cleared away."""
    snapshot = workplace.store.get(
        SnapshotRecord, surface=version.surface, digest=version.snapshot
    )
    try:
        evaluation = evaluation_of(workplace, version)
        folder = candidate_folder(workplace.settings.models, version.model)
    except NotFound:
        return None
    against = evaluation["champion"]
    if snapshot is None or against is None or against["version"] != champion.version:
        return None
    return EarlierWindow(
        version.number,
        load_ranker(folder / "model"),
        Arrangement.load(folder),
        micros(datetime.fromisoformat(evaluation["fit_end"])),
        micros(snapshot.end),
    )


def _paired(
    surface: Surface,
    trial: Trial,
    champion: Incumbent,
    seen: RankingFrame,
    window: EarlierWindow,
    requests: tuple[int, int],
) -> Paired:
    """That candidate and the champion on requests `first` up to, not including, `last`."""
    part, past = trial.frame.take(*requests), seen.take(*requests)
    ours = placed(
        trial, surface.features, window.ranker.score(part.features, part.offsets), window.arrangement,
        requests,
    )  # fmt: skip
    theirs = placed(
        trial, champion.features.spec, champion.ranker.score(past.features, past.offsets),
        champion.arrangement, requests,
    )  # fmt: skip
    metric = surface.gates.of(QualityGate).metric
    return pair(evaluate(ours, part), evaluate(theirs, part), part.users, metric)


def _row(version: int | None, start: int, end: int, window: Paired) -> dict[str, Any]:
    return {
        "version": version,
        "days": (end - start) / _DAY,
        "requests": window.judged().requests,
    }
