"""The port to whatever live events are read from, beside the log itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sluice.errors import SluiceError

MAX_MESSAGES = 1000
"""That one read returns."""
MAX_BYTES = 8 << 20
"""Of one read's bodies together, from the second one on: a read becomes one transaction of the log."""


class FeedGap(SluiceError):
    """Messages that were never read are gone from the source; nothing is read beyond them in silence."""


class SourceAway(SluiceError):
    """The source cannot be reached, or does not answer as it should; trying again may help."""


@dataclass(frozen=True)
class Messages:
    """What one read returned."""

    bodies: tuple[bytes, ...]
    """In the source's order; none where nothing came in time."""
    offset: str
    """Where to go on after them; means something to the source alone."""


class EventSource(Protocol):
    """An ordered source that keeps its messages; who reads keeps the offset. One thread at a time."""

    def read(self, after: str | None, max_wait_s: float) -> Messages:
        """Return the messages that follow an offset.

        Args:
            after: offset of an earlier read; None reads from the oldest message that there is.
            max_wait_s: how long to wait for the first message at most; a source may give up earlier.

        Raises:
            FeedGap: messages beyond the offset are gone.
            SourceAway: it cannot be read now; the same call may be made again.
        """
        ...

    def close(self) -> None:
        """Let go of connections; a read after this is not allowed."""
        ...


def within_limits(bodies: Iterable[bytes]) -> tuple[bytes, ...]:
    """The first bodies, as many as one read may return; the first of all however large."""
    kept: list[bytes] = []
    size = 0
    for body in bodies:
        size += len(body)
        if kept and (size > MAX_BYTES or len(kept) == MAX_MESSAGES):
            break
        kept.append(body)
    return tuple(kept)
