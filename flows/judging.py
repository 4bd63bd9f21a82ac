"""What the gates say of a candidate, each asked once, with the figures that the flow gathered."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl

from sluice.data.snapshot import open_snapshot
from sluice.features.engine.counters import NEVER
from sluice.features.state.feature_state import FeatureState
from sluice.flows.candidates import candidate_folder
from sluice.flows.memory import document
from sluice.flows.parity_memory import latest_parity
from sluice.flows.reread import reread
from sluice.flows.served_context import served_context
from sluice.flows.validate import check
from sluice.flows.workplace import Workplace, now
from sluice.metrics import PairedComparison
from sluice.metrics.pooled import PooledComparison
from sluice.monitors.suites import SUITES
from sluice.registry.baseline import served_as_baseline
from sluice.registry.gates.calibration import judge_calibration
from sluice.registry.gates.churn import judge_churn
from sluice.registry.gates.coverage import judge_coverage
from sluice.registry.gates.data import judge_data
from sluice.registry.gates.ecosystem import judge_ecosystem
from sluice.registry.gates.freshness import judge_freshness
from sluice.registry.gates.judgement import Judgement
from sluice.registry.gates.leakage import Audited, RankedAlone, judge_leakage
from sluice.registry.gates.quality import Labels, ReferenceKind, judge_quality
from sluice.registry.gates.sent_context import SentContext
from sluice.registry.gates.served import judge_served
from sluice.registry.gates.slices import judge_slices
from sluice.registry.proof import record, verdict_of
from sluice.store.records import Champion, Verdict, Version

Judging = Callable[[], Judgement]


def judge(
    workplace: Workplace, version: Version, *, leakage: str, evaluation: str
) -> tuple[Verdict, ...]:
    """The verdicts of the surface's gates that can be given before there is a package.

    Args:
        workplace: whose surface declares the gates.
        version: the candidate.
        leakage: digest of its mutation audit.
        evaluation: digest of its evaluation.
    """
    gates: dict[str, Judging] = {
        "data": lambda: _data(workplace, version),
        "leakage": lambda: _leakage(
            workplace,
            document(workplace, leakage),
            document(workplace, evaluation),
            version.snapshot,
        ),
        "freshness": lambda: _freshness(workplace, version, now()),
        "served": lambda: _served(workplace, now()),
        **of_evaluation(workplace, version.family, lambda: document(workplace, evaluation)),
    }
    return tuple(
        judged_once(workplace, version, gate, gates[gate])
        for gate in workplace.surface.gates.mandatory
        if gate in gates
    )


def judged_once(
    workplace: Workplace, version: Version, gate: str, judging: Judging
) -> Verdict:
    """The verdict as it was given, or else given now: a gate is not asked until it says yes."""
    given = verdict_of(workplace.store, version, gate)
    return given or record(workplace.store, version, judging(), now())


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict for a table or a machine."""
    return {
        "name": verdict.gate,
        "verdict": str(verdict.outcome),
        "reason": verdict.reason,
        "evidence": verdict.evidence,
    }


def of_evaluation(
    workplace: Workplace, family: str, read: Callable[[], dict[str, Any]]
) -> dict[str, Judging]:
    """The gates that rest on the evaluation alone, of a candidate of this family."""
    rules = workplace.surface.gates
    return {
        "quality": lambda: _quality(workplace, read()),
        "slices": lambda: judge_slices(read()["slices"], rules.slices),
        "calibration": lambda: judge_calibration(
            read()["calibration"], rules.calibration, family=family
        ),
        "churn": lambda: _churn(workplace, read()),
        "ecosystem": lambda: _ecosystem(workplace, read()),
        "coverage": lambda: judge_coverage(read()["coverage"], rules.coverage),
    }


def _data(workplace: Workplace, version: Version) -> Judgement:
    # A snapshot that a monitor took was never checked; one that was is not checked again.
    suites = check(workplace, open_snapshot(workplace.settings.snapshots, version.snapshot))
    return judge_data(
        [(each.suite, each.outcome, each.checks, each.failing) for each in suites],
        required=SUITES,
    )


def _leakage(
    workplace: Workplace, audited: dict[str, Any], found: dict[str, Any], snapshot: str
) -> Judgement:
    columns = found["columns"]
    learned = columns["context"]
    return judge_leakage(
        Audited(**audited),
        RankedAlone(columns["model"], columns["alone"]),
        SentContext(
            learned,
            workplace.surface.serving.context,
            served_context(workplace) if learned else None,
        ),
        workplace.surface.gates.leakage,
        revised=reread(workplace, snapshot),
    )


def _quality(workplace: Workplace, found: dict[str, Any]) -> Judgement:
    kind, rule = _quality_reference(workplace, found), workplace.surface.gates.quality
    rows = [PairedComparison(**row) for row in found["comparisons"][kind]]
    row = next((row for row in rows if row.metric == rule.metric), None)
    return judge_quality(
        row, rule,
        reference_kind=kind, labels=Labels(**found["labels"]), pooled=pooled_of(found),
    )  # fmt: skip


def pooled_of(found: dict[str, Any]) -> PooledComparison | None:
    """The windows together, of an evaluation that has them; None of one from before they were pooled."""
    figures = found.get("pooled", {}).get("pooled")
    if figures is None:
        return None
    comparison = PairedComparison(**figures["comparison"])
    return PooledComparison(**{**figures, "comparison": comparison})


def _churn(workplace: Workplace, found: dict[str, Any]) -> Judgement:
    figures = found["stability"]
    return judge_churn(
        _comparison(figures),
        workplace.surface.gates.churn,
        champion=found["champion"] is not None,
        pairs=figures.get("pairs"),
        requests=figures.get("requests"),
    )


def _ecosystem(workplace: Workplace, found: dict[str, Any]) -> Judgement:
    return judge_ecosystem(
        _comparison(found["ecosystem"]),
        workplace.surface.gates.ecosystem,
        reference_kind=_reference(found),
        gini=found["ecosystem"].get("gini"),
    )


def _freshness(workplace: Workplace, version: Version, at: datetime) -> Judgement:
    snapshot = open_snapshot(workplace.settings.snapshots, version.snapshot)
    newest = snapshot.read().exposures.select(pl.col("ts").dt.timestamp("us").max()).item()
    folder = candidate_folder(workplace.settings.models, version.model)
    clock = FeatureState.load(folder / "state").clock
    return judge_freshness(
        newest=None if newest is None else _moment(newest),
        clock=None if clock == NEVER else _moment(clock),
        at=at,
        rule=workplace.surface.gates.freshness,
    )


def _served(workplace: Workplace, at: datetime) -> Judgement:
    champion = workplace.store.get(Champion, surface=workplace.name)
    measured = latest_parity(workplace)
    return judge_served(
        measured and measured.report,
        workplace.surface.gates.served,
        champion=champion and champion.release,
        embargo=workplace.surface.features.embargo,
        at=at,
    )


def _reference(found: dict[str, Any]) -> ReferenceKind:
    return "champion" if found["champion"] else "baseline"


def _quality_reference(workplace: Workplace, found: dict[str, Any]) -> ReferenceKind:
    """Where a baseline serves, a candidate has to be better than it, as a surface's first one."""
    champion = found["champion"]
    if champion and served_as_baseline(
        workplace.store, workplace.name, champion["version"]
    ):
        return "baseline"
    return _reference(found)


def _comparison(figures: dict[str, Any]) -> PairedComparison | None:
    row = figures.get("comparison")
    return None if row is None else PairedComparison(**row)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
