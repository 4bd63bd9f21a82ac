"""A candidate's evidence for a reader: one HTML file that needs nothing else, or short Markdown."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from registry.evidence import (
    Evidence,
    approve_command,
    gate_rows,
    headline,
    metric_rows,
)
from registry.gates.judgement import finite
from registry.plots import top_gains
from sluice.metrics.comparison import PairedComparison

_HOW = (
    "A decision binds to the release's digest. Signed in to MLflow (`sluice ui --auth`), give this "
    "version the tag `review` with the value `approved`, or `rejected: ` and why; or type:"
)
_CAPTIONS = {
    "differences": "Difference of each metric with its interval.",
    "metrics": "Mean of each metric over the judged requests.",
    "gains": "The features the ranker gained most from while it was trained.",
}


def page(evidence: Evidence, plots: Mapping[str, bytes]) -> str:
    """One HTML file that needs nothing else: no script, no font, no image from elsewhere.

    Args:
        evidence: what is shown; all of it is escaped.
        plots: PNG bytes by name, as `registry.plots.draw` gives them.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("registry", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=_figure, signed=_signed, moment=_moment)
    return environment.get_template("evidence.html.j2").render(
        evidence=evidence,
        headline=headline(evidence),
        gates=gate_rows(evidence),
        metrics=metric_rows(evidence),
        kinds=list(evidence.comparisons),
        suites=_found(evidence, "data").get("suites", []),
        leakage=_found(evidence, "leakage"),
        replay=_replay_rows(_found(evidence, "replay")),
        gains=_gain_rows(evidence.gains),
        images={name: base64.b64encode(png).decode() for name, png in plots.items()},
        captions=_CAPTIONS,
        approve=approve_command(evidence),
    )


def markdown(evidence: Evidence) -> str:
    """The verdict in short, for places that show Markdown, like a version in MLflow."""
    command = approve_command(evidence)
    lines = [
        f"## {_cell(headline(evidence))}",
        f"{_cell(evidence.surface)} version {evidence.version} by {_cell(evidence.author)}, "
        f"trained {_moment(evidence.trained_at)} on {_moment(evidence.start)} to "
        f"{_moment(evidence.end)}. The run's `evidence.html` shows all of it.",
        _table(
            ["gate", "verdict", "reason"],
            [
                [row["gate"], f"**{row['outcome']}**", row["reason"]]
                for row in gate_rows(evidence)
            ],
        ),
        "Means over the judged requests, and differences with their intervals:",
        _metric_table(evidence),
    ]
    if command:
        lines += [_HOW, f"```\n{command}\n```"]
    return "\n\n".join(lines)


def _metric_table(evidence: Evidence) -> str:
    kinds = list(evidence.comparisons)
    rows = [
        [row["metric"]]
        + [_figure(value) for value in row["values"].values()]
        + [_interval(row["against"][kind]) for kind in kinds]
        for row in metric_rows(evidence)
    ]
    return _table(["metric", *evidence.metrics, *(f"minus {kind}" for kind in kinds)], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = [[_cell(cell) for cell in line] for line in (head, *rows)]
    lines = [cells[0], ["---"] * len(head), *cells[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text that can neither end a cell nor open a tag or a link."""
    for sign in ("\\", "|", "<", "[", "`"):
        text = text.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return " ".join(text.split())


def _interval(row: PairedComparison | None) -> str:
    if row is None:
        return "–"
    return f"{_signed(row.difference)} ({_signed(row.low)} to {_signed(row.high)})"


def _found(evidence: Evidence, gate: str) -> dict[str, Any]:
    judgement = evidence.judgement(gate)
    return judgement.evidence if judgement else {}


def _replay_rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    if not found:
        return []
    limits = found.get("limits", {})
    return [
        (
            "Requests replayed",
            _plain(found.get("requests")),
            f"at least {limits.get('requests', '–')}",
        ),
        ("Answers unlike the model's", _plain(found.get("mismatches")), "0"),
        ("Requests without an answer", _plain(found.get("errors")), "0"),
        ("Median latency, ms", _plain(found.get("p50_ms")), "–"),
        (
            "99th percentile latency, ms",
            _plain(found.get("p99_ms")),
            f"at most {limits.get('p99_ms', '–')}",
        ),
        (
            "Memory, MB",
            _plain(found.get("memory_mb")),
            f"at most {limits.get('memory_mb', '–')}",
        ),
        ("Served digest agreed", _plain(found.get("digest_agreed")), "yes"),
    ]


def _plain(value: float | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _gain_rows(gains: Mapping[str, float]) -> list[tuple[str, float]]:
    total = sum(gains.values()) or 1.0
    return [(name, gain / total) for name, gain in top_gains(gains)]


def _figure(value: float | None) -> str:
    known = finite(value)
    return "–" if known is None else f"{known:.4f}"


def _signed(value: float | None) -> str:
    known = finite(value)
    return "–" if known is None else f"{known:+.4f}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
