"""Writes watched windows into an Evidently workspace on disk, which `evidently ui` opens.

Evidently draws, it does not judge: it gets a sample, and our own figures over the full window as
columns of one repeated value, because its server can load no metric class of ours. Files are
written whole and named by what they are about, so that a rerun or a crash leaves no second run and
no half one; a dashboard that somebody rearranged is left as it is.
"""

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from sluice.data.atomic import write_atomically
from sluice.data.tables import Window
from sluice.monitors.drift import SCORE, DriftReport

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 10_000
"""Rows a side; Evidently takes 4 s for 30 columns of that many, 250 s for a million."""
COLUMNS = 30
"""Features shown: those that moved most."""

_NEXT_TO_ZERO = 1e-15
_NAMESPACE = UUID("6f1f3c1e-7a52-4d0c-9d5e-3f0b8f7f5a10")
_SHARE, _SCORE_PSI = "full window: drifted features, %", "full window: score PSI"
_ROWS, _REFERENCE_ROWS = "full window: rows", "full window: reference rows"


@dataclass(frozen=True)
class Rows:
    """What the ranker saw and said in one window."""

    features: NDArray[np.float32]
    """[rows, features]."""
    scores: NDArray[np.float64]
    """[rows]."""


@dataclass(frozen=True)
class Watched:
    """One release over one window, and what was found."""

    surface: str
    release: str
    window: Window
    report: DriftReport

    @property
    def project_id(self) -> UUID:
        return uuid5(_NAMESPACE, self.surface)

    @property
    def run_id(self) -> UUID:
        window = f"{self.window.start.isoformat()}/{self.window.end.isoformat()}"
        return uuid5(self.project_id, f"{self.release}/{window}")


def add_run(
    workspace: Path,
    watched: Watched,
    reference: Rows,
    current: Rows,
    rng: np.random.Generator,
) -> Path:
    """Write the run, and the surface's project and dashboard where they are not there yet.

    Args:
        workspace: folder that `evidently ui --workspace` is given.
        watched: names the run; its report must be over the same features as the rows.
        reference: the reference window.
        current: the watched window.
        rng: draws the sample.

    Returns:
        The run's file. Where it exists nothing is computed and nothing changes.
    """
    path = _run_path(workspace, watched)
    if path.exists():
        return path
    with tempfile.TemporaryDirectory() as folder, _expected_warnings():
        staged = Path(folder)
        _stage(staged, watched, _snapshot(watched, reference, current, rng))
        # The run comes last: where it is there, its project is too.
        for file in sorted(staged.rglob("*.json"), key=lambda file: file.name == path.name):
            target = workspace / file.relative_to(staged)
            if not target.exists():
                write_atomically(target, file.read_bytes())
    return path


