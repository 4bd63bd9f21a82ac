"""What every gate is: a declaration, a question, a measurement, a decision and its explanation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sluice.gates.case import Case
from sluice.gates.figures import Row, plain_rows
from sluice.gates.judgement import Judgement
from sluice.gates.scene import Scene

Confidence = Annotated[float, Field(gt=0.5, lt=1, allow_inf_nan=False)]
Evidence = Mapping[str, Any]
"""What a gate left with its verdict, as JSON."""
Margin = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
TierName = Literal["critical", "standard", "experimental"]


class Gate(BaseModel, ABC):
    """One gate. Its fields are the keys of its table in a surface file, where it has any.

    The registry finds every class like this in the modules of this package. Whatever else speaks of a gate
    (the tiers, the flows, the evidence page, `sluice gates explain`) asks the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: ClassVar[str]
    question: ClassVar[str]
    """What it asks, for a reader who has never met one."""
    position: ClassVar[int]
    """Where it stands in lists of gates and in a tier, the lowest first."""
    laxest_tier: ClassVar[TierName | None] = None
    """The laxest tier that demands it, as all stricter ones do; None: a surface's own choice."""
    on_release: ClassVar[bool] = False
    """Whether it judges the packaged release, and not the candidate."""
    measured_as: ClassVar[str | None] = None
    """Key of the evaluation that `measure` fills; None: it measures nothing there."""
    always_measured: ClassVar[bool] = False
    """Measured for the reviewer even where no surface demands the gate."""
    not_plain: ClassVar[frozenset[str]] = frozenset()
    """Keys of its evidence that are no figure by themselves; see `tables`."""

    @property
    def refits(self) -> int:
        """How many refits of the candidate's configuration it has to see."""
        return 0

    def measure(self, scene: Scene) -> dict[str, Any]:  # noqa: ARG002
        """Figures of the candidate, as JSON; what is asked is read again from the evaluation."""
        return {}

    @abstractmethod
    def judge(self, case: Case) -> Judgement:
        """Decide about one candidate. A figure that is missing is inconclusive, never a pass."""

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:  # noqa: ARG003
        """A line for each row of the tables inside its evidence."""
        return []

    @classmethod
    def figures(cls, evidence: Evidence) -> list[Row]:
        """What the verdict rests on, as lines that a person reads in a minute."""
        return [*plain_rows(evidence, cls.not_plain), *cls.tables(evidence)]

    @classmethod
    @abstractmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        """What would have to change, one sentence each, read from the evidence of no pass."""


class ComparedGate(Gate):
    """A gate that rests on a paired comparison: what it takes before it decides anything."""

    confidence: Confidence = 0.95
    min_requests: int = Field(default=200, ge=1)
    min_users: int = Field(default=50, ge=2)
