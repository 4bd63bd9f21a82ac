"""Facts of the past that are others now: what the leakage gate reads from old snapshots."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sluice.data.revisions import Revision

if TYPE_CHECKING:
    from sluice.gates.leakage import LeakageGate

_GOES_ALONG = 0.3
"""Rank correlation from which on a change is said to follow the later counts."""


@dataclass(frozen=True)
class Revised:
    """What was said of the same past by an earlier snapshot and by this one."""

    snapshot: str
    """Digest of the earlier."""
    columns: Mapping[str, Revision]
    """Those that a candidate may have learned from."""

    def leaks(self, rule: "LeakageGate") -> list[str]:
        """Why each column that changed behind the candidate's back knows what came later."""
        return [
            f"{name} has another value for {revision.changed:,} of {revision.rows:,} rows than snapshot "
            f"{self.snapshot[:12]} had for the same time{_along(revision)}"
            for name, revision in self.columns.items()
            if revision.share > rule.max_revised
        ]

    def figures(self) -> dict[str, Any]:
        """JSON, for the evidence."""
        return {
            "snapshot": self.snapshot,
            "columns": {
                name: asdict(revision)
                for name, revision in self.columns.items()
                if revision.changed
            },
            "compared": {name: revision.rows for name, revision in self.columns.items()},
        }


def _along(revision: Revision) -> str:
    if revision.with_counts is None or abs(revision.with_counts) < _GOES_ALONG:
        return ""
    return f", and the change goes along with what was shown since ({revision.with_counts:+.2f})"
