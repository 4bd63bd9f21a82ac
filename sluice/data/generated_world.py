"""The world behind the generated feed: people with tastes, items that are published and fade."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.errors import ConfigError

HOUR = 3_600_000_000
"""µs."""
DAY = 24 * HOUR
LIFE_DAYS = 2
"""An item is shown for so long after its publication."""
_MORNING, _RHYTHM = 0.28, 0.7
"""Share of the day at which traffic rises through its mean, and how far it swings around it."""


@dataclass(frozen=True)
class FeedConfig:
    """How large the feed is, and how strong what can be learned from it."""

    seed: int = 7
    days: int = 8
    requests_per_day: int = 1_250
    users: int = 400
    items_per_day: int = 240
    candidates: int = 20
    """Shown per request, on average; from half of it to twice."""
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    surfaces: tuple[str, ...] = ("for_you", "follow")
    """The first gets three quarters of the requests, the others share the rest; every one but
    the first shows mostly providers that the person follows."""
    providers: int = 40
    categories: int = 12
    position_bias: float = 0.5
    """η: slot k is examined with probability 1 / k^η."""
    receipt_delay: timedelta = timedelta(seconds=20)
    """Mean time until the platform knows of a click; one in fifty takes a hundred times as long."""

    def __post_init__(self) -> None:
        counts = (
            "days", "requests_per_day", "users", "items_per_day", "candidates", "providers",
            "categories",
        )  # fmt: skip
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"feed {name} is {getattr(self, name)}; must be at least 1"
                )
        if self.start.tzinfo is None:
            raise ConfigError(f"feed start {self.start}: give a time with a zone (UTC)")
        if not self.surfaces or len(set(self.surfaces)) != len(self.surfaces):
            raise ConfigError(
                f"feed surfaces {self.surfaces}: name at least one, none twice"
            )
        if self.position_bias < 0:
            raise ConfigError(
                f"feed position_bias is {self.position_bias}; must not be negative"
            )

    @property
    def start_us(self) -> int:
        return (self.start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass(frozen=True)
class People:
    """What persists over the whole feed."""

    activity: NDArray[np.float64]
    """[users]; share of all requests."""
    taste: NDArray[np.float32]
    """[users, categories]; logits."""
    follows: NDArray[np.bool_]
    """[users, providers]."""
    provider_quality: NDArray[np.float32]
    """[providers]; logits."""

    @classmethod
    def draw(cls, config: FeedConfig) -> Self:
        rng = np.random.default_rng((config.seed, 0))
        activity = rng.pareto(2.0, config.users) + 0.3
        return cls(
            activity=activity / activity.sum(),
            taste=rng.normal(0, 1.3, (config.users, config.categories)).astype(np.float32),
            follows=rng.random((config.users, config.providers)) < 0.15,
            provider_quality=rng.normal(0, 0.4, config.providers).astype(np.float32),
        )


@dataclass(frozen=True)
class Pool:
    """Items, in the order of their publication."""

    number: NDArray[np.int64]
    published: NDArray[np.int64]
    """µs since the epoch."""
    category: NDArray[np.int64]
    provider: NDArray[np.int64]
    quality: NDArray[np.float32]
    """Logits; constant over an item's life."""
    hotness: NDArray[np.float32]
    """Logits at publication; halved every `half_life`. Known to nobody: clicks reveal it."""
    half_life: NDArray[np.float32]
    """Hours."""

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def draw(cls, config: FeedConfig, day: int) -> Self:
        """Items published on a day; -LIFE_DAYS is the first whose items the feed can show."""
        rng = np.random.default_rng((config.seed, 1, day + LIFE_DAYS))
        count = config.items_per_day
        shares = 1 / np.arange(1, max(config.categories, config.providers) + 1) ** 0.6
        categories, providers = shares[: config.categories], shares[: config.providers]
        return cls(
            number=np.arange(count) + (day + LIFE_DAYS) * count,
            published=day_times(rng, count, config.start_us + day * DAY),
            category=rng.choice(config.categories, count, p=categories / categories.sum()),
            provider=rng.choice(config.providers, count, p=providers / providers.sum()),
            quality=rng.normal(0, 0.5, count).astype(np.float32),
            hotness=rng.gamma(1.2, 1.3, count).astype(np.float32),
            half_life=rng.uniform(2, 10, count).astype(np.float32),
        )

    @classmethod
    def join(cls, pools: "list[Pool]") -> Self:
        return cls(
            **{
                name: np.concatenate([getattr(pool, name) for pool in pools])
                for name in cls.__dataclass_fields__
            }
        )


def day_times(rng: np.random.Generator, count: int, start: int) -> NDArray[np.int64]:
    """`count` ascending times of one day (µs), more of them by day than by night."""
    grid = np.linspace(0, 1, 1441)
    density = 1 + _RHYTHM * np.sin(2 * np.pi * (grid - _MORNING))
    reached = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    drawn = np.interp(rng.random(count), reached / reached[-1], grid)
    return start + np.sort((drawn * (DAY - 1)).astype(np.int64))
