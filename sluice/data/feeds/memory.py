"""A source in memory: the twin of Redis and Kafka for tests and trials."""

import threading

from sluice.data.feeds.source import FeedGap, Messages, SourceAway, within_limits


class MemoryFeed:
    """The side that keeps the messages; safe to use from several threads."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        self._first = 0
        self._changed = threading.Condition()
        self.away = False
        """Whether it pretends that it cannot be reached."""

    def publish(self, *bodies: bytes) -> None:
        """Add messages at the end."""
        with self._changed:
            self._bodies += bodies
            self._changed.notify_all()

    def forget(self) -> None:
        """Drop every message so far, as a source's retention does."""
        with self._changed:
            self._first += len(self._bodies)
            self._bodies.clear()

    def after(self, number: int | None, max_wait_s: float) -> tuple[int, tuple[bytes, ...]]:
        """The number of the first message, and the messages from there on.

        Raises:
            FeedGap: `number` is no longer kept.
            SourceAway: while `away`.
        """
        with self._changed:
            if self.away:
                raise SourceAway("Cannot read the memory feed because it is away")
            start = self._first if number is None else number
            if not self._first <= start <= self._first + len(self._bodies):
                raise FeedGap(
                    f"Cannot go on after message {start} of the memory feed because it keeps "
                    f"those from {self._first} on; read from the oldest one"
                )
            self._changed.wait_for(
                lambda: len(self._bodies) > start - self._first, max_wait_s
            )
            return start, tuple(self._bodies[max(0, start - self._first) :])


class MemorySource:
    """Reads a `MemoryFeed`."""

    def __init__(self, feed: MemoryFeed) -> None:
        self._feed = feed

    def read(self, after: str | None, max_wait_s: float) -> Messages:
        """See `EventSource.read`."""
        number = None if after is None else int(after)
        start, waiting = self._feed.after(number, max_wait_s)
        bodies = within_limits(waiting)
        return Messages(bodies, str(start + len(bodies)))

    def close(self) -> None:
        """Nothing is held."""
