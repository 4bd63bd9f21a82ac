"""From what a surface declares of its feed to a source that can be read."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sluice.data.feeds.source import EventSource
from sluice.errors import ConfigError

USER = "SLUICE_FEED_USER"
PASSWORD = "SLUICE_FEED_PASSWORD"  # noqa: S105 - the variable's name
PASSWORD_FILE = "SLUICE_FEED_PASSWORD_FILE"  # noqa: S105 - the variable's name
_OTHERS = 0o077
_MAX_PASSWORD_BYTES = 4096


class DeclaredFeed(Protocol):
    """What is needed of `sluice.serving_spec.FeedSpec`."""

    @property
    def kind(self) -> str: ...

    @property
    def address(self) -> str | None: ...

    @property
    def name(self) -> str | None: ...

    @property
    def partition(self) -> int: ...


@dataclass(frozen=True)
class Credentials:
    """Who reads the feed; the password is in no text of this object."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)


def feed_credentials(environ: Mapping[str, str]) -> Credentials:
    """User and password from the environment, or from a file that only its owner can read.

    Raises:
        ConfigError: the file cannot be read, or others may read it.
    """
    password, path = environ.get(PASSWORD), environ.get(PASSWORD_FILE)
    if password and path:
        raise ConfigError(
            f"Cannot choose between {PASSWORD} and {PASSWORD_FILE}; set one of them"
        )
    if path:
        password = _password(Path(path))
    return Credentials(environ.get(USER) or None, password or None)


def open_source(spec: DeclaredFeed, credentials: Credentials | None = None) -> EventSource:
    """Make the source of a feed; it connects with its first read.

    Raises:
        ConfigError: the address cannot be obeyed, or the package of this kind is not installed.
    """
    who = credentials or Credentials()
    if not spec.address or not spec.name or spec.kind not in {"redis", "kafka"}:
        raise ConfigError(
            f"Cannot read a feed of kind {spec.kind!r}; declare redis or kafka"
        )
    brokers = [_host_and_port(part) for part in spec.address.split(",")]
    if spec.kind == "redis":
        return _redis(spec.name, brokers, who)
    return _kafka(spec.name, spec.partition, spec.address, who)


def _redis(stream: str, servers: list[tuple[str, int]], who: Credentials) -> EventSource:
    if len(servers) != 1:
        raise ConfigError(
            "Cannot read feed.address because Redis has one; name one host:port"
        )
    try:
        from sluice.data.feeds.redis_stream import RedisStream
    except ModuleNotFoundError as error:
        raise _missing(error, "the Redis stream", "redis", "redis") from error
    host, port = servers[0]
    return RedisStream(host, port, stream, user=who.user, password=who.password)


def _kafka(topic: str, partition: int, brokers: str, who: Credentials) -> EventSource:
    if who.password and not who.user:
        raise ConfigError(f"Cannot log in to Kafka because {USER} is not set; set it")
    try:
        from sluice.data.feeds.kafka_topic import KafkaTopic
    except ModuleNotFoundError as error:
        raise _missing(error, "the Kafka topic", "confluent-kafka", "kafka") from error
    return KafkaTopic(brokers, topic, partition, user=who.user, password=who.password)


def _missing(
    error: ModuleNotFoundError, what: str, package: str, extra: str
) -> ConfigError | ModuleNotFoundError:
    if error.name is None or error.name.partition(".")[0] != package.replace("-", "_"):
        return error
    return ConfigError(
        f"Cannot read {what} because the package {package} is not installed; "
        f"pip install 'sluice[{extra}]'"
    )


def _host_and_port(text: str) -> tuple[str, int]:
    """Never repeats the text: whoever puts a password into it must not find it in a log."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or "@" in text:
        raise ConfigError(
            "Cannot read feed.address because it is no host:port; a user and a password belong into "
            f"{USER} and {PASSWORD} or {PASSWORD_FILE}"
        )
    return host, int(port)


def _password(path: Path) -> str:
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        )
    except OSError as error:
        raise ConfigError(
            f"Cannot read the feed's password because {path}: {error.strerror}; make the file with "
            "mode 600"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_mode & _OTHERS:
            raise ConfigError(
                f"Cannot trust {path} because it is no file that only its owner may read; chmod 600 it"
            )
        return file.read(_MAX_PASSWORD_BYTES).decode().strip()
