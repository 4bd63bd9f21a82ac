"""What a replay makes of several rounds: the quickest one's latency, and every round's errors."""

import os
from functools import partial

import httpx
import pytest

from sluice.features.state.feature_state import Request
from sluice.serving import replay as replaying
from sluice.serving.golden import GoldenRequest

GOLDEN = [GoldenRequest(Request("user1", ("item1",), 1), (0.5,), (0,))] * 4
RELEASE = "a" * 64


@pytest.fixture
def server(monkeypatch):
    """Answers in as many milliseconds as it is told, one after the other; a negative one is an error."""

    def of(*milliseconds):
        coming = iter(milliseconds)

        def answer(*_):
            ms = next(coming)
            return replaying._Answer(
                ok=ms > 0, matched=ms > 0, agreed=ms > 0, seconds=abs(ms) / 1000
            )

        ready = httpx.MockTransport(
            lambda _: httpx.Response(200, json={"release": RELEASE})
        )
        monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=ready))
        monkeypatch.setattr(replaying, "_ask", answer)
        return partial(replaying.replay, "http://server", os.getpid(), RELEASE, GOLDEN)

    return of


def test_the_latency_is_of_the_quickest_round(server):
    ask = server(9, 9, 9, 90, 1, 2, 2, 3, 2, 2, 2, 80)
    report = ask(warm_up=0, rounds=3)

    assert (report.requests, report.rounds, report.errors) == (4, 3, 0)
    assert report.p50_ms == pytest.approx(2.0)
    assert 2.9 < report.p99_ms <= 3.0
    assert report.release_agreed


def test_an_error_in_any_round_counts(server):
    report = server(1, 1, 1, 1, 5, 5, -5, 5)(warm_up=0, rounds=2)

    assert (report.errors, report.mismatches) == (1, 0)
    assert not report.release_agreed


def test_what_warms_up_counts_for_nothing(server):
    report = server(-50, -50, 1, 1, 1, 1)(warm_up=2, rounds=1)

    assert (report.warm_up, report.errors, report.p99_ms) == (2, 0, pytest.approx(1.0))
