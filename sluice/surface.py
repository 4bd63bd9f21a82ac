"""One surface as its TOML file declares it: data, features, ranker, mechanisms, gates, and so on."""

import re
import tomllib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from sluice.alert_spec import AlertSpec
from sluice.data.digest import json_digest
from sluice.data.schema import FeedbackKind
from sluice.ecosystem.spec import EcosystemSpec
from sluice.errors import ConfigError, NotFound
from sluice.features.declaration.plan import compile_plan
from sluice.features.declaration.spec import FeatureSpec, PositiveDuration
from sluice.gates.base import TierName
from sluice.gates.spec import TIERS, GateSpec, Tier
from sluice.mechanisms.exploration import ExplorationSpec
from sluice.mechanisms.spec import MechanismSpec, check_declared, check_told
from sluice.rankers import make_ranker
from sluice.rankers.search import RANGES, SearchSpec
from sluice.rankers.sizing import SizingSpec
from sluice.serving_spec import FeedSpec, ServingSpec

T = TypeVar("T")
_NAME = r"[a-z][a-z0-9_]{0,62}"
Name = Annotated[str, Field(pattern=f"^{_NAME}$")]
Segment = Annotated[
    str,
    Field(
        pattern=r"^(category|provider|language|activity|newness|hour|context_[a-z0-9_]+)$"
    ),
]
Person = Annotated[str, Field(pattern=r"\S")]
Cron = Annotated[str, Field(pattern=r"^\S+( \S+){4}$")]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _share(text: str) -> str:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is no fraction; write one like 2/7") from error
    if not 0 < share < 1:
        raise ValueError(f"{text!r} must lie between 0 and 1, both excluded")
    return text


def _family(name: str) -> str:
    _obeyed(lambda: make_ranker(name, {}))
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            f"no time zone {name!r}; write one like UTC or Europe/Berlin"
        ) from error
    return name


def _obeyed(attempt: Callable[[], T]) -> T:
    """Let the validation name the key of what cannot be obeyed."""
    try:
        return attempt()
    except ConfigError as error:
        raise ValueError(str(error)) from error


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataSpec(_Declared):
    """What is learned from and what is judged."""

    label: FeedbackKind = Field(default=FeedbackKind.CLICK, strict=False)
    judged: Annotated[str, AfterValidator(_share)] = "2/7"
    """Share of the window's time, at its end, that is judged and never fitted."""
    min_requests: int = Field(default=500, ge=1)
    """Fewer requests than this in the window hold the run."""
    max_null_rate: Probability = 0.5
    """Of any declared, nullable column that is not entirely null."""

    @property
    def judged_share(self) -> Fraction:
        return Fraction(self.judged)


