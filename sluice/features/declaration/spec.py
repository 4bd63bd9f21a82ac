"""What a surface declares about features; `sluice.features.declaration.plan` compiles it for the kernel."""

from itertools import chain
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sluice.data.durations import microseconds, parse_duration
from sluice.data.schema import FeedbackKind
from sluice.features.declaration.alike import ALIKE_COLUMNS, AlikeSpec, Form
from sluice.features.declaration.declared import (
    Declared,
    Duration,
    PositiveDuration,
    positive,
)

EXPOSURE, CLICK = "exposure", FeedbackKind.CLICK.value
ALL = "all"
"""The span that never ends."""
SHORTEST_HALF_LIFE = "2m"
"""Within a day the kernel weighs events by 2^(time of day / half-life), which must stay finite."""

Key = Literal[
    "item", "provider", "category", "user", "surface",
    "user_item", "user_provider", "user_category", "previous_item",
]  # fmt: skip
"""What a counter is kept for; `previous_item` is the person's last clicked item and this one."""


def _half_life(text: str) -> str:
    if parse_duration(positive(text)) < parse_duration(SHORTEST_HALF_LIFE):
        raise ValueError(
            f"half-life {text!r}: at least {SHORTEST_HALF_LIFE}; declare a window instead"
        )
    return text


def _span(text: str) -> str:
    return text if text == ALL else positive(text)


def _event(text: str) -> str:
    events = (EXPOSURE, *(kind.value for kind in FeedbackKind))
    if text not in events:
        raise ValueError(f"no event {text!r}; there are: {', '.join(events)}")
    return text


HalfLife = Annotated[str, AfterValidator(_half_life)]
Span = Annotated[str, AfterValidator(_span)]
Event = Annotated[str, AfterValidator(_event)]


class CounterSpec(Declared):
    """Counters of one event for one kind of key, named `<key>.<event>.<window>`."""

    key: Key
    event: Event
    windows: tuple[Span, ...] = Field(default=(), strict=False)
    """Trailing windows; "all" is all of time."""
    half_lives: tuple[HalfLife, ...] = Field(default=(), strict=False)
    """Exponentially decayed counts, `<key>.<event>.decay_<half-life>`."""
    rate: bool = False
    """Per exposure of the same key and span, smoothed: `<key>.<event>_rate.<span>`, `ctr` for
    clicks."""
    since: bool = False
    """Seconds since the last one, `<key>.<event>.since`."""

    @model_validator(mode="after")
    def _has_a_meaning(self) -> "CounterSpec":
        if not (self.windows or self.half_lives or self.since):
            raise ValueError("declares nothing: give windows, half_lives or since")
        if self.rate and self.event == EXPOSURE:
            raise ValueError("rate: exposures per exposure are 1; rate another event")
        if self.rate and not (self.windows or self.half_lives):
            raise ValueError("rate: give the windows or half_lives it is taken over")
        if self.key == "item" and self.event in (EXPOSURE, CLICK) and not self._only_since:
            raise ValueError(
                f"an item's {self.event} counts are declared by features.windows and "
                "features.half_lives"
            )
        return self

    @property
    def _only_since(self) -> bool:
        return not (self.windows or self.half_lives)

    @property
    def spans(self) -> tuple[str, ...]:
        """Of the windows, then of the half-lives, as they end a feature's name."""
        return (*self.windows, *(f"decay_{text}" for text in self.half_lives))


class FeatureSpec(Declared):
    """Which features a surface has; names follow `<key>.<event>.<window>`, like `item.click.24h`."""

    embargo: Duration = "0s"
    """An event counts, and a fact is believed, only when this much older than the request, beyond its
    receipt: the delay that serving is allowed."""
    fresh: PositiveDuration | None = None
    """A request this much later than the newest event known is answered by `StaleState`."""
    horizon: PositiveDuration | None = None
    """A key (person, pair, item) without any event for longer than this is forgotten; an item keeps what
    was said of it, unless `item_horizon` is declared too."""
    item_horizon: PositiveDuration | None = None
    """An item of which nothing was heard for longer than this, no event and no fact, is unknown again."""
    windows: tuple[PositiveDuration, ...] = Field(default=("1h", "6h", "24h"), strict=False)
    """Counters of clicks and exposures per item; all of time is always counted too."""
    half_lives: tuple[HalfLife, ...] = Field(default=(), strict=False)
    """Exponentially decayed counters per item, beside the windows."""
    prior_weight: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Pseudo-exposures at the surface's own rate that smooth every rate."""
    age: bool = True
    """Time since publication, or since the item was first seen where that is not known."""
    user_item: bool = True
    """How often this person was shown and clicked this item before."""
    affinity: tuple[Literal["provider", "category"], ...] = Field(default=(), strict=False)
    """This person's clicks on the item's provider or category, and their share of all theirs."""
    transitions: int = Field(default=0, ge=0, le=8)
    """From how many of the person's last clicks the chance to click this item next is taken."""
    similarity: int = Field(default=0, ge=0, le=8)
    """Cosine of the item's `embedding` with the mean of the person's so many last clicked ones."""
    alike: AlikeSpec | None = Field(
        default=None, exclude_if=lambda declared: declared is None
    )
    """Columns of who clicks alike; a declaration without them is written as ever, and has its digest."""
    counters: tuple[CounterSpec, ...] = Field(default=(), strict=False)
    """Every counter beyond the item's own exposures and clicks."""
    ratios: tuple[str, ...] = Field(default=(), strict=False)
    """Short window over long one, like `item.click.1h/24h`; both must be declared."""
    context: bool = True
    """Pass the log's `context_*` columns through."""
    relative: tuple[Form, ...] = Field(default=(), strict=False)
    """Forms within the request added for every feature in `relative_of`."""
    relative_of: tuple[str, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _remembers_its_windows(self) -> "FeatureSpec":
        spans = chain(self.windows, *(counter.windows for counter in self.counters))
        longer = [text for text in spans if text != ALL and self._outlives(text)]
        if longer:
            raise ValueError(
                f"horizon {self.horizon!r} is shorter than the window {longer[0]!r}"
            )
        return self

    @model_validator(mode="after")
    def _is_alike_without_forgetting(self) -> "FeatureSpec":
        if self.alike is None:
            return self
        if self.horizon is not None:
            raise ValueError(
                "alike: people's vectors are made of all their clicks, which a horizon forgets; "
                "declare one of the two"
            )
        if twice := [name for name in self.relative_of if name in ALIKE_COLUMNS]:
            raise ValueError(
                f"relative_of: the forms of {twice[0]} are declared by features.alike.relative"
            )
        return self

    @model_validator(mode="after")
    def _remembers_items_for_longer(self) -> "FeatureSpec":
        if self.item_horizon is None:
            return self
        if self.horizon is None:
            raise ValueError("item_horizon: declare a horizon for everything else too")
        if microseconds(self.item_horizon) < microseconds(self.horizon):
            raise ValueError(
                f"item_horizon {self.item_horizon!r} is shorter than horizon {self.horizon!r}"
            )
        return self

    def _outlives(self, window: str) -> bool:
        return self.horizon is not None and microseconds(window) > microseconds(
            self.horizon
        )
