"""Who answers whom: the champion, and beside it a canary for a share of the people."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from sluice.registry.canary_arm import in_canary
from sluice.serving.following import Following, Serving
from sluice.serving.prediction import CHAMPION

CANARY = "canary"


@dataclass(frozen=True)
class Arm:
    """A release in service under the name by which its answers are logged apart."""

    name: str
    serving: Serving


class Arms:
    """The champion's release, and the canary's where one runs."""

    def __init__(self, champion: Following, canary: Following | None = None) -> None:
        """Args: `canary` is None where no pointer is followed."""
        self.champion, self.canary = champion, canary

    def of(self, user_id: str) -> Arm | None:
        """Who answers this person; the same at every time, as long as the canary and its share stay."""
        canary = self.canary.serving if self.canary else None
        if canary and in_canary(user_id, canary.share, canary.release.digest):
            return Arm(CANARY, canary)
        champion = self.champion.serving
        return Arm(CHAMPION, champion) if champion else None

    def in_service(self) -> Iterator[tuple[Following, Serving]]:
        """Every release in service, with whoever follows it."""
        for following in (self.champion, self.canary):
            if following and following.serving:
                yield following, following.serving

    def watches(self) -> list[Callable[[], Awaitable[None]]]:
        """What looks for another champion, and for another canary once there is a champion."""
        watches: list[Callable[[], Awaitable[None]]] = [self.champion.watch]
        if self.canary:
            watches.append(self._watch_canary)
        return watches

    async def _watch_canary(self) -> None:
        """The champion comes first: a canary alone serves nobody, and would only slow its start."""
        assert self.canary  # noqa: S101 - who calls this has one
        while self.champion.serving is None:
            await asyncio.sleep(self.canary.pace.pointer)
        await self.canary.watch()
