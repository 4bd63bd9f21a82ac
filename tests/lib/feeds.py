"""Servers that keep live events, each with the same few handles, for the contract of event sources."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from sluice.data.feeds import EventSource, open_source
from sluice.data.feeds.memory import MemoryFeed, MemorySource

TOPIC = "clicks"


@dataclass(frozen=True)
class Feed:
    """What `open_source` asks of a declared feed."""

    kind: str
    address: str
    name: str = TOPIC
    partition: int = 1


class MemoryServer:
    def __init__(self, _):
        self._feed = MemoryFeed()

    def source(self) -> EventSource:
        return MemorySource(self._feed)

    def publish(self, *bodies: bytes) -> None:
        self._feed.publish(*bodies)

    def forget(self) -> None:
        """Lose every message so far, as by retention."""
        self._feed.forget()

    def begin_anew(self) -> None:
        """Lose every message, and that there ever were any."""
        self._feed.__init__()

    def stop(self) -> None:
        self._feed.away = True

    def start(self) -> None:
        self._feed.away = False

    def end(self) -> None:
        pass


class RedisServer:
    """Debian's redis-server, with every entry on disk before it is acknowledged."""

    def __init__(self, folder):
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed; apt-get install redis-server")
        import redis

        self._program, self._folder = program, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.start()
        self.client = redis.Redis(port=self._port)

    def source(self) -> EventSource:
        return open_source(Feed("redis", f"127.0.0.1:{self._port}"))

    def publish(self, *bodies: bytes) -> None:
        with self.client.pipeline(transaction=False) as entries:
            for body in bodies:
                entries.xadd(TOPIC, {"body": body})
            entries.execute()

    def forget(self) -> None:
        self.client.xtrim(TOPIC, maxlen=0, approximate=False)

    def begin_anew(self) -> None:
        self.client.delete(TOPIC)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        keep = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
        self._process = subprocess.Popen(
            [self._program, "--port", str(self._port), "--bind", "127.0.0.1", *keep],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self._port)):
                    return
            time.sleep(0.01)
        pytest.fail("redis-server does not start")

    def end(self) -> None:
        self.client.close()
        self.stop()


class KafkaServer:
    """The mock broker of librdkafka, in a process of its own, so that it can be frozen and killed."""

    def __init__(self, _):
        pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lib.feeds"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._address = self._process.stdout.readline().decode().strip()

    def source(self) -> EventSource:
        return open_source(Feed("kafka", self._address))

    def publish(self, *bodies: bytes) -> None:
        self._do("publish " + " ".join(body.hex() for body in bodies))

    def forget(self) -> None:
        self._do("forget")

    def stop(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def start(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _do(self, command: str) -> None:
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"done\n"


SERVERS = {"memory": MemoryServer, "redis": RedisServer, "kafka": KafkaServer}


def _broker() -> None:
    """Serve a mock broker whose partition 1 is written to by lines of input."""
    from confluent_kafka import Producer

    # The broker keeps 5 MB of a partition.
    producer = Producer({"test.mock.num.brokers": 1, "linger.ms": 0})
    brokers = producer.list_topics(TOPIC, timeout=10).brokers.values()
    print(",".join(f"{each.host}:{each.port}" for each in brokers), flush=True)
    for line in sys.stdin:
        command, _, body = line.strip().partition(" ")
        sent = [bytes.fromhex(part) for part in body.split()]
        for each in sent if command == "publish" else [bytes(900_000)] * 7:
            producer.produce(TOPIC, each, partition=1)
        producer.flush(10)
        print("done", flush=True)


if __name__ == "__main__":
    _broker()
