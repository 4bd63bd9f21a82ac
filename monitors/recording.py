"""Puts validation verdicts into the store, each with the document that it stands on."""

from collections.abc import Sequence
from datetime import datetime

from sluice.data.digest import json_digest
from sluice.monitors.validation import SuiteReport
from sluice.store.port import Store
from sluice.store.records import Document, Validation


def record(
    store: Store,
    surface: str,
    snapshot: str,
    spec: str,
    reports: Sequence[SuiteReport],
    at: datetime,
) -> tuple[Validation, ...]:
    """Write one `Document` and one `Validation` a suite; a second time changes nothing.

    Args:
        store: where to.
        surface: whose snapshot it is.
        snapshot: its digest.
        spec: digest of the declaration that set the floors.
        reports: what `sluice.monitors.validation.validate` returned.
        at: now, UTC.

    Raises:
        Conflict: the snapshot has another verdict already under the same floors.
    """
    return tuple(
        _record_one(store, surface, snapshot, spec, report, at) for report in reports
    )


def _record_one(
    store: Store, surface: str, snapshot: str, spec: str, report: SuiteReport, at: datetime
) -> Validation:
    digest = json_digest(report.results)
    store.put(Document(digest, "validation", report.results, created_at=at))
    verdict = Validation(
        surface=surface,
        snapshot=snapshot,
        spec=spec,
        suite=report.suite,
        outcome=report.outcome,
        checks=report.checks,
        failing=report.failing,
        evidence=digest,
        created_at=at,
    )
    store.put(verdict)
    return verdict
