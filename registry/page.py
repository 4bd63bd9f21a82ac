"""A candidate's evidence for a reader: one HTML file that needs nothing else."""

import base64
from collections.abc import Mapping
from typing import Any

from sluice.registry.evidence import (
    Evidence,
    approve_command,
    delay_rows,
    delay_sentence,
    gate_rows,
    headline,
    metric_rows,
)
from sluice.registry.plots import top_gains
from sluice.registry.words import figure, moment, signed

_CAPTIONS = {
    "differences": "Difference of each metric with its interval.",
    "metrics": "Mean of each metric over the judged requests.",
    "calibration": "Rows in bins of equal mass: what was predicted, and how often it came.",
    "gains": "The features the ranker gained most from while it was trained.",
}


def page(evidence: Evidence, plots: Mapping[str, bytes]) -> str:
    """One HTML file that needs nothing else: no script, no font, no image from elsewhere.

    Args:
        evidence: what is shown; all of it is escaped.
        plots: PNG bytes by name, as `sluice.registry.plots.draw` gives them.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sluice.registry", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, signed=signed, moment=moment)
    return environment.get_template("evidence.html.j2").render(
        evidence=evidence,
        headline=headline(evidence),
        gates=gate_rows(evidence),
        metrics=metric_rows(evidence),
        kinds=list(evidence.comparisons),
        suites=_found(evidence, "data").get("suites", []),
        leakage=_found(evidence, "leakage"),
        delay=delay_sentence(evidence),
        delays=delay_rows(evidence),
        replay=_replay_rows(_found(evidence, "replay")),
        gains=_gain_rows(evidence.gains),
        images={name: base64.b64encode(png).decode() for name, png in plots.items()},
        captions=_CAPTIONS,
        approve=approve_command(evidence),
    )


def _found(evidence: Evidence, gate: str) -> dict[str, Any]:
    judgement = evidence.judgement(gate)
    return judgement.evidence if judgement else {}


def _replay_rows(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    if not figures:
        return []
    limits = figures.get("limits", {})
    return [
        (
            "Requests replayed",
            _plain(figures.get("requests")),
            f"at least {limits.get('requests', '–')}",
        ),
        ("Answers unlike the model's", _plain(figures.get("mismatches")), "0"),
        ("Requests without an answer", _plain(figures.get("errors")), "0"),
        ("Median latency, ms", _plain(figures.get("p50_ms")), "–"),
        (
            "99th percentile latency, ms",
            _plain(figures.get("p99_ms")),
            f"at most {limits.get('p99_ms', '–')}",
        ),
        (
            "Memory, MB",
            _plain(figures.get("memory_mb")),
            f"at most {limits.get('memory_mb', '–')}",
        ),
        ("Served digest agreed", _plain(figures.get("digest_agreed")), "yes"),
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
