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
    found = [
        Measured(ParityReport.from_json(document(workplace, digest)), digest)
        for digest in {each.outcome["report"] for each in steps}
    ]
    return max(
        (each for each in found if before is None or each.report.measured_at <= before),
        key=lambda each: (each.report.end, each.report.measured_at),
        default=None,
    )
