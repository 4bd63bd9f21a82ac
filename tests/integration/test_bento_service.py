"""A real Bento, built and served by BentoML's own programs."""

import asyncio
import os
import shutil
import signal
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

from sluice.data.schema import FeedbackKind
from sluice.errors import IntegrityError, NotFound
from sluice.features.state.replay import replay as replay_log
from sluice.flows.logged_slates import logged_slates
from sluice.mechanisms.arrangement import Arrangement
from sluice.mechanisms.spec import Calibration, Mmr
from sluice.registry.pointer import Pointer, write_pointer
from sluice.serving.bento import build_bento
from sluice.serving.prediction_reader import read_predictions
from sluice.serving.processes import tree, wait_gone
from sluice.serving.release import open_release
from sluice.serving.replay import replay
from sluice.serving.running import serve
from tests.lib.releases import (
    END,
    ITEM_IDS,
    TELLING,
    arranged_scorer,
    described_log,
    release_of,
    small_release,
)

pytestmark = pytest.mark.integration

GOOD = {"user_id": "user1", "candidates": ["item01", "item02", "item03"], "ts": END}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Below a hidden folder with a space in its name, as `.sluice` in "My Projects" would be."""
    return tmp_path_factory.mktemp("my projects") / ".sluice"


@pytest.fixture(scope="module")
def bento(home):
    digest = small_release(home / "releases")
    return build_bento(home / "releases" / digest, digest, home / "bentoml")


@pytest.fixture(scope="module")
def running(bento, home):
    log = home / "logs" / "serve.log"
    with serve(bento, home, log=log) as server:
        yield server
        family = tree(server.pid)
    assert b"ranking" in log.read_bytes()
    assert len(family) > 1
    assert not any(process.alive for process in family)


def listening(port):
    """Addresses in /proc/net that accept connections on a port."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        row[1].rpartition(":")[0]
        for row in rows
        if row[3] == "0A" and row[1].endswith(f":{port:04X}")
    }


def test_the_tag_names_surface_and_release(bento):
    assert bento.tag == f"for_you:{bento.release[:16]}"
    assert (bento.folder / "bento.yaml").is_file()
    assert "bentoml==" in (bento.folder / "env" / "python" / "requirements.txt").read_text()


def test_building_again_reuses_what_is_there(bento, home):
    before = bento.folder.stat().st_mtime_ns

    assert (
        build_bento(home / "releases" / bento.release, bento.release, bento.home) == bento
    )
    assert bento.folder.stat().st_mtime_ns == before


def test_it_ranks_and_says_which_release_did(running, bento):
    answer = httpx.post(f"{running.url}/rank", json=GOOD)

    assert answer.status_code == 200
    assert answer.json()["release"] == bento.release == running.release
    assert [item["position"] for item in answer.json()["items"]] == [1, 2, 3]


def test_its_routes_are_ours_alone(running, bento):
    found = {
        path: httpx.get(f"{running.url}{path}")
        for path in (
            "/livez",
            "/readyz",
            "/metrics",
            "/",
            "/docs.json",
            "/schema.json",
            "/healthz",
        )
    }

    assert {path: answer.status_code for path, answer in found.items()} == {
        "/livez": 200, "/readyz": 200, "/metrics": 200,
        "/": 404, "/docs.json": 404, "/schema.json": 404, "/healthz": 404,
    }  # fmt: skip
    ready = found["/readyz"].json()
    # It answers; that the log it was built from ended long ago it says itself.
    assert (ready["status"], ready["release"]) == ("degraded", bento.release)
    assert ready["reasons"] == ["stale_state"]
    assert f'digest="{bento.release}"' in found["/metrics"].text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"user_id":"u","candidates":[],"ts":NaN}', "application/json", 422),
        (b"\x80\x04N.", "application/vnd.bentoml+pickle", 415),
        (b" " * (1 << 21), "application/json", 413),
    ],
)
def test_bad_input_gets_our_answer_through_the_whole_stack(running, content, kind, status):
    answer = httpx.post(
        f"{running.url}/rank", content=content, headers={"content-type": kind}
    )

    assert (answer.status_code, set(answer.json())) == (status, {"error"})


