"""Plots of the evidence page, as PNG bytes that are the same for the same figures."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from sluice.metrics.comparison import PairedComparison
from sluice.registry.evidence import Evidence

TOP_FEATURES = 20
COLOURS = {"candidate": "#1d4ed8", "champion": "#94a3b8", "baseline": "#d6dde8"}
_FAR_COLOURS = {"champion": "#1d4ed8", "baseline": "#64748b"}
_LINES = ("#1d4ed8", "#b45309", "#0f766e", "#7c3aed")
_STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.edgecolor": "#94a3b8",
    "axes.labelcolor": "#334155",
    "xtick.color": "#475569",
    "ytick.color": "#1e293b",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(evidence: Evidence) -> dict[str, bytes]:
    """All plots there are figures for, by name: differences, metrics, calibration, gains."""
    plots: dict[str, bytes] = {}
    if any(evidence.comparisons.values()):
        plots["differences"] = differences_plot(evidence.comparisons)
    if any(evidence.metrics.values()):
        plots["metrics"] = metrics_plot(evidence.metrics)
    if evidence.reliability:
        plots["calibration"] = calibration_plot(evidence.reliability)
    if evidence.gains:
        plots["gains"] = gains_plot(evidence.gains)
    return plots


def differences_plot(comparisons: Mapping[str, Sequence[PairedComparison]]) -> bytes:
    """Forest plot: a row a metric and reference, the difference with its interval, zero marked."""
    rows = [(kind, row) for kind, comparison in comparisons.items() for row in comparison]

    def paint(axes: Any) -> None:
        axes.axvline(0, color="#0f172a", linewidth=0.9)
        for place, (kind, row) in enumerate(reversed(rows)):
            colour = _FAR_COLOURS.get(kind, "#334155")
            axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2.4)
            axes.plot([row.difference], [place], "o", color=colour, markersize=6)
        labels = [f"{row.metric}  vs {kind}" for kind, row in reversed(rows)]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(
            "candidate minus reference (right of the line: the candidate is better)"
        )

    return _png(paint, height=0.9 + 0.3 * len(rows))


def metrics_plot(metrics: Mapping[str, Mapping[str, float]]) -> bytes:
    """Bars: a group a metric, a bar for each of candidate, champion and baseline."""
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    width = 0.8 / len(metrics)

    def paint(axes: Any) -> None:
        for nth, (who, values) in enumerate(metrics.items()):
            shift = (nth - (len(metrics) - 1) / 2) * width
            places = [place + shift for place in range(len(names))]
            heights = [values.get(name, float("nan")) for name in names]
            axes.bar(
                places, heights, width * 0.92, label=who, color=COLOURS.get(who, "#64748b")
            )
        axes.set_xticks(range(len(names)), names)
        axes.set_ylabel("mean over requests")
        axes.legend(
            frameon=False, ncols=len(metrics), loc="lower center", bbox_to_anchor=(0.5, 1)
        )

    return _png(paint, height=2.9)


def calibration_plot(reliability: Mapping[str, Mapping[str, Sequence[float]]]) -> bytes:
    """Reliability: observed over predicted rate, a line an objective; on the diagonal all is kept."""

    def paint(axes: Any) -> None:
        far = max(
            (
                max(*curve["predicted"], *curve["observed"])
                for curve in reliability.values()
            ),
            default=1.0,
        )
        axes.plot([0, far], [0, far], color="#0f172a", linewidth=0.9)
        for (name, curve), colour in zip(reliability.items(), cycle(_LINES), strict=False):
            axes.plot(
                curve["predicted"], curve["observed"], "o-", color=colour, label=name,
                linewidth=1.6, markersize=4,
            )  # fmt: skip
        axes.set_xlabel("predicted rate")
        axes.set_ylabel("observed rate")
        axes.legend(frameon=False, loc="upper left")

    return _png(paint, height=3.4)


def gains_plot(gains: Mapping[str, float]) -> bytes:
    """Bars: the features that the ranker gained most from, as shares of all gain."""
    total = sum(gains.values()) or 1.0
    top = top_gains(gains)[::-1]

    def paint(axes: Any) -> None:
        axes.barh(
            [name for name, _ in top],
            [100 * gain / total for _, gain in top],
            color="#1d4ed8",
        )
        axes.set_xlabel("share of the training gain, %")
        axes.margins(y=0.02)

    return _png(paint, height=0.9 + 0.23 * len(top))


def top_gains(
    gains: Mapping[str, float], top: int = TOP_FEATURES
) -> list[tuple[str, float]]:
    """The `top` features by gain, largest first; ties by name."""
    return sorted(gains.items(), key=lambda pair: (-pair[1], pair[0]))[:top]


def _png(paint: Any, height: float) -> bytes:
    # The object interface: pyplot would choose a backend and keep figures for the whole process.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(7.6, height), dpi=120, layout="tight")
        FigureCanvasAgg(figure)
        paint(figure.add_subplot())
        buffer = io.BytesIO()
        # Without the library's version the bytes depend on the figures alone.
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
