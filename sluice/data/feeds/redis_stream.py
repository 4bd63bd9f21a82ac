"""A Redis stream as a source: entries whose field `body` holds one message.

XREAD from an id that was trimmed goes on at the oldest entry and says nothing. So an offset is the id
of the last entry read and its rank among all entries that were ever added: where the oldest entry lies
beyond that id, exactly the entries up to that rank must be gone, and not one more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sluice.data.feeds.source import (
    MAX_MESSAGES,
    FeedGap,
    Messages,
    SourceAway,
    within_limits,
)

BODY = b"body"
"""The field of an entry that holds the message; an entry without it is an empty message."""
_ANSWER_SECONDS = 5.0
_NO_ID = (0, 0)

Entry = tuple[bytes, dict[bytes, bytes] | None]


@dataclass(frozen=True)
class _Offset:
    """How far a stream was read."""

    id: tuple[int, int]
    rank: int
    """Entries that were ever added up to this one, itself included."""

    @classmethod
    def parse(cls, text: str) -> Self:
        name, _, rank = text.partition("/")
        return cls(_id(name.encode()), int(rank))

    def __str__(self) -> str:
        return f"{self.id[0]}-{self.id[1]}/{self.rank}"

    @property
    def name(self) -> str:
        return f"{self.id[0]}-{self.id[1]}"


@dataclass(frozen=True)
class _Stream:
    """What Redis says of a stream."""

    length: int
    added: int
    """Entries ever added."""
    first: tuple[int, int] | None
    """Id of the oldest entry."""
    last: tuple[int, int]
    """The greatest id that was ever given to an entry."""

    @property
    def removed(self) -> int:
        return self.added - self.length

    def keeps_what_follows(self, offset: _Offset) -> bool:
        if self.last < offset.id or self.added < offset.rank:
            return False  # another stream, or one that was set back
        if self.first is not None and self.first <= offset.id:
            return True  # trimming begins at the oldest
        return self.removed == offset.rank


class RedisStream:
    """Reads one stream of one server, Redis 7 or later."""

    def __init__(
        self,
        host: str,
        port: int,
        stream: str,
        *,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        """Connects with the first read."""
        self._where, self._stream = f"stream {stream} of Redis at {host}:{port}", stream
        self._client = redis.Redis(
            host=host,
            port=port,
            username=user,
            password=password,
            socket_connect_timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def read(self, after: str | None, max_wait_s: float) -> Messages:
        """See `EventSource.read`."""
        offset = None if after is None else _Offset.parse(after)
        try:
            messages = self._next(offset)
            if not messages.bodies and max_wait_s > 0:
                self._wait(_Offset.parse(messages.offset), max_wait_s)
                messages = self._next(offset)
        except redis.RedisError as error:
            # The text of an error may repeat what was sent.
            raise SourceAway(
                f"Cannot read {self._where} because of {type(error).__name__}; look whether the "
                "server runs and lets this service in"
            ) from None
        return messages

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _next(self, offset: _Offset | None) -> Messages:
        """What there is now; the state of the stream and its entries are of one moment."""
        with self._client.pipeline(transaction=True) as moment:
            start = offset.name if offset else "0-0"
            moment.exists(self._stream)
            moment.xinfo_stream(self._stream)
            moment.xread({self._stream: start}, count=MAX_MESSAGES)
            exists, info, streams = moment.execute(raise_on_error=False)
        for answer in (exists, streams):
            if isinstance(answer, Exception):
                raise answer
        stream = _state(info) if exists else _Stream(0, 0, None, _NO_ID)
        at = offset or _Offset(_NO_ID, stream.removed)
        if offset and not stream.keeps_what_follows(offset):
            raise FeedGap(
                f"Cannot go on in {self._where} because entries after {offset.name} that were never "
                "read are gone: it was trimmed, set back or made anew; ingest them from elsewhere "
                'and declare after_gap = "go_on" to read on from the oldest entry'
            )
        entries: Sequence[Entry] = streams[0][1] if streams else ()
        bodies = within_limits((fields or {}).get(BODY, b"") for _, fields in entries)
        return Messages(bodies, str(_moved(at, stream, entries[: len(bodies)])))

    def _wait(self, offset: _Offset, seconds: float) -> None:
        """Until there is an entry; answers of Redis are waited for no longer than its blocking."""
        milliseconds = max(1, int(min(seconds, _ANSWER_SECONDS / 2) * 1000))
        self._client.xread({self._stream: offset.name}, count=1, block=milliseconds)


def _moved(at: _Offset, stream: _Stream, entries: Sequence[Entry]) -> _Offset:
    if not entries:
        return at
    last = _id(entries[-1][0])
    # Entries deleted from the middle of the stream have a rank too; at its end all are counted.
    return _Offset(last, stream.added if last == stream.last else at.rank + len(entries))


def _state(info: Any) -> _Stream:
    if isinstance(info, Exception):
        raise info
    if "entries-added" not in info:
        raise SourceAway(
            "Cannot follow a Redis stream because Redis is older than 7; update it"
        )
    first = info["first-entry"]
    return _Stream(
        length=info["length"],
        added=info["entries-added"],
        first=_id(first[0]) if first else None,
        last=_id(info["last-generated-id"]),
    )


def _id(name: bytes) -> tuple[int, int]:
    milliseconds, _, number = name.partition(b"-")
    return int(milliseconds), int(number)