def test_a_chunked_body_without_end_is_cut_off_at_the_cap(running):
    url = httpx.URL(running.url)
    head = (
        b"POST /rank HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port), timeout=10) as client:
        client.sendall(head)
        sent = 0
        try:
            while sent < 50 << 20:
                client.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                sent += 65_536
        except OSError:
            pass
        # What was received before the connection was reset may be lost, the cut itself may not.
        assert sent < 10 << 20
    assert httpx.get(f"{running.url}/livez").status_code == 200


def test_it_listens_on_loopback_only(running):
    assert listening(httpx.URL(running.url).port) == {"0100007F"}


def test_the_golden_requests_replay_bit_for_bit(running, bento):
    golden = open_release(bento.packaged, bento.release).golden
    report = replay(running.url, running.pid, running.release, golden)

    assert (report.requests, report.mismatches, report.errors) == (len(golden), 0, 0)
    assert (report.warm_up, report.rounds) == (10, 3)
    assert report.release_agreed
    assert 0 < report.p50_ms <= report.p99_ms
    assert 50 < report.memory_mb < 2000


def test_a_replay_sees_another_release_and_another_score(running, bento, pristine_other):
    golden = open_release(*pristine_other).golden
    report = replay(running.url, running.pid, pristine_other[1], golden, warm_up=0)

    assert report.mismatches > 0
    assert not report.release_agreed


ARRANGED = Arrangement(
    declared=(
        Mmr(kind="mmr", weight=0.4),
        Calibration(kind="calibration", weight=0.5, min_history=1.0),
    )
)


def judged_order(scorer, user, ts):
    """Item ids as the offline evaluation orders them, had this person's request been logged."""
    tables = described_log()
    asked = tables.exposures[: len(ITEM_IDS)].with_columns(
        request_id=pl.lit("asked"), user_id=pl.lit(user), item_id=pl.Series(ITEM_IDS),
        ts=pl.lit(ts).cast(pl.Datetime("us", "UTC")), position=pl.lit(None, pl.Int32),
    )  # fmt: skip
    tables = replace(tables, exposures=pl.concat([tables.exposures, asked]))
    frame = replay_log(TELLING, FeedbackKind.CLICK, tables).frame
    last = frame.take(frame.requests - 1, frame.requests)
    slates = logged_slates(
        last, tables, scorer.ranker.score(last.features), TELLING, ARRANGED.columns
    )
    return [ITEM_IDS[row] for row in np.argsort(-ARRANGED.places(slates), kind="stable")]


def test_it_serves_what_reads_vectors_and_interest_as_it_is_judged_offline(tmp_path):
    scorer = arranged_scorer(ARRANGED)
    digest = release_of(scorer, tmp_path / "releases")
    made = build_bento(tmp_path / "releases" / digest, digest, tmp_path / "bentoml")
    golden = open_release(made.packaged, digest).golden
    with serve(made, tmp_path) as server:
        report = replay(server.url, server.pid, server.release, golden)
        body = {"user_id": "user3", "candidates": list(ITEM_IDS), "ts": END + 1}
        served = httpx.post(f"{server.url}/rank", json=body).json()["items"]

    scores = [item["score"] for item in served]
    assert (report.requests, report.mismatches, report.errors) == (len(golden), 0, 0)
    assert [item["item_id"] for item in served] == judged_order(scorer, "user3", END + 1)
    assert scores != sorted(scores, reverse=True)


@pytest.fixture(scope="module")
def pristine_other(tmp_path_factory):
    into = tmp_path_factory.mktemp("other")
    digest = small_release(into, 2, "item.exposure.24h")
    return into / digest, digest


def test_a_flipped_bit_in_the_bento_is_refused_and_nothing_stays_running(
    bento, home, tmp_path
):
    copied = shutil.copytree(bento.home, tmp_path / "store")
    broken = type(bento)(copied, bento.surface, bento.release)
    path = broken.packaged / "state" / "state.npz"
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    before = {process.pid for process in tree(os.getpid())}

    with pytest.raises(IntegrityError, match=r"state/state\.npz"), serve(broken, home):
        pytest.fail("it serves a release that was changed")
    with pytest.raises(IntegrityError, match=r"state/state\.npz"):
        build_bento(home / "releases" / bento.release, bento.release, copied)

    assert {process.pid for process in tree(os.getpid())} <= before


@pytest.mark.faults
def test_a_worker_does_not_outlive_its_killed_supervisor(bento, tmp_path):
    with serve(bento, tmp_path) as server:
        family = tree(server.pid)
        httpx.post(f"{server.url}/rank", json=GOOD)
        family[0].send(signal.SIGKILL)

        assert len(family) > 1
        assert wait_gone(family, 10.0)
    assert len(read_predictions(tmp_path / "predictions" / "for_you").predictions) == 1


def test_it_follows_the_champion_and_drops_no_request_on_a_swap(
    bento, home, pristine_other
):
    folder, other = pristine_other
    if not (home / "releases" / other).exists():
        shutil.copytree(folder, home / "releases" / other)
    write_pointer(home / "serving", Pointer("for_you", 1, bento.release, 1))

    async def until_swapped(url):
        seen = []
        async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(60):
            write_pointer(home / "serving", Pointer("for_you", 2, other, 2))
            while not seen or seen[-1] != (200, other, 2):
                answer = await client.post("/rank", json=GOOD)
                body = answer.json()
                seen.append((answer.status_code, body.get("release"), body.get("epoch")))
        return seen

    with serve(bento, home, environ={"SLUICE_SURFACE": "for_you"}) as server:
        seen = asyncio.run(until_swapped(server.url))

    assert set(seen) == {(200, bento.release, 1), (200, other, 2)}


def test_a_server_of_a_surface_without_a_champion_says_so(bento, tmp_path):
    with (
        pytest.raises((IntegrityError, NotFound), match="no champion yet"),
        serve(bento, tmp_path, environ={"SLUICE_SURFACE": "for_you"}),
    ):
        pytest.fail("it serves without a champion")