@contextmanager
def _expected_warnings() -> Iterator[None]:
    """Evidently imports deprecated names and correlates constant columns; neither is news."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message="numpy.core")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="litestar")
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="numpy.lib")
        yield


def _run_path(workspace: Path, watched: Watched) -> Path:
    return workspace / str(watched.project_id) / "snapshots" / f"{watched.run_id}.json"


def _stage(folder: Path, watched: Watched, snapshot: Any) -> None:
    from evidently.sdk.models import DashboardModel, DashboardTabModel, ProjectModel
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(folder))
    workspace.add_project(
        ProjectModel(
            id=watched.project_id,
            name=watched.surface,
            description="Drift of features and scores against the reference window",
        )
    )
    panels = _panels()
    tab = DashboardTabModel(title="Drift", panels=[panel.id for panel in panels])
    workspace.save_dashboard(watched.project_id, DashboardModel(tabs=[tab], panels=panels))
    workspace.state.write_snapshot(watched.project_id, watched.run_id, snapshot)


def _panels() -> list[Any]:
    """What stands on the dashboard.

    Evidently's own share of drifted columns is in each report but not here: it is over the columns
    shown, and with every other choice of columns it starts a new line.
    """
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import counter_panel, line_plot_panel

    def figure(column: str, legend: str) -> PanelMetric:
        return PanelMetric(
            legend=legend, metric="MaxValue", metric_labels={"column": column}
        )

    share, score = figure(_SHARE, "full window"), figure(_SCORE_PSI, "full window")
    sampled_score = PanelMetric(
        legend="Evidently, on a sample",
        metric="ValueDrift",
        metric_labels={"column": SCORE},
    )
    rows = [figure(_ROWS, "watched"), figure(_REFERENCE_ROWS, "reference")]
    return [
        counter_panel(
            "Drifted features",
            [share],
            "%, last window that could be judged",
            size="half",
        ),
        counter_panel(
            "Score PSI",
            [score],
            "0 is no change; last window that could be judged",
            size="half",
        ),
        line_plot_panel("Drifted features, %", [share]),
        line_plot_panel("PSI of the score", [score, sampled_score], size="half"),
        line_plot_panel("Rows", rows, size="half"),
    ]


def _snapshot(
    watched: Watched, reference: Rows, current: Rows, rng: np.random.Generator
) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MaxValue

    figures, report = _figures(watched.report), watched.report
    columns = _columns(report, reference, current)
    metrics: list[Any] = [_drift_metrics(columns, report)] if columns else []
    metrics += [MaxValue(column=name) for name in figures]
    definition = DataDefinition(numerical_columns=[*columns, *figures])
    before, now = (
        Dataset.from_pandas(
            _frame(report, rows, columns, figures, rng), data_definition=definition
        )
        for rows in (reference, current)
    )
    run = Report(metrics).run(
        now,
        before,
        timestamp=watched.window.end,
        name=f"{watched.release[:12]} {watched.window.start:%Y-%m-%d %H:%M}",
        metadata={"outcome": str(report.outcome), "reason": report.reason},
        tags=[watched.release, str(report.outcome)],
    )
    model = run.to_snapshot_model()
    # Evidently would draw each figure as a bar chart of its one value, after everything else.
    model.widgets = [_verdict(report), *_below(model.widgets[: -len(figures)])]
    return model


def _verdict(report: DriftReport) -> Any:
    """Our verdict and figures, for the head of the run's page."""
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    figures = {
        "drifted features, %": _rounded(report.share and 100 * report.share, 1),
        "score PSI": _rounded(report.score.psi, 4),
        "rows": f"{report.current_rows:,}",
        "reference rows": f"{report.reference_rows:,}",
    }
    shown = [CounterData(name, value) for name, value in figures.items()]
    title = f"{report.outcome}, over the full window: {report.reason}"
    return counter(title=title, counters=shown)


def _below(widgets: list[Any]) -> list[Any]:
    """What Evidently drew, under a title of its own."""
    from evidently.legacy.renderers.html_widgets import CounterData, counter

    title = CounterData(
        "Evidently's own view, on a sample of the features that moved most", ""
    )
    return [counter(counters=[title]), *widgets] if widgets else []


def _rounded(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"


def _drift_metrics(columns: list[str], report: DriftReport) -> Any:
    from evidently.presets import DataDriftPreset

    return DataDriftPreset(
        columns=columns,
        method="psi",
        threshold=report.limits.psi,
        drift_share=report.limits.drifted_share,
    )


def _figures(report: DriftReport) -> dict[str, float]:
    """Our own figures over the full window; the unknown ones stay out."""
    figures = {
        _SHARE: None if report.share is None else 100 * report.share,
        _SCORE_PSI: report.score.psi,
        _ROWS: float(report.current_rows),
        _REFERENCE_ROWS: float(report.reference_rows),
    }
    # On a dashboard, Evidently shows a plain zero as "no value".
    return {
        name: value or _NEXT_TO_ZERO for name, value in figures.items() if value is not None
    }


def _columns(report: DriftReport, reference: Rows, current: Rows) -> list[str]:
    """Features that moved most, and the score; none where there were too few rows to say."""
    if report.score.psi is None:
        return []
    compared = [
        bool(np.isfinite(reference.features[:, index]).any())
        and bool(np.isfinite(current.features[:, index]).any())
        for index in range(len(report.features))
    ]
    shown = [feature for feature, has in zip(report.features, compared, strict=True) if has]
    shown.sort(key=lambda feature: (-(feature.psi or 0.0), feature.name))
    return [*(feature.name for feature in shown[:COLUMNS]), SCORE]


def _frame(
    report: DriftReport,
    rows: Rows,
    columns: list[str],
    figures: Mapping[str, float],
    rng: np.random.Generator,
) -> "pd.DataFrame":
    """A sample of the rows' shown columns, and every figure as a column of one value."""
    import pandas as pd

    names = [feature.name for feature in report.features]
    sample = np.sort(rng.permutation(len(rows.scores))[:SAMPLE])
    frame = {
        name: rows.scores[sample]
        if name == SCORE
        else rows.features[sample, names.index(name)]
        for name in columns
    }
    count = len(sample) if columns else 1
    values = frame | {name: np.full(count, value) for name, value in figures.items()}
    return pd.DataFrame(values).replace([np.inf, -np.inf], np.nan)
