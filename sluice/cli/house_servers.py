"""How every server of a house stands: whether it runs, since when, and whether it answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.cli.house_addresses import addresses
from sluice.cli.programs import answers

if TYPE_CHECKING:
    import httpx

    from sluice.cli.supervision import Supervised
    from sluice.settings import Settings

_ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class ServerNow:
    """One server."""

    name: str
    state: str
    """As supervisord names it."""
    pid: int
    """0 where it does not run."""
    seconds: int
    """Since it was started last."""
    why: str
    """It does not run; empty where it does."""
    url: str | None
    """None of one that listens nowhere."""
    waits_for_a_champion: bool
    answers: bool
    """Whether it does what it is there for; waiting for a champion is that too."""

    def cells(self) -> tuple[str, str, str]:
        """As a row of a table for people."""
        return self.name, self._shown(), self.url or "-"

    def _shown(self) -> str:
        if not self.pid:
            return f"{self.state.lower()}: {self.why}"
        hours, rest = divmod(self.seconds, 3600)
        minutes = f"{rest // 60} min"
        since = f"{hours} h {minutes}" if hours else f"{minutes} {rest % 60} s"
        if self.waits_for_a_champion:
            return f"waits for a champion, {since}"
        return f"{self.state.lower()} for {since}" + ("" if self.answers else ", silent")


def servers_now(
    settings: "Settings", programs: "Iterable[Supervised]"
) -> tuple[ServerNow, ...]:
    """Each of them, asked whether it answers."""
    import httpx

    with httpx.Client(trust_env=False, timeout=_ANSWER_SECONDS) as client:
        return tuple(_now(settings, client, program) for program in programs)


def has_work(settings: "Settings", name: str) -> bool:
    """Whether a program answers once it is up; the service of a surface without a champion waits."""
    from sluice.cli.house_programs import surface_served
    from sluice.registry.pointer import read_pointer

    surface = surface_served(name)
    return surface is None or read_pointer(settings.pointers, surface) is not None


def _now(settings: "Settings", client: "httpx.Client", program: "Supervised") -> ServerNow:
    from sluice.cli.supervision import Running

    address = addresses(settings).get(program.name)
    runs = program.state is Running.RUNNING
    waits = runs and not has_work(settings, program.name)
    return ServerNow(
        name=program.name,
        state=program.state.value,
        pid=program.pid,
        seconds=program.seconds,
        why="" if program.pid else program.why,
        url=address.url if address else None,
        waits_for_a_champion=waits,
        answers=waits
        or (runs and (address is None or answers(client, address.url + address.health))),
    )
