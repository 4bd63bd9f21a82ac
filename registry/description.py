"""A candidate's evidence as the Markdown that stands on its version's page in MLflow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from sluice.gates.judgement import finite
from sluice.metrics.comparison import PairedComparison
from sluice.registry.evidence import (
    Evidence,
    approve_command,
    delay_sentence,
    gate_rows,
    headline,
    metric_rows,
)
from sluice.registry.words import figure, moment, signed

LIMIT = 5_000
"""Characters of a description that MLflow's tables hold."""

_MORE = "Shortened here: `evidence.html` has all of it."
_GAP = "&ensp;"
"""MLflow draws tables without any room between their columns."""

_SLICES = 8
_REASON = 400
"""Characters of a gate's reason."""


@dataclass(frozen=True)
class Shown:
    """Where MLflow shows the candidate's run."""

    experiment: str
    run: str

    @property
    def page(self) -> str:
        run = f"#/experiments/{self.experiment}/runs/{self.run}"
        return f"{run}/artifacts/evidence.html?workflowType=machine_learning"

    def plot(self, name: str) -> str:
        return f"get-artifact?path=plots/{name}.png&run_uuid={self.run}"


def markdown(evidence: Evidence, shown: Shown | None = None) -> str:
    """What a reviewer needs first comes first; what MLflow does not hold is left out, by sections.

    Args:
        evidence: of the candidate.
        shown: where the whole page and its plots are; no link and no plot without it.
    """
    text = ""
    for section in _sections(evidence, shown):
        longer = f"{text}\n\n{section}" if text else section
        if len(longer) > LIMIT - len(_MORE) - 2:
            return f"{text[: LIMIT - len(_MORE) - 2]}\n\n{_MORE}".strip()
        text = longer
    return text


def _sections(evidence: Evidence, shown: Shown | None) -> Iterator[str]:
    yield f"## {_cell(headline(evidence))}"
    yield _about(evidence, shown)
    yield from _decide(evidence)
    yield _gates(evidence)
    yield _cell(delay_sentence(evidence))
    yield "Means over the judged requests, and differences with their intervals:"
    yield _metrics(evidence)
    for part in (_slices, _calibration, _stakeholders, _churn):
        yield from part(evidence, shown)


def _about(evidence: Evidence, shown: Shown | None) -> str:
    whole = f"[the whole evidence]({shown.page})" if shown else "the run's `evidence.html`"
    return (
        f"{_cell(evidence.surface)} version {evidence.version} by {_cell(evidence.author)}, "
        f"trained {moment(evidence.trained_at)} on {moment(evidence.start)} to "
        f"{moment(evidence.end)}. Everything, with plots: {whole}."
    )


def _decide(evidence: Evidence) -> Iterator[str]:
    command = approve_command(evidence)
    if command is None:
        return
    people = (
        f"{evidence.approvers} different people have to approve, none of them the author"
        if evidence.approvers > 1
        else "One person has to approve, never the author"
    )
    yield (
        f"**To decide:** an approval binds to the release `{_cell(evidence.release or '')}`. Signed in "
        "(`sluice ui --auth`), give this version the tag `review` with the value `approved`, or "
        f"`rejected: ` and why. {people}; the tag `sluice.reviewed` says who has. Or type:"
    )
    yield f"```\n{command}\n```"


def _gates(evidence: Evidence) -> str:
    rows = [
        [row["gate"], f"**{row['outcome']}**", shorten(row["reason"], _REASON)]
        for row in gate_rows(evidence)
    ]
    return _table(["gate", "verdict", "reason"], rows)


def _metrics(evidence: Evidence) -> str:
    kinds = list(evidence.comparisons)
    rows = [
        [row["metric"]]
        + [figure(value) for value in row["values"].values()]
        + [_interval(row["against"][kind]) for kind in kinds]
        for row in metric_rows(evidence)
    ]
    return _table(["metric", *evidence.metrics, *(f"minus {kind}" for kind in kinds)], rows)


def _slices(evidence: Evidence, _shown: Shown | None) -> Iterator[str]:
    """The slices that are least sure to be no worse off."""
    sliced = evidence.slices.get("slices", ())
    if not sliced:
        return
    by_bound = sorted(sliced, key=lambda row: (row["comparison"] or {}).get("low") or 0.0)
    rows = [
        [entry["name"], entry["decision"]["outcome"], _of(entry["comparison"])]
        for entry in by_bound[:_SLICES]
    ]
    yield f"Within slices, the least sure first ({min(_SLICES, len(by_bound))} of {len(by_bound)}):"
    yield _table(["slice", "verdict", f"difference of {evidence.slices['metric']}"], rows)


def _calibration(evidence: Evidence, shown: Shown | None) -> Iterator[str]:
    if not evidence.calibration:
        yield f"Calibration: {_cell(evidence.family)} promises no probability."
        return
    rows = [
        [objective, row["decision"]["outcome"], _ratio(row["calibration"])]
        for objective, reliability in evidence.calibration.items()
        for row in reliability
        if row["name"] == "all"
    ]
    yield "Calibration, predicted over observed (1 promises exactly what happened):"
    yield _table(["objective", "verdict", "ratio"], rows)
    if shown and evidence.reliability:
        yield f"![calibration]({shown.plot('calibration')})"


def _stakeholders(evidence: Evidence, _shown: Shown | None) -> Iterator[str]:
    if not evidence.stakeholders:
        return
    rows = [
        [row["party"], row["meaning"], row["better"], figure(row["candidate"]),
         figure(row["reference"]), _of(row)]
        for row in evidence.stakeholders
    ]  # fmt: skip
    yield f"Who gains and who pays, against the {evidence.reference}:"
    yield _table(
        ["party", "measure", "better", "candidate", evidence.reference, "difference"], rows
    )


def _churn(evidence: Evidence, _shown: Shown | None) -> Iterator[str]:
    if evidence.churn:
        text = ", ".join(
            f"{name} {figure(share)}" for name, share in evidence.churn.items()
        )
        yield f"Churn, the order of candidate and champion alike (1 is the same): {_cell(text)}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = (
        f"| {f'{_GAP} | '.join(_cell(cell) for cell in line)} |" for line in (head, *rows)
    )
    return "\n".join([first, f"|{' --- |' * len(head)}", *others])


def _cell(text: str) -> str:
    """Text that can neither end a cell nor open a tag or a link."""
    for sign in ("\\", "|", "<", "[", "`"):
        text = text.replace(sign, f"\\{sign}" if sign != "<" else "&lt;")
    return " ".join(text.split())


def _interval(row: PairedComparison | None) -> str:
    return "–" if row is None else _bounded(row.difference, row.low, row.high)


def _of(figures: Mapping[str, Any] | None) -> str:
    of = figures or {}
    return _bounded(of.get("difference"), of.get("low"), of.get("high"))


def _bounded(difference: float | None, low: float | None, high: float | None) -> str:
    if finite(difference) is None:
        return "–"
    return f"{signed(difference)} ({signed(low)} to {signed(high)})"


def _ratio(figures: Mapping[str, Any] | None) -> str:
    comparison = figures or {}
    ratio, low, high = (figure(comparison.get(name)) for name in ("ratio", "low", "high"))
    return f"{ratio} ({low} to {high})"
