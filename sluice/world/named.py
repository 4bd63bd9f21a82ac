"""The worlds that have a name, and what each is to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from sluice.errors import NotFound
from sluice.world.policy import Policy
from sluice.world.spec import WorldSpec


@dataclass(frozen=True)
class NamedWorld:
    """A world, the policy that runs in it, and the sign that is planted."""

    name: str
    shows: str
    spec: WorldSpec
    policy: Policy = field(default_factory=Policy)


_SCARCE = WorldSpec(
    providers=40, provider_spread=0.0, niche=0.3, response=0.6, hazard=0.3,
    starving=0.85, newcomers=0.08, dose_by_item=True,
)  # fmt: skip
_WORLDS = (
    NamedWorld(
        "tiring",
        "people tire of a topic and come back less: removing spacing gains a day and costs the second week",
        WorldSpec(),
    ),
    NamedWorld(
        "tireless",
        "the control of tiring: nobody tires, and the same removal gains for good",
        WorldSpec(satiation=0.0, annoyance=0.0),
    ),
    NamedWorld(
        "scarce",
        "few providers of equal merit who leave when starved: floors keep supply, and help people months later",
        _SCARCE,
    ),
    NamedWorld(
        "unmoved",
        "the control of scarce: providers neither answer exposure nor leave, and floors change nothing",
        replace(_SCARCE, response=0.0, hazard=0.0),
    ),
    NamedWorld(
        "abundant",
        "many providers of unlike merit: floors show what people like less, and cost them clicks",
        WorldSpec(starving=0.45, newcomers=0.3, dose_by_item=True),
    ),
    NamedWorld(
        "evergreen",
        "items live for weeks under a ranker of counts: what was popular stays so, and the new is not found",
        WorldSpec(life=20, posts=1.0, ad_reserve=inf),
        Policy(family="popularity", parameters={"feature": "item_clicks"}),
    ),
)
WORLDS: Mapping[str, NamedWorld] = {world.name: world for world in _WORLDS}


def named(name: str) -> NamedWorld:
    """The world of this name.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    if name not in WORLDS:
        raise NotFound(f"no world {name!r}; there are: {', '.join(WORLDS)}")
    return WORLDS[name]
