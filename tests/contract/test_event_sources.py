"""What `sluice.data.feeds.source` promises, asked of memory, Redis and Kafka alike."""

import itertools
import time
from contextlib import closing, contextmanager, suppress

import pytest

from sluice.data.feeds import FeedGap, Messages, SourceAway
from sluice.data.feeds.source import MAX_BYTES, MAX_MESSAGES
from tests.lib.feeds import SERVERS, KafkaServer, MemoryServer, RedisServer

SECONDS = 5.0


@pytest.fixture(params=SERVERS)
def server(request, tmp_path):
    with running(SERVERS[request.param], tmp_path) as server:
        yield server


@pytest.fixture
def source(server):
    with closing(server.source()) as source:
        yield source


@contextmanager
def running(kind, folder):
    folder.mkdir(exist_ok=True)
    server = kind(folder)
    try:
        yield server
    finally:
        server.end()


@pytest.fixture
def redis_server(tmp_path):
    with running(RedisServer, tmp_path) as server:
        yield server


def numbered(first: int, last: int) -> list[bytes]:
    return [b'{"n": %d}' % number for number in range(first, last)]


def read_all(source, after, count):
    """That many messages from an offset on, and the offset after them."""
    bodies, deadline = [], time.monotonic() + 20
    while len(bodies) < count and time.monotonic() < deadline:
        messages = source.read(after, SECONDS)
        bodies += messages.bodies
        after = messages.offset
    return bodies, after


def read_when_back(source, after):
    """The first messages after the server was away."""
    for _ in itertools.repeat(None, 40):
        try:
            messages = source.read(after, 0.5)
        except SourceAway:
            time.sleep(0.1)
            continue
        if messages.bodies:
            return messages
    pytest.fail("the source does not come back")


def test_messages_come_in_order_and_once(server, source):
    server.publish(*numbered(0, 150))

    bodies, after = read_all(source, None, 150)
    server.publish(*numbered(150, 153))
    more, after = read_all(source, after, 3)

    assert bodies + more == numbered(0, 153)
    assert source.read(after, 0.1).bodies == ()


def test_another_reader_goes_on_after_the_offset(server, source):
    server.publish(*numbered(0, 3))
    _, after = read_all(source, None, 3)
    server.publish(*numbered(3, 5))

    with closing(server.source()) as other:
        bodies, _ = read_all(other, after, 2)

    assert bodies == numbered(3, 5)


def test_the_same_offset_gives_the_same_messages_again(server, source):
    server.publish(*numbered(0, 3))
    first, _ = read_all(source, None, 3)
    again, after = read_all(source, None, 3)

    assert again == first == numbered(0, 3)
    server.publish(*numbered(3, 5))
    for _ in range(2):
        assert read_all(source, after, 2)[0] == numbered(3, 5)


def test_nothing_new_is_waited_for_and_leaves_the_offset_where_it_is(server, source):
    server.publish(*numbered(0, 1))
    _, after = read_all(source, None, 1)

    begun = time.monotonic()
    messages = source.read(after, 0.4)

    assert 0.3 < time.monotonic() - begun < 3
    assert (messages.bodies, messages.offset) == ((), after)


def test_a_source_without_a_message_has_an_offset_from_which_it_goes_on(server, source):
    empty = source.read(None, 0.1)
    assert empty.bodies == ()

    server.publish(*numbered(0, 2))
    bodies, _ = read_all(source, empty.offset, 2)

    assert bodies == numbered(0, 2)


def test_one_read_is_bounded_in_messages_and_bytes(server, source):
    server.publish(*numbered(0, 2 * MAX_MESSAGES))
    messages = source.read(None, SECONDS)
    assert 0 < len(messages.bodies) <= MAX_MESSAGES
    _, after = read_all(source, messages.offset, 2 * MAX_MESSAGES - len(messages.bodies))

    large = [bytes([65 + number]) * 900_000 for number in range(4)]
    server.publish(*large)
    bodies, _ = read_all(source, after, 4)

    assert bodies == large
    assert sum(map(len, bodies)) < MAX_BYTES


def test_messages_that_were_never_read_and_are_gone_stop_the_reader(server, source):
    server.publish(*numbered(0, 1))
    _, after = read_all(source, None, 1)
    server.publish(*numbered(1, 2))
    server.forget()

    with closing(server.source()) as other, pytest.raises(FeedGap, match="go on"):
        read_all(other, after, 1)


