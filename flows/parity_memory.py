"""What was measured of parity before: reports by the windows that they are of."""

from dataclasses import dataclass
from datetime import datetime

from sluice.flows.memory import document
from sluice.flows.workplace import Workplace
from sluice.metrics.parity_report import ParityReport
from sluice.store.records import Step

FLOW, STEP = "parity", "compare"


@dataclass(frozen=True)
class Measured:
    """A report and the digest of the document that holds it."""

    report: ParityReport
    document: str


def latest_parity(workplace: Workplace, before: datetime | None = None) -> Measured | None:
    """The report of the surface's newest window; None where parity was never measured.

    Args:
        workplace: whose store remembers.
        before: leave out what was measured later, so that what was read once reads the same again.
    """
    steps = workplace.store.find(Step, surface=workplace.name, flow=FLOW, step=STEP)
    kept = [
        Measured(ParityReport.from_json(document(workplace, digest)), digest)
        for digest in {stage.outcome["report"] for stage in steps}
    ]
    return max(
        (
            remembered
            for remembered in kept
            if before is None or remembered.report.measured_at <= before
        ),
        key=lambda remembered: (remembered.report.end, remembered.report.measured_at),
        default=None,
    )
