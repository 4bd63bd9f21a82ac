"""The picture of the gates' detection rates."""

import io
from typing import Any


def picture(figures: dict[str, Any]) -> bytes:
    """Detection rate against the true loss, a line a gate; the A/A rate is where the loss is 0."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = figures["detection"]["ranking"]
    losses = [100 * row["true_loss"] for row in rows]
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for gate, colour in (
        ("quality", "#1d4ed8"),
        ("slices", "#b45309"),
        ("churn", "#0f766e"),
    ):
        held, failed = (
            [100 * row[f"{gate}_{kind}"] for row in rows] for kind in ("held", "failed")
        )
        axes.plot(losses, held, marker="o", color=colour, label=f"{gate}: held")
        axes.plot(
            losses, failed, marker="o", color=colour, linestyle=":", label=f"{gate}: failed"
        )
    margin = 100 * figures["margins"]["quality"]
    axes.axvline(margin, color="#94a3b8", linewidth=1)
    axes.annotate(
        f"margin of quality, {margin:g} % ",
        (margin, 95),
        ha="right",
        color="#475569",
        fontsize=8,
    )
    axes.set_xlabel(f"true loss of {figures['metric']}, %")
    axes.set_ylabel("candidates, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.2))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150, metadata={"Software": None})
    return drawn.getvalue()
