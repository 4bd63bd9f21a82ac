"""One partition of a Kafka topic as a source, without a consumer group: the log keeps the offset."""

import logging
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sluice.data.feeds.source import (
    MAX_MESSAGES,
    FeedGap,
    Messages,
    SourceAway,
    within_limits,
)

_LOG = logging.getLogger(__name__)
_ANSWER_SECONDS = 5.0
_OUT_OF_RANGE = frozenset(
    {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001 - Kafka's own spelling
)


class KafkaTopic:
    """Reads one partition; an offset is the number of the next message."""

    def __init__(
        self,
        brokers: str,
        topic: str,
        partition: int,
        *,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        """Connects with the first read.

        Args:
            brokers: `host:port`, separated by commas.
            topic: its name.
            partition: its number.
            user: with a password the connection is SASL over TLS, by SCRAM-SHA-512.
            password: of the user.
        """
        self._where = f"partition {partition} of topic {topic} of Kafka at {brokers}"
        self._topic, self._partition = topic, partition
        self._next: int | None = None
        self._down = False
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                # The consumer wants one; nothing joins it, and nothing is committed to it.
                "group.id": "sluice-reads-without-a-group",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "queued.max.messages.kbytes": 16_384,
                "reconnect.backoff.max.ms": 5_000,
                "error_cb": self._failed,
                **_security(user, password),
            },
            logger=_LOG,
        )

    def read(self, after: str | None, max_wait_s: float) -> Messages:
        """See `EventSource.read`."""
        self._down = False
        try:
            start = self._assigned(None if after is None else int(after))
            messages = self._messages(max_wait_s)
        except KafkaException as error:
            raise self._away(error.args[0]) from None
        if messages and (fault := messages[0].error()):
            self._next = None
            if fault.code() not in _OUT_OF_RANGE:
                raise self._away(fault)
            self._check(start)
            return Messages((), str(start))
        if not messages and self._down:
            raise self._away(KafkaError(KafkaError._ALL_BROKERS_DOWN))  # noqa: SLF001 - as above
        return self._read(start, messages)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _read(self, start: int, messages: list[Message]) -> Messages:
        sound = []
        for message in messages:
            if message.error():
                break
            sound.append(message)
        bodies = within_limits(_body(message) for message in sound)
        if not bodies:
            return Messages((), str(start))
        following = (sound[len(bodies) - 1].offset() or 0) + 1
        # What was fetched and not returned is fetched again.
        self._next = following if len(bodies) == len(messages) else None
        return Messages(bodies, str(following))

    def _messages(self, max_wait_s: float) -> list[Message]:
        first = self._consumer.poll(max_wait_s)
        if first is None:
            return []
        if first.error():
            return [first]
        return [first, *self._consumer.consume(MAX_MESSAGES - 1, timeout=0)]

    def _assigned(self, start: int | None) -> int:
        """Have the consumer go on at a message, the oldest where it is None; returns its number."""
        if start is None or start != self._next:
            start = self._check(start)
            self._consumer.assign([TopicPartition(self._topic, self._partition, start)])
            self._next = start
        return start

    def _check(self, start: int | None) -> int:
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(self._topic, self._partition), timeout=_ANSWER_SECONDS
        )
        if start is not None and not low <= start <= high:
            raise FeedGap(
                f"Cannot go on at message {start} in {self._where} because it keeps {low} to {high}: "
                "messages that were never read are gone, or the topic was made anew; ingest them "
                'from elsewhere and declare after_gap = "go_on" to read on from the oldest message'
            )
        return low if start is None else start

    def _failed(self, error: KafkaError) -> None:
        self._down |= error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - as above

    def _away(self, error: KafkaError) -> SourceAway:
        return SourceAway(
            f"Cannot read {self._where} because of {error.name()}; look whether the brokers run, have "
            "the topic and let this service in"
        )


def _security(user: str | None, password: str | None) -> Mapping[str, str]:
    if user is None or password is None:
        return {}
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
    }


def _body(message: Message) -> bytes:
    value = message.value()
    return value if isinstance(value, bytes) else b""
