"""Overload: what is too much is refused at once, and the short does not wait for the long."""

import asyncio
import threading
import time

import pytest

from sluice.serving.lanes import Bounds, Lane, LaneRules, Lanes
from sluice.serving.problem import Code, Rejected
from tests.lib.http_service import JSON, InProcess, twin_app
from tests.lib.twin_server import TwinServer

SMALL = b'{"user_id":"user1","candidates":["item1"]}'
LARGE = (
    b'{"user_id":"user1","candidates":["'
    + b'","'.join(b"%d" % n for n in range(10_000))
    + b'"]}'
)


async def ask(app, body, path="/rank"):
    """Status and end (by the loop's clock) of one request, straight through ASGI."""
    status = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        if message["type"] == "http.response.start":
            status.append(message["status"])

    headers = [(name.encode(), value.encode()) for name, value in JSON.items()]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await app(scope, receive, send)
    return status[0], time.perf_counter()


async def open_loop(app, rate, seconds):
    """(status, seconds from when it was due) of requests that come at a rate, answered or not."""
    begun, answers = time.perf_counter(), []

    async def one(due):
        status, ended = await ask(app, SMALL)
        answers.append((status, ended - due))

    async with asyncio.TaskGroup() as group:
        for nth in range(int(rate * seconds)):
            due = begun + nth / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(due))
    return answers


async def peak_of(app, seconds):
    """Answers a second while four clients ask one request after the other: what this machine can."""
    until, answered = time.perf_counter() + seconds, []

    async def client():
        while time.perf_counter() < until:
            answered.append((await ask(app, SMALL))[0])

    await asyncio.gather(*(client() for _ in range(4)))
    return answered.count(200) / seconds


def goodput(answers, seconds):
    return sum(status == 200 and late <= 1.0 for status, late in answers) / seconds


