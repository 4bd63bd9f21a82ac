"""The picture of the trade-offs: what users pay, against what each other party gains."""

import io
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from sluice.mechanisms.pareto import pareto_optimal

COLOURS = (
    "#1d4ed8",
    "#b45309",
    "#0f766e",
    "#be123c",
    "#7c3aed",
    "#4d7c0f",
    "#0369a1",
    "#86198f",
)
_STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.edgecolor": "#94a3b8",
    "axes.labelcolor": "#334155",
    "xtick.color": "#475569",
    "ytick.color": "#475569",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_SIZE = 4.6
"""Inches of a panel's side."""


def draw(figures: dict[str, Any]) -> bytes:
    """A PNG with a panel a party beside the users: each mechanism a line through its settings.

    Args:
        figures: the document of `tradeoffs`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.style import context

    users, others = _headlines(figures["measures"])
    with context(_STYLE):
        figure = Figure(
            figsize=(_SIZE * 1.15 * max(len(others), 1), _SIZE), layout="constrained"
        )
        FigureCanvasAgg(figure)
        for nth, name in enumerate(others):
            axes = figure.add_subplot(1, len(others), nth + 1)
            _panel(axes, figures, users, name)
        if others:
            handles, labels = figure.axes[0].get_legend_handles_labels()
            figure.legend(
                handles, labels, loc="outside lower center", ncols=4, frameon=False
            )
        figure.suptitle(
            f"{figures['surface']}, version {figures['version']}: {figures['requests']:,} requests of "
            f"{figures['users']:,} users, against the order by score\n"
            "filled: Pareto-optimal over one measure a party; up and right is better; "
            f"bars: {figures['confidence']:.0%} intervals",
            fontsize=9.5, color="#334155",
        )  # fmt: skip
        target = io.BytesIO()
        figure.savefig(target, format="png", dpi=140, metadata={"Software": None})
    return target.getvalue()


def _headlines(measures: dict[str, dict[str, Any]]) -> tuple[str, list[str]]:
    """The users' headline measure, and the others'."""
    names = [name for name, measure in measures.items() if measure["headline"]]
    users = next(name for name in names if measures[name]["party"] == "users")
    return users, [name for name in names if name != users]


def _panel(axes: Any, figures: dict[str, Any], users: str, name: str) -> None:
    about = figures["measures"][name]
    axes.axhline(0, color="#cbd5e1", linewidth=0.9, zorder=0)
    axes.axvline(0, color="#cbd5e1", linewidth=0.9, zorder=0)
    axes.plot([0], [0], "k*", markersize=9, label="by score", zorder=3)
    swept = [point for point in figures["points"] if point["mechanism"] != "score"]
    lines = groupby(swept, key=lambda point: point["mechanism"])
    for nth, (mechanism, points) in enumerate(lines):
        _line(axes, mechanism, COLOURS[nth % len(COLOURS)], [*points], (users, name))
    _front(axes, figures, users, name)
    axes.set_xlabel(f"{figures['measures'][users]['meaning']}, change")
    axes.set_ylabel(f"{about['party']}: {about['meaning']}, change")
    if about["better"] == "lower":
        axes.invert_yaxis()
    axes.margins(0.08)


def _line(
    axes: Any,
    mechanism: str,
    colour: str,
    points: Sequence[dict[str, Any]],
    names: tuple[str, str],
) -> None:
    """A mechanism's points in the order of its settings, each with both intervals."""
    across, up = ([point["measures"][name] for point in points] for name in names)
    x = [figure["difference"] for figure in across]
    y = [figure["difference"] for figure in up]
    axes.plot(x, y, color=colour, linewidth=1.2, alpha=0.7, zorder=1)
    # What is declared is often a setting of the sweep too, and shows as a ring around its dot.
    size = 10.0 if mechanism == "declared" else 5.5
    for point, horizontal, vertical, left, high in zip(
        points, across, up, x, y, strict=True
    ):
        bar = {"color": colour, "linewidth": 0.8, "alpha": 0.35, "zorder": 1}
        axes.plot([horizontal["low"], horizontal["high"]], [high, high], **bar)
        axes.plot([left, left], [vertical["low"], vertical["high"]], **bar)
        face = colour if point["pareto"] else "white"
        axes.plot([left], [high], "o", color=colour, markerfacecolor=face, markersize=size)
    axes.plot([], [], "o-", color=colour, label=_legend(mechanism, points))


def _front(axes: Any, figures: dict[str, Any], users: str, name: str) -> None:
    """The front of these two measures alone, dashed: beyond it nothing was reached."""
    signs = np.array([_sign(figures["measures"][measure]) for measure in (users, name)])
    reached = np.array(
        [
            [point["measures"][measure]["difference"] for measure in (users, name)]
            for point in figures["points"]
        ]
    )
    front = reached[pareto_optimal(reached * signs)]
    front = front[np.argsort(front[:, 0])]
    axes.plot(front[:, 0], front[:, 1], "--", color="#64748b", linewidth=1.0, zorder=0,
              label="front of the two")  # fmt: skip


def _sign(measure: dict[str, Any]) -> int:
    return 1 if measure["better"] == "higher" else -1


def _legend(mechanism: str, points: Sequence[dict[str, Any]]) -> str:
    values = [point["value"] for point in points if point["value"] is not None]
    if not values:
        return mechanism
    return f"{mechanism}: {points[0]['parameter']} {min(values):g} to {max(values):g}"
