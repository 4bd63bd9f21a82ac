"""Context that a candidate learned from, held against what clients send."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluice.gates.leakage import LeakageGate


@dataclass(frozen=True)
class ServedContext:
    """What the requests of serving's last window brought along."""

    requests: int
    sent: Mapping[str, float]
    """By context column, the share of these requests that sent it."""


@dataclass(frozen=True)
class SentContext:
    """Context where it was learned from, and where it is asked."""

    learned: Mapping[str, float]
    """By context column, its known share among the fitted rows."""
    declared: tuple[str, ...] = ()
    """Patterns of what clients send, as the surface says."""
    served: ServedContext | None = None
    """None before there is serving."""

    def unsent(self, rule: "LeakageGate") -> list[str]:
        """Why each column that nobody sends is none that a request brings along."""
        used = {name: share for name, share in self.learned.items() if share > 0}
        served = self.served
        if served is not None and served.requests >= rule.min_requests:
            return [
                f"{name} was known for {share:.1%} of the fitted rows and sent with "
                f"{served.sent.get(name, 0.0):.1%} of {served.requests:,} served requests"
                for name, share in used.items()
                if served.sent.get(name, 0.0) < rule.min_sent * share
            ]
        return [
            f"{name} is declared by no client in serving.context"
            for name in used
            if not any(fnmatchcase(name, pattern) for pattern in self.declared)
        ]

    def figures(self) -> dict[str, Any]:
        """JSON, for the evidence."""
        served = self.served
        return {
            "learned": dict(self.learned),
            "declared": list(self.declared),
            "served_requests": None if served is None else served.requests,
            "sent": None if served is None else dict(served.sent),
        }