def test_a_reader_that_is_overtaken_by_the_retention_stops(tmp_path):
    with running(KafkaServer, tmp_path) as server, closing(server.source()) as source:
        server.publish(*numbered(0, 1))
        _, after = read_all(source, None, 1)
        for _ in range(8):  # more than it fetches ahead, and than the broker keeps
            server.forget()

        with pytest.raises(FeedGap, match="gone"):
            read_all(source, after, 1000)


@pytest.mark.parametrize("kind", [MemoryServer, RedisServer])
def test_an_offset_from_before_the_source_began_anew_stops_the_reader(kind, tmp_path):
    with running(kind, tmp_path) as server, closing(server.source()) as source:
        server.publish(*numbered(0, 3))
        _, after = read_all(source, None, 3)
        server.begin_anew()
        server.publish(*numbered(3, 4))

        with pytest.raises(FeedGap):
            source.read(after, 0.1)


def test_a_reader_may_begin_with_the_oldest_message_that_is_left(server, source):
    server.publish(*numbered(0, 3))
    server.forget()
    server.publish(*numbered(3, 5))

    deadline, bodies, after = time.monotonic() + 20, [], None
    while bodies[-1:] != numbered(4, 5) and time.monotonic() < deadline:
        messages = source.read(after, SECONDS)
        bodies, after = bodies + list(messages.bodies), messages.offset

    assert bodies[-2:] == numbered(3, 5)
    assert not set(bodies) & set(numbered(0, 3))


def test_a_server_that_was_away_is_read_on_from_where_it_was(server, source):
    server.publish(*numbered(0, 2))
    _, after = read_all(source, None, 2)

    server.stop()
    with suppress(SourceAway):  # a frozen server may as well be one that has nothing new
        assert source.read(after, 0.3) == Messages((), after)
    server.start()
    server.publish(*numbered(2, 3))

    assert read_when_back(source, after).bodies == tuple(numbered(2, 3))


@pytest.mark.parametrize("kind", [RedisServer, KafkaServer])
def test_a_server_that_is_dead_is_said_to_be_away(tmp_path, kind):
    with running(kind, tmp_path) as server, closing(server.source()) as source:
        server.publish(*numbered(0, 1))
        _, after = read_all(source, None, 1)
        server.end()

        with pytest.raises(SourceAway, match="Cannot read"):
            read_all(source, after, 1)


def test_a_stream_trimmed_exactly_up_to_what_was_read_has_no_gap(redis_server):
    with closing(redis_server.source()) as source:
        redis_server.publish(*numbered(0, 3))
        _, after = read_all(source, None, 3)
        redis_server.forget()
        assert source.read(after, 0.1).bodies == ()
        redis_server.publish(*numbered(3, 5))

        assert source.read(after, 0.1).bodies == tuple(numbered(3, 5))


def test_one_unread_entry_trimmed_away_is_a_gap(redis_server):
    with closing(redis_server.source()) as source:
        redis_server.publish(*numbered(0, 3))
        _, after = read_all(source, None, 3)
        redis_server.publish(*numbered(3, 6))
        redis_server.client.xtrim("clicks", maxlen=2, approximate=False)

        with pytest.raises(FeedGap):
            source.read(after, 0.1)


def test_an_entry_deleted_on_purpose_is_no_gap(redis_server):
    with closing(redis_server.source()) as source:
        redis_server.publish(*numbered(0, 3))
        _, after = read_all(source, None, 3)
        redis_server.publish(*numbered(3, 6))
        fourth = redis_server.client.xrange("clicks")[3][0]
        redis_server.client.xdel("clicks", fourth)

        bodies, after = read_all(source, after, 2)
        assert bodies == numbered(4, 6)

        redis_server.forget()
        redis_server.publish(*numbered(6, 7))
        assert source.read(after, 0.1).bodies == tuple(numbered(6, 7))


def test_an_entry_without_a_body_is_an_empty_message(redis_server):
    with closing(redis_server.source()) as source:
        redis_server.client.xadd("clicks", {"text": "x"})

        assert source.read(None, 0.1).bodies == (b"",)
