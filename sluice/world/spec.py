"""What a world is like: the parameters that plant its signs."""

from dataclasses import dataclass, fields

from sluice.errors import ConfigError


@dataclass(frozen=True)
class WorldSpec:
    """Parameters of one world; what a policy decides stands in `sluice.world.policy`."""

    people: int = 1_000
    topics: int = 16
    slots: int = 12
    """Organic items a visit; ads come on top."""
    candidates: int = 80
    """Retrieved a visit."""
    unseen: int = 96
    """So many items that a person examined last are not retrieved again."""
    satiation: float = 0.08
    """φ: logits of a click lost for each item of the topic that was examined lately."""
    annoyance: float = 0.016
    """ψ: value of a visit lost for the same."""
    recovery: float = 0.72
    """Share of satiation that a night leaves."""
    loyalty: float = 1.0
    """ρ: logits of coming back for each unit of satisfaction."""
    niche: float = 0.0
    """Share of people whose tastes are for two rare topics."""
    providers: int = 150
    posts: float = 2.0
    """Items a day of a provider of median drive at usual exposure, before a factor e^-.5."""
    response: float = 0.35
    """β: elasticity of publishing with respect to exposure."""
    response_limit: float = 2.0
    """Logarithms of exposure beyond which publishing answers no more."""
    hazard: float = 0.1
    """Chance a day of leaving, after five days below `starving`."""
    starving: float = 0.2
    """Exposure, 1 being everybody's mean, below which a provider starves."""
    newcomers: float = 1.0
    """Providers who arrive a day."""
    provider_spread: float = 0.45
    """Standard deviation of the providers' quality, in logits."""
    item_spread: float = 0.5
    dose_by_item: bool = False
    """Exposure is counted for each live item rather than for each provider."""
    life: int = 3
    """Days for which an item can be shown."""
    ad_reserve: float = 0.02
    """Expected revenue below which an ad slot stays empty; infinite for a world without ads."""
    ad_annoyance: float = 0.03
    """Value of a visit lost for each ad."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ConfigError(f"world.{field.name} is below 0; give 0 or more")
        for name in ("people", "topics", "slots", "providers", "life", "unseen"):
            if getattr(self, name) < 1:
                raise ConfigError(f"world.{name} is 0; give at least 1")
        if self.candidates < self.slots + 2:
            raise ConfigError(
                f"world.candidates is {self.candidates}, fewer than slots + 2 = {self.slots + 2}; "
                "give more candidates than a visit shows"
            )
        if self.niche > 0 and self.topics < 8:
            raise ConfigError(
                "world.niche needs rare topics; give at least 8 topics, or niche = 0"
            )
