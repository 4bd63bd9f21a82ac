"""One alert, as everybody who hears of it gets it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sluice.monitors.alerts.windows import Episode, Standing


class Severity(StrEnum):
    """How soon somebody should look; by the surface's tier."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


BY_TIER = {
    "critical": Severity.CRITICAL,
    "standard": Severity.WARNING,
    "experimental": Severity.INFO,
}


class Kind(StrEnum):
    """What is wrong."""

    DRIFT = "drift"
    """The champion is not served what it was judged on."""
    PARITY = "parity"
    """What was served is not what is computed again from the log."""
    TEST = "test"
    """Nothing; somebody tries the sinks."""


@dataclass(frozen=True)
class Alert:
    """What is wrong, since when, where, how bad, and what to do."""

    surface: str
    kind: Kind
    standing: Standing
    severity: Severity
    owner: str
    since: datetime
    until: datetime
    """End of the newest window that was looked at."""
    windows: int
    """Bad ones."""
    reason: str
    where: tuple[str, ...]
    """What moved most, worst first."""
    command: str
    """To type next."""
    page: str
    """To open next."""

    @property
    def title(self) -> str:
        """One line that says it."""
        if self.standing is Standing.RESOLVED:
            return f"resolved: {self.kind} of {self.surface}"
        return f"{self.severity}: {self.kind} of {self.surface} since {_minute(self.since)}"

    def text(self) -> str:
        """All of it for a person, a line each."""
        where = ", ".join(self.where) or "not known"
        return "\n".join(
            [
                self.title,
                f"what: {self.reason}",
                f"since: {_minute(self.since)}, {self.windows} bad window(s) up to {_minute(self.until)}",
                f"where: {where}",
                f"type: {self.command}",
                f"open: {self.page}",
                f"owner: {self.owner}",
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """For machines; times as RFC 3339."""
        return {
            **asdict(self),
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "title": self.title,
        }


def alert_of(
    episode: Episode,
    *,
    surface: str,
    kind: Kind,
    tier: str,
    owner: str,
    where: tuple[str, ...],
) -> Alert:
    """The alert of one episode."""
    return Alert(
        surface=surface,
        kind=kind,
        standing=episode.standing,
        severity=BY_TIER[tier],
        owner=owner,
        since=episode.since,
        until=episode.resolved or episode.worst.window.end,
        windows=episode.windows,
        reason=episode.worst.reason,
        where=where,
        command=_COMMANDS[kind].format(surface=surface),
        page=_PAGES[kind].format(surface=surface),
    )


_COMMANDS = {
    Kind.DRIFT: "sluice champion diff {surface}, and sluice champion rollback {surface} if it is worse",
    Kind.PARITY: "sluice parity {surface}",
    Kind.TEST: "sluice alerts {surface}",
}
_PAGES = {
    Kind.DRIFT: "Evidently, project {surface} (sluice up or sluice ui prints the address)",
    Kind.PARITY: "MLflow, the evidence of the champion of {surface}",
    Kind.TEST: "nothing",
}


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
