"""What a gate may read of the candidate that it judges."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sluice.gates.declared import Declared
from sluice.gates.outcome import Outcome
from sluice.metrics.parity_report import ParityReport

if TYPE_CHECKING:
    from sluice.gates.replay import ReplayFigures
    from sluice.gates.revised import Revised
    from sluice.gates.sent_context import ServedContext

SuiteOutcome = tuple[str, Outcome, int, tuple[str, ...]]
"""Suite, its outcome, how many checks it ran, names of the failing ones."""


class Case(Protocol):
    """One candidate, or its release, before the gates. What costs something is read when it is asked for."""

    @property
    def gates(self) -> Declared:
        """As the surface declares them."""
        ...

    @property
    def family(self) -> str:
        """Of the ranker."""
        ...

    @property
    def at(self) -> datetime:
        """When it is judged."""
        ...

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """What was measured, each gate's figures under its `measured_as`."""
        ...

    @property
    def audit(self) -> Mapping[str, Any]:
        """The mutation audit of its features."""
        ...

    @property
    def suites(self) -> Sequence[SuiteOutcome]:
        """What each suite of data checks said of its snapshot."""
        ...

    @property
    def required_suites(self) -> Collection[str]:
        """Suites without which nothing is known about the data."""
        ...

    @property
    def newest_exposure(self) -> datetime | None:
        """Of its snapshot; None where it has none."""
        ...

    @property
    def state_clock(self) -> datetime | None:
        """Of its feature state, the newest counted event; None where it counted nothing."""
        ...

    @property
    def revised(self) -> "Revised | None":
        """What an earlier snapshot said of the same past; None before there is one."""
        ...

    @property
    def sent_context(self) -> tuple[str, ...]:
        """Patterns of the context that clients send, as the surface says."""
        ...

    @property
    def served_context(self) -> "ServedContext | None":
        """What the newest served requests brought along; None before there is serving."""
        ...

    @property
    def embargo(self) -> str:
        """How long after its receipt an event first counts, as the features assume it."""
        ...

    @property
    def champion(self) -> str | None:
        """Digest of the release that serves now; None before a first promotion."""
        ...

    @property
    def baseline_serves(self) -> bool:
        """Whether the champion that it was evaluated against is the declared baseline."""
        ...

    @property
    def parity(self) -> ParityReport | None:
        """Of the newest window of what was served; None where none was ever measured."""
        ...

    @property
    def replayed(self) -> "ReplayFigures | None":
        """What a replay of the packaged release measured; None before it is packaged."""
        ...
