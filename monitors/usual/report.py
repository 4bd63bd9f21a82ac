"""What the comparison with the usual says of one window, for people and for the store."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sluice.monitors.usual.finding import Companion, Family, Finding, Place
from sluice.monitors.usual.limits import FALSE_ALARMS
from sluice.monitors.usual.profile import EVERYWHERE
from sluice.store.records import Outcome


@dataclass(frozen=True)
class UsualReport:
    """The verdict, and everything that it stands on."""

    outcome: Outcome
    reason: str
    findings: tuple[Finding, ...] = ()
    """The worst first, at most ten of a family."""
    columns: tuple[str, ...] = ()
    """All whose values are beyond the usual, everywhere or in a segment, the worst first."""
    places: tuple[Place, ...] = ()
    """Segments by what they contribute to the worst finding, the greatest first."""
    companions: tuple[Companion, ...] = ()
    """Volumes and shares that moved at the same time."""
    to_go: int = 0
    """Windows until there is a usual; 0 once it is learned."""
    windows: int = 0
    """Ordinary windows that the limits stand on."""
    rows: int = 0
    limits: tuple[tuple[Family, float], ...] = ()
    """Of each family, in deviations."""
    began: datetime | None = None
    """Start of the first of the windows in a row that are beyond the usual, up to the watched one."""
    false_alarms: float = FALSE_ALARMS
    """Share of ordinary windows that may be called bad, over all columns, segments and figures."""

    @property
    def where(self) -> str:
        """The segment that contributes most to the worst finding."""
        return self.places[0].where if self.places else EVERYWHERE

    @property
    def since(self) -> int:
        """Windows in a row, this one included, of the worst finding."""
        return self.findings[0].since if self.findings else 0

    def body(self) -> dict[str, Any]:
        """As JSON."""
        began = self.began and self.began.isoformat()
        return {**asdict(self), "began": began, "where": self.where, "since": self.since}


def learning(missing: int) -> UsualReport:
    """No verdict yet: nobody knows what is usual here."""
    reason = f"learning the usual, {missing} windows to go"
    return UsualReport(Outcome.INCONCLUSIVE, reason, to_go=missing)


def unknown(rows: int, least: int) -> UsualReport:
    """No verdict: the window holds too little."""
    reason = f"unknown: {rows} rows, {least} are needed"
    return UsualReport(Outcome.INCONCLUSIVE, reason, rows=rows)
