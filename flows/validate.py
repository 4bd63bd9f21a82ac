"""The validate flow: freeze a window of the log as a snapshot, and check it."""

from datetime import datetime
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from sluice.data.code import source_digest
from sluice.data.digest import json_digest
from sluice.data.snapshot import Snapshot, take
from sluice.data.tables import Window
from sluice.flows.memory import StepName, remembered
from sluice.flows.reporting import step
from sluice.flows.workplace import Workplace, now, open_workplace
from sluice.monitors.recording import record
from sluice.monitors.suites import CODE
from sluice.monitors.validation import validate as run_suites
from sluice.store.records import Outcome, SnapshotRecord, Validation


def freeze(workplace: Workplace, window: Window) -> Snapshot:
    """Take the snapshot of a window, or find it taken."""
    snapshot = take(workplace.log, window, workplace.settings.snapshots, workplace.name)
    counts = snapshot.counts
    workplace.store.put(
        SnapshotRecord(
            digest=snapshot.digest,
            surface=workplace.name,
            start=window.start,
            end=window.end,
            exposures=counts["exposures"],
            feedback=counts["feedback"],
            items=counts["items"],
            created_at=now(),
        )
    )
    return snapshot


def check(workplace: Workplace, snapshot: Snapshot) -> tuple[Validation, ...]:
    """Run the data checks over a snapshot, once for each way in which they are declared."""
    spec = checks_digest(workplace)
    name = StepName("validate", "check", snapshot.digest, (spec,))

    def run() -> dict[str, Any]:
        docs = workplace.settings.validation / snapshot.digest[:16]
        reports = run_suites(snapshot.read(), workplace.surface.data, docs=docs)
        record(workplace.store, workplace.name, snapshot.digest, spec, reports, now())
        return {"suites": [report.suite for report in reports]}

    remembered(workplace, name, run)
    return workplace.store.find(
        Validation, surface=workplace.name, snapshot=snapshot.digest, spec=spec
    )


def checks_digest(workplace: Workplace) -> str:
    """Digest of the surface's floors and of the code that holds data to them."""
    return json_digest([workplace.surface.checks_digest, source_digest(CODE)])


@flow(name="validate", flow_run_name="{surface}")
def validate(surface: str, until: datetime | None = None) -> dict[str, Any]:
    """Snapshot the log up to `until` and check it; returns digest, window and suite outcomes."""
    workplace = open_workplace(surface)
    window = workplace.window(until)
    with step("snapshot"):
        snapshot = task(name="freeze", cache_policy=NO_CACHE)(freeze)(workplace, window)
    with step("data checks"):
        suites = task(name="check", cache_policy=NO_CACHE)(check)(workplace, snapshot)
    return {
        "snapshot": snapshot.digest,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "counts": snapshot.counts,
        "suites": [_said(suite) for suite in suites],
        "outcome": str(_overall(suites)),
    }


def _said(suite: Validation) -> dict[str, Any]:
    return {
        "suite": suite.suite,
        "outcome": str(suite.outcome),
        "checks": suite.checks,
        "failing": list(suite.failing),
    }


def _overall(suites: tuple[Validation, ...]) -> Outcome:
    outcomes = {suite.outcome for suite in suites}
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    return Outcome.PASS if outcomes == {Outcome.PASS} else Outcome.INCONCLUSIVE