def test_at_five_times_capacity_as_much_is_answered_as_at_the_peak():
    app = twin_app(TwinServer(work_seconds=0.01))
    peak = asyncio.run(peak_of(app, seconds=1))
    answers = asyncio.run(open_loop(app, rate=500, seconds=3))
    refused = [late for status, late in answers if status == 503]

    assert len(answers) == 1500
    assert goodput(answers, 3) >= 0.8 * peak
    assert {status for status, _ in answers} == {200, 503}
    assert sorted(refused)[len(refused) // 2] < 0.1


def test_without_the_worker_thread_that_load_is_not_borne(monkeypatch):
    monkeypatch.setattr(Lanes, "_is_calm", lambda _: True)
    app = twin_app(TwinServer(work_seconds=0.01))
    peak = asyncio.run(peak_of(app, seconds=1))

    assert goodput(asyncio.run(open_loop(app, rate=500, seconds=3)), 3) < 0.8 * peak


def test_a_small_request_beside_fifty_large_ones_is_answered_within_a_second():
    app = twin_app(TwinServer(seconds_per_candidate=1e-5))  # 0.1 s for a large one

    async def beside():
        async with asyncio.TaskGroup() as group:
            large = [group.create_task(ask(app, LARGE)) for _ in range(50)]
            await asyncio.sleep(0.3)
            begun = time.perf_counter()
            status, ended = await ask(app, SMALL)
        return status, ended - begun, [task.result()[0] for task in large]

    status, seconds, others = asyncio.run(beside())

    assert status == 200
    assert seconds < 1.0
    assert set(others) == {200, 503}
    assert others.count(200) >= 10


def test_time_spent_waiting_is_in_the_histogram():
    twin = TwinServer(work_seconds=0.02)
    app = twin_app(twin)

    async def many():
        await asyncio.gather(*(ask(app, SMALL) for _ in range(30)))

    asyncio.run(many())

    assert twin.telemetry.seconds > 2 * 30 * 0.02


def test_what_is_shed_is_counted_and_says_when_to_come_back():
    twin = TwinServer(seconds_per_candidate=1e-5)
    bounds = {lane: Bounds(1, 10_000, 5.0) for lane in Lane}
    app = twin_app(twin, Lanes(LaneRules(bounds)))

    async def three():
        return await asyncio.gather(*(ask(app, LARGE) for _ in range(3)))

    assert sorted(status for status, _ in asyncio.run(three())) == [200, 503, 503]
    assert twin.telemetry.shed == 2
    assert twin.telemetry.rejected[Code.OVERLOADED] == 2


def test_a_full_lane_refuses_unread():
    bounds = {lane: Bounds(4, 1_000, 5.0) for lane in Lane}
    app = twin_app(TwinServer(work_seconds=0.002), Lanes(LaneRules(bounds, calm=-1.0)))

    async def unread():
        pytest.fail("the body was read")

    async def beside_four():
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            busy = [group.create_task(ask(app, SMALL)) for _ in range(4)]
            while not app.lanes.shut:
                await asyncio.sleep(0)
            sent = []

            async def send(message):
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": "/rank", "headers": []}
            await app(scope, unread, send)
        return sent[0], [task.result()[0] for task in busy], (await ask(app, SMALL))[0]

    refusal, others, afterwards = asyncio.run(beside_four())

    assert refusal["status"] == 503
    assert (b"retry-after", b"1") in refusal["headers"]
    assert others == [200] * 4
    assert afterwards == 200


def test_a_full_lane_stays_shut_until_it_drained():
    shut = []

    async def four():
        bounds = {lane: Bounds(4, 1_000, 5.0) for lane in Lane}
        lanes = Lanes(LaneRules(bounds, calm=-1.0, reopened=0.5))
        work = [lanes.rank(lambda: shut.append(lanes.shut), 1) for _ in range(4)]
        await asyncio.gather(*work)

    asyncio.run(four())

    assert shut == [True, True, False, False]


def test_one_piece_is_let_in_whatever_its_size():
    async def one():
        lanes = Lanes(LaneRules({lane: Bounds(1, 10, 5.0) for lane in Lane}))
        return await lanes.rank(lambda: "done", 5_000)

    assert asyncio.run(one()) == "done"


def test_who_waited_too_long_is_refused():
    rules = LaneRules({lane: Bounds(10, 10**6, 0.05) for lane in Lane})

    async def two():
        lanes = Lanes(rules)
        first = asyncio.create_task(lanes.take(lambda: time.sleep(0.2), 1))
        await asyncio.sleep(0)
        with pytest.raises(Rejected) as refusal:
            await lanes.take(lambda: "late", 1)
        await first
        return refusal.value

    assert asyncio.run(two()).code is Code.OVERLOADED


def test_neither_small_nor_large_work_starves_the_other():
    order = []

    async def mixed():
        lanes = Lanes()
        async with asyncio.TaskGroup() as group:
            group.create_task(lanes.rank(lambda: time.sleep(0.02), 10_000))
            await asyncio.sleep(0)
            for _ in range(2):
                group.create_task(lanes.rank(lambda: order.append("large"), 10_000))
            for _ in range(40):
                group.create_task(lanes.rank(lambda: order.append("small"), 10))

    asyncio.run(mixed())

    assert order[:16] == ["small"] * 16
    assert order[16] == "large"
    assert order.count("small") == 40
    assert len(order) == 42


def test_one_ranking_and_one_intake_are_in_hand_at_a_time_and_errors_reach_who_asked():
    ranking, taking = threading.Semaphore(1), threading.Semaphore(1)

    def alone(inside):
        assert inside.acquire(blocking=False), "two at a time"
        time.sleep(0.002)
        inside.release()

    def broken():
        raise ValueError("broken")

    async def many():
        lanes = Lanes()
        ranks = [
            lanes.rank(lambda: alone(ranking), 10 if nth % 2 else 5_000)
            for nth in range(20)
        ]
        takes = [lanes.take(lambda: alone(taking), 1) for _ in range(20)]
        await asyncio.gather(*ranks, *takes)
        with pytest.raises(ValueError, match="broken"):
            await lanes.take(broken, 1)
        assert set(lanes.waiting().values()) == {0}

    asyncio.run(many())


def test_after_its_end_the_thread_is_gone_and_work_goes_on_in_another():
    def threads():
        return [thread for thread in threading.enumerate() if thread.name == "events"]

    async def twice():
        lanes = Lanes()
        first = await lanes.take(threading.get_ident, 1)
        (thread,) = [thread for thread in threads() if thread.ident == first]
        lanes.close()
        thread.join(5)
        second = await lanes.take(threading.current_thread, 1)
        lanes.close()
        second.join(5)
        return thread, second

    assert not any(thread.is_alive() for thread in asyncio.run(twice()))


def test_work_of_a_client_that_went_away_is_left_out():
    done = []

    async def leave():
        lanes = Lanes()
        first = asyncio.create_task(lanes.take(lambda: time.sleep(0.05), 1))
        await asyncio.sleep(0)
        second = asyncio.create_task(lanes.take(lambda: done.append(2), 1))
        await asyncio.sleep(0)
        second.cancel()
        await first
        await lanes.take(lambda: done.append(3), 1)
        return lanes.waiting()

    assert set(asyncio.run(leave()).values()) == {0}
    assert done == [3]


def test_rankings_go_on_while_events_wait_for_the_disk():
    disk = threading.Event()

    async def both():
        lanes = Lanes()
        taking = asyncio.create_task(lanes.take(lambda: disk.wait(5), 1))
        await asyncio.sleep(0)
        answers = [await lanes.rank(lambda: "ranked", size) for size in (10, 5_000)]
        disk.set()
        return answers, await taking

    assert asyncio.run(both()) == (["ranked", "ranked"], True)


def test_a_batch_answers_each_of_its_requests_in_its_place():
    twin = TwinServer()
    good = {"user_id": "user1", "candidates": ["item2", "item1"]}
    bad = good | {"candidates": ["a", "a"]}
    with asyncio.Runner() as runner:
        answer = InProcess(runner, twin_app(twin)).post(
            "/rank/batch",
            {"requests": [good | {"request_id": "1"}, bad, 7, good | {"request_id": "2"}]},
        )
    first, second, third, fourth = answer.json()["answers"]

    assert answer.status_code == 200
    assert (first["request_id"], fourth["request_id"]) == ("1", "2")
    assert [item["item_id"] for item in first["items"]] == ["item1", "item2"]
    assert second["error"]["field"] == "candidates[1]"
    assert (second["status"], third["error"]["code"]) == (422, "wrong_type")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"requests": {}}, 422),
        ({"requests": [], "more": 1}, 422),
        ({"requests": [1] * 101}, 413),
        ({"requests": [{"user_id": "u", "candidates": [str(n) for n in range(5001)]}] * 2}, 413),
        ({"requests": []}, 200),
    ],
)  # fmt: skip
def test_a_batch_that_is_none_or_too_large_is_refused_whole(body, status):
    with asyncio.Runner() as runner:
        service = InProcess(runner, twin_app(TwinServer()))
        assert service.post("/rank/batch", body).status_code == status
