"""What a surface declares about its gates: their thresholds, which are mandatory, and its tier."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sluice.data.durations import parse_duration
from sluice.features.declaration.spec import PositiveDuration

Metric = Literal["auc", "mrr", "ndcg@5", "ndcg@10", "recall@5", "recall@10"]
Gate = Literal[
    "data", "leakage", "quality", "slices", "calibration", "churn", "ecosystem",
    "freshness", "coverage", "served", "replay",
]  # fmt: skip
Dimension = Literal["hour", "activity", "candidates"]
TierName = Literal["critical", "standard", "experimental"]
Margin = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Confidence = Annotated[float, Field(gt=0.5, lt=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]

UNWAIVABLE: tuple[Gate, ...] = ("data", "leakage", "replay")
"""Without these nobody knows what was measured, or what would be served: no tier lacks them."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Evidenced(_Declared):
    """What a comparison must rest on before it decides anything."""

    confidence: Confidence = 0.95
    min_requests: int = Field(default=200, ge=1)
    min_users: int = Field(default=50, ge=2)


class LeakageGate(_Declared):
    """What a column may know of the outcome before it counts as written afterwards."""

    ceiling: Annotated[float, Field(gt=0.5, le=1, allow_inf_nan=False)] = 0.95
    """AUC that no single column may exceed."""
    near: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.95
    """Share of the whole model's lift over chance that no context column may reach alone; what is
    counted from the log is held to the past by the mutation audit."""
    near_from: Annotated[float, Field(ge=0.5, le=1, allow_inf_nan=False)] = 0.75
    """AUC below which a column is near the model only because the model is poor."""
    strong: tuple[str, ...] = Field(default=(), strict=False)
    """Context columns that rank well by right, such as the score of a stage before: not held by `near`."""
    min_sent: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Of a context column's known share where it was fitted: least share in the requests served."""
    max_revised: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.01
    """Share of rows of which a column may say something else now than an earlier snapshot did; mended
    mistakes are few, a total that goes on counting is not."""
    min_requests: int = Field(default=100, ge=1)
    """Served requests in the last window from which on they, not the declaration, say what is sent."""


class QualityGate(_Evidenced):
    """Candidate against the champion, or against the baseline for a surface's first."""

    metric: Metric = "ndcg@10"
    rule: Literal["superiority", "non_inferiority", "equivalence"] = "non_inferiority"
    margin: Margin = 0.002
    """Relative difference that is tolerated: a loss, or for equivalence one either way; 0.002 = 0.2 %."""
    believable: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.25
    """Gain over the champion, as a share of what it lacks to a perfect ranking, beyond which a person
    has to say why it is none too good to be true."""
    believable_first: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """The same of a surface's first candidate, over the baseline."""

    @model_validator(mode="after")
    def _equivalence_has_a_margin(self) -> "QualityGate":
        if self.rule == "equivalence" and not self.margin:
            raise ValueError("equivalence within a margin of 0 can never be shown")
        return self


class SliceGate(_Evidenced):
    """The quality gate's comparison within every slice of the requests."""

    margin: Margin = 0.05
    """Relative loss that is tolerated in a slice, of its own reference mean."""
    dimensions: tuple[Dimension, ...] = Field(
        default=("hour", "activity", "candidates"), min_length=1, strict=False
    )
    min_requests: int = Field(default=100, ge=1)
    min_users: int = Field(default=30, ge=2)


class CalibrationGate(_Declared):
    """Expected over observed positives of every objective."""

    floor: Ratio = 0.9
    ceiling: Ratio = 1.1
    confidence: Confidence = 0.95
    min_positives: int = Field(default=200, ge=1)
    min_users: int = Field(default=50, ge=2)

    @model_validator(mode="after")
    def _one_lies_between(self) -> "CalibrationGate":
        if not self.floor < 1 < self.ceiling:
            raise ValueError(
                f"floor {self.floor:g} and ceiling {self.ceiling:g} do not have 1 between them"
            )
        return self


class ChurnGate(_Evidenced):
    """How much of what people see changes, beyond what refits of one configuration change."""

    k: int = Field(default=5, ge=1)
    """Slots that are looked at; requests with no more candidates than that say nothing."""
    margin: Margin = 0.1
    """Relative loss of overlap, against that between refits, that is tolerated."""
    retrains: int = Field(default=2, ge=2, le=20)
    """Refits of the candidate's configuration, each on another draw of the people it learned from."""


class EcosystemGate(_Evidenced):
    """What the smaller half of the providers gets of the exposure."""

    margin: Margin = 0.05
    """Relative loss of their share that is tolerated."""


class FreshnessGate(_Declared):
    """How old what the candidate knows may be when it is judged."""

    max_age: PositiveDuration = "2d"


class CoverageGate(_Declared):
    """Are the features that it learned from there where it is judged?"""

    min_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.95
    """Of each feature's known values: least share, relative to that among the rows it was fitted on."""
    min_rows: int = Field(default=500, ge=1)


class ServedGate(_Declared):
    """What the champion answered, against the same recomputed; and how late its events were."""

    min_identical: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.999
    """Least share of the champion's answers that are bit-identical when computed again."""
    max_age: PositiveDuration = "36h"
    """Of the newest parity report; an older one says nothing of now."""
    min_requests: int = Field(default=100, ge=1)


class ReplayGate(_Declared):
    """Recorded requests against the packaged release."""

    requests: int = Field(default=100, ge=1)
    p99_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 50.0
    memory_mb: int = Field(default=1500, ge=1)


class GateSpec(_Declared):
    """Gates a candidate must pass; the order is the order in which they are judged."""

    mandatory: tuple[Gate, ...] = Field(
        default=("data", "leakage", "quality", "replay"), min_length=1, strict=False
    )
    leakage: LeakageGate = LeakageGate()
    quality: QualityGate = QualityGate()
    slices: SliceGate = SliceGate()
    calibration: CalibrationGate = CalibrationGate()
    churn: ChurnGate = ChurnGate()
    ecosystem: EcosystemGate = EcosystemGate()
    freshness: FreshnessGate = FreshnessGate()
    coverage: CoverageGate = CoverageGate()
    served: ServedGate = ServedGate()
    replay: ReplayGate = ReplayGate()

    @model_validator(mode="after")
    def _no_gate_twice(self) -> "GateSpec":
        if len(set(self.mandatory)) != len(self.mandatory):
            raise ValueError(f"mandatory names a gate twice: {list(self.mandatory)}")
        return self


@dataclass(frozen=True)
class Tier:
    """The least that a surface of a kind must ask before a version serves."""

    gates: tuple[Gate, ...]
    approvers: int
    """Different people who must approve; none of them its author."""
    bake: str
    """How long a version serves before it is confirmed, and before another may follow it; wall time."""

    @property
    def bake_time(self) -> timedelta:
        return parse_duration(self.bake)


TIERS: Mapping[TierName, Tier] = {
    "critical": Tier(
        (
            "data",
            "leakage",
            "quality",
            "slices",
            "churn",
            "freshness",
            "coverage",
            "served",
            "replay",
        ),
        approvers=2,
        bake="1d",
    ),
    "standard": Tier(("data", "leakage", "quality", "replay"), approvers=1, bake="1h"),
    "experimental": Tier(UNWAIVABLE, approvers=1, bake="0s"),
}
