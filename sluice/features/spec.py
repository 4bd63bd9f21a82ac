"""What a surface declares about features; `sluice.features.plan` compiles it for the kernel."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sluice.data.durations import parse_duration
from sluice.errors import ConfigError


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return text


def _positive(text: str) -> str:
    if parse_duration(_duration(text)).total_seconds() <= 0:
        raise ValueError(f"duration {text!r}: must be longer than nothing")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
PositiveDuration = Annotated[str, AfterValidator(_positive)]


class FeatureSpec(BaseModel):
    """Which features a surface has; names follow `<key>.<event>.<window>`, like `item.click.24h`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    embargo: Duration = "0s"
    """An event counts only when this much older than the request, beyond its receipt."""
    windows: tuple[PositiveDuration, ...] = Field(default=("1h", "6h", "24h"), strict=False)
    """Counters of clicks and exposures per item; all of time is always counted too."""
    half_lives: tuple[PositiveDuration, ...] = Field(default=(), strict=False)
    """Exponentially decayed counters per item, beside the windows."""
    prior_weight: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Pseudo-exposures at the surface's own click rate that smooth an item's click rate."""
    age: bool = True
    """Time since publication, or since the item was first seen where that is not known."""
    user_item: bool = True
    """How often this person was shown and clicked this item before."""
    affinity: tuple[Literal["provider", "category"], ...] = Field(default=(), strict=False)
    """This person's clicks on the item's provider or category, and their share of all theirs."""
    transitions: int = Field(default=0, ge=0, le=8)
    """From how many of the person's last clicks the chance to click this item next is taken."""
    context: bool = True
    """Pass the log's `context_*` columns through."""
    relative: tuple[Literal["rank", "share", "difference"], ...] = Field(
        default=(), strict=False
    )
    """Forms within the request added for every feature in `relative_of`."""
    relative_of: tuple[str, ...] = Field(default=(), strict=False)