class RankerSpec(_Declared):
    """The family, its baseline and its parameters."""

    family: Annotated[Name, AfterValidator(_family)] = "lambdamart"
    baseline: Annotated[Name, AfterValidator(_family)] = "popularity"
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: int = Field(default=7, ge=0)
    sizing: SizingSpec = SizingSpec()
    """Trees for a small log: smaller ones than declared where those do better; not beside a search."""
    search: SearchSpec | None = None
    """Look for better parameters before the fit; off unless a budget is declared."""

    @field_validator("search")
    @classmethod
    def _has_something_to_search(
        cls, search_spec: SearchSpec | None, info: ValidationInfo
    ) -> SearchSpec | None:
        family = info.data.get("family", "")
        if search_spec is not None and family and family not in RANGES:
            raise ValueError(
                f"{family} has nothing to search; those that have: {', '.join(RANGES)}"
            )
        return search_spec

    @field_validator("parameters")
    @classmethod
    def _fit_the_family(
        cls, declared: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        # Where the family itself was refused, it says so, and its parameters are not judged.
        if "family" in info.data:
            _obeyed(lambda: make_ranker(info.data["family"], declared))
        return declared


class ReviewSpec(_Declared):
    """Who may approve; the author never may, listed or not."""

    reviewers: tuple[Person, ...] = Field(min_length=1, strict=False)
    hold_after_reset: PositiveDuration = "24h"
    """How long an account of MLflow's pages decides nothing once somebody else set its password."""


class MonitorSpec(_Declared):
    """Drift of the watched window beyond what is usual of this log."""

    window: PositiveDuration = "1d"
    psi_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.25
    """Population stability index that counts as much while the usual is learned; it gives no verdict, and confirms
    a champion of whom nothing served was measured."""
    max_drifted_share: Probability = 0.3
    """Share of features that may be over it."""
    min_rows: int = Field(default=500, ge=1)
    """Fewer rows than this, of a window or a segment, are 'unknown', never 'no drift'."""
    segments: tuple[Segment, ...] = Field(
        default=("category", "provider", "language", "activity", "newness", "hour"),
        strict=False,
    )
    """What a window is cut by, to say where a change sits; a context column, by its name, where the log
    has it."""


class ScheduleSpec(_Declared):
    """When Prefect runs the lifecycle, the monitor that confirms, and parity of what was served."""

    cron: Cron = "0 3 * * *"
    monitor: Cron = "30 * * * *"
    parity: Cron = "15 2 * * *"
    canary: Cron = "*/15 * * * *"
    """Skipped while no canary runs."""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"


class Surface(_Declared):
    """Everything declared about one place where ranking happens."""

    name: Name
    owner: Person
    """Author of the versions that the schedule trains."""
    tier: TierName = "standard"
    """How much is asked at least before a version serves; see `sluice.gates.spec.TIERS`."""
    data: DataSpec = DataSpec()
    features: FeatureSpec = FeatureSpec()
    ranker: RankerSpec = RankerSpec()
    mechanisms: tuple[MechanismSpec, ...] = Field(default=(), strict=False)
    """What turns scores into an order, in the order of application; none: by score."""
    exploration: ExplorationSpec | None = None
    """Which slots of live answers are filled by chance; none: no chance."""
    gates: GateSpec = GateSpec()
    review: ReviewSpec
    monitors: MonitorSpec = MonitorSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    serving: ServingSpec = ServingSpec()
    alerts: AlertSpec = AlertSpec()
    feed: FeedSpec = FeedSpec()
    ecosystem: EcosystemSpec = EcosystemSpec()

    @field_validator("features")
    @classmethod
    def _can_be_computed(cls, declared: FeatureSpec) -> FeatureSpec:
        names = _obeyed(lambda: compile_plan(declared)).names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"declares {', '.join(twice)} twice")
        return declared

    @field_validator("mechanisms")
    @classmethod
    def _can_be_meant(
        cls, declared: tuple[MechanismSpec, ...], info: ValidationInfo
    ) -> tuple[MechanismSpec, ...]:
        _obeyed(lambda: check_declared(declared))
        # Where the features themselves were refused, what they keep is not judged.
        if "features" in info.data:
            _obeyed(lambda: check_told(declared, compile_plan(info.data["features"])))
        return declared

    @field_validator("review")
    @classmethod
    def _somebody_may_approve(
        cls, declared: ReviewSpec, info: ValidationInfo
    ) -> ReviewSpec:
        owner = info.data.get("owner", "")
        if {_person(name) for name in declared.reviewers} == {_person(owner)}:
            raise ValueError(
                f"the owner {owner!r} is the only reviewer and may not approve what the schedule "
                "trains in that name; list somebody else"
            )
        return declared

    @model_validator(mode="after")
    def _asks_what_its_tier_asks(self) -> "Surface":
        least, tier = self.at_least, f"a surface of tier {self.tier}"
        if missing := [gate for gate in least.gates if gate not in self.gates.mandatory]:
            raise ValueError(
                f"{tier} must name {', '.join(missing)} in gates.mandatory too"
            )
        others = {_person(name) for name in self.review.reviewers} - {_person(self.owner)}
        if len(others) < least.approvers:
            raise ValueError(
                f"{tier} needs {least.approvers} reviewers beside its owner, {len(others)} declared"
            )
        return self

    @property
    def at_least(self) -> Tier:
        """What the surface's tier asks at least."""
        return TIERS[self.tier]

    @property
    def training_digest(self) -> str:
        """Digest of what a candidate's bytes depend on: another gate or schedule is no other model."""
        return self._digest(
            "name", "data", "features", "ranker", "mechanisms", "exploration"
        )

    @property
    def candidate_digest(self) -> str:
        """Digest of what a candidate is: a fit, and the gates it must pass."""
        return json_digest(self.declaration)

    @property
    def declaration(self) -> dict[str, Any]:
        """What a candidate is declared to be, as JSON; `candidate_digest` is its digest."""
        return self._part(
            "name", "data", "features", "ranker", "mechanisms", "exploration", "gates"
        )

    @property
    def checks_digest(self) -> str:
        """Digest of what the data checks depend on."""
        return self._digest("name", "data")

    def _digest(self, *parts: str) -> str:
        return json_digest(self._part(*parts))

    def _part(self, *parts: str) -> dict[str, Any]:
        # What is declared by few is part of a digest only where it is declared: the digests of all
        # others stay what they were.
        silent = {"exploration"} if self.exploration is None else set()
        return self.model_dump(mode="json", include=set(parts) - silent)


def surface_path(folder: Path, name: str) -> Path:
    """File of a surface, which lies in the folder and nowhere else.

    Raises:
        NotFound: that is no name of a surface.
    """
    if re.fullmatch(_NAME, name) is None:
        raise NotFound(
            f"{name!r} is no name of a surface; write small letters, digits and _"
        )
    return folder / f"{name}.toml"


def load_surface(path: Path) -> Surface:
    """Read a surface file.

    Raises:
        NotFound: there is no such file; the message lists the surfaces beside it.
        ConfigError: not TOML, an unknown key, a wrong type or an impossible value; the message
            gives the key's path.
    """
    if not path.is_file():
        there = (
            ", ".join(sorted(file.stem for file in path.parent.glob("*.toml"))) or "none"
        )
        raise NotFound(f"no surface file {path}; surfaces there: {there}")
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        surface = Surface.model_validate(declared)
    except ValidationError as error:
        raise ConfigError(_explain(path, error)) from error
    if surface.name != path.stem:
        raise ConfigError(f"{path}: name is {surface.name!r}, the file says {path.stem!r}")
    return surface


def _person(name: str) -> str:
    """As reviews compare names: "Ann " and "ann" are one person."""
    return name.strip().casefold()


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "(file)"
        lines.append(f"  {key}: {_hint(problem)}" + _shown(problem))
    return f"{path}:\n" + "\n".join(lines)


def _hint(figures: Any) -> str:
    if figures["type"] == "value_error":
        return str(figures["ctx"]["error"])
    return "unknown key" if figures["type"] == "extra_forbidden" else figures["msg"]


def _shown(figures: Any) -> str:
    value = figures.get("input")
    return f" (found {value!r})" if isinstance(value, str | int | float | bool) else ""
