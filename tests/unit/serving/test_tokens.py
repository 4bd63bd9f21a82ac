"""Who may ask: tokens, strangers, and names of hosts."""

import asyncio
import os
import time

import pytest

from sluice.errors import ConfigError
from sluice.serving import tokens as tokens_module
from sluice.serving.hosts import HostCheck, declared_hosts
from sluice.serving.port import Readiness, RefusalReason, Status
from sluice.serving.tokens import TokenCheck, read_tokens
from tests.lib.http_service import JSON, InProcess, twin_app
from tests.lib.twin_server import TwinServer

TOKEN, OTHER = "a1" * 32, "b2" * 32
RANK = b'{"user_id":"user1","candidates":["item1"]}'
PATHS = (
    "/rank",
    "/rank/batch",
    "/events",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/nothing",
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# who may ask\n\nshop:{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def guarded(file):
    twin = TwinServer()
    with asyncio.Runner() as runner:
        service = InProcess(runner, TokenCheck(twin_app(twin), file))
        service.twin = twin
        yield service


def bearer(token):
    return JSON | {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {OTHER}"},
        {"authorization": "Bearer shop"},
        [("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")],
    ],
)
def test_without_a_token_nothing_is_answered(guarded, path, headers):
    answer = guarded.call("POST", path, content=RANK, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["error"]["code"] == "unauthorized"
    assert guarded.twin.ranked == 0


def test_with_a_token_everything_is_answered(guarded):
    assert guarded.call("POST", "/rank", content=RANK, headers=bearer(TOKEN)).is_success
    assert guarded.call("GET", "/metrics", headers=bearer(TOKEN)).is_success


def test_strangers_learn_whether_it_lives_and_is_ready_and_no_more(guarded):
    guarded.twin.state = Readiness(
        Status.REFUSED, surface="for_you", refused=RefusalReason.DAMAGED
    )
    alive, ready = guarded.call("GET", "/livez"), guarded.call("GET", "/readyz")
    friend = guarded.call("GET", "/readyz", headers=bearer(TOKEN))

    assert alive.json() == {"status": "alive"}
    assert (ready.status_code, set(ready.json())) == (503, {"status", "error"})
    assert "damaged" not in ready.text
    assert "for_you" not in ready.text
    assert friend.json()["refused"]["code"] == "damaged"


def test_a_changed_file_counts_without_a_restart(guarded, file, monkeypatch):
    monkeypatch.setattr(tokens_module, "_LOOK_SECONDS", 0.0)
    guarded.call("GET", "/metrics", headers=bearer(TOKEN))
    file.write_text(f"other:{OTHER}\n")
    os.utime(file, ns=(time.time_ns(), time.time_ns() + 10**9))

    time.sleep(1.0)  # what was read before counts for a second
    assert guarded.call("GET", "/metrics", headers=bearer(TOKEN)).status_code == 401
    assert guarded.call("GET", "/metrics", headers=bearer(OTHER)).status_code == 200

    file.chmod(0o644)
    file.write_text(f"other:{OTHER}\nmore:{TOKEN}\n")
    assert guarded.call("GET", "/metrics", headers=bearer(OTHER)).status_code == 401


def test_the_token_itself_is_not_kept(file):
    assert TOKEN not in repr(read_tokens(file))


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (f"shop:{TOKEN}", 0o640, "others may read"),
        (f"shop:{TOKEN}", 0o604, "others may read"),
        ("", 0o600, "has none"),
        ("# nothing\n", 0o600, "has none"),
        ("shop:short", 0o600, "line 1"),
        (f"\nshop{TOKEN}", 0o600, "line 2"),
        (f":{TOKEN}", 0o600, "line 1"),
    ],
)
def test_a_file_that_gives_no_safety_is_refused(tmp_path, text, mode, message):
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(mode)

    with pytest.raises(ConfigError, match=message) as refusal:
        read_tokens(path)
    assert TOKEN not in str(refusal.value)


def test_a_fifo_a_link_and_a_missing_file_are_refused_at_once(tmp_path, file):
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "link").symlink_to(file)

    for name in ("fifo", "link", "missing"):
        with pytest.raises(ConfigError, match="Cannot read the tokens"):
            read_tokens(tmp_path / name)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:3000", 200),
        ("LOCALHOST:3000", 200),
        ("127.0.0.1:3000", 200),
        ("[::1]", 200),
        ("[::1]:3000", 200),
        ("ranker.internal:80", 200),
        ("evil.example", 421),
        ("evil.example:3000", 421),
        ("localhost.evil.example", 421),
        ("localhost:x", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_only_hosts_of_this_service_are_answered(host, status):
    app = HostCheck(twin_app(TwinServer()), declared_hosts(" ranker.internal, "))
    with asyncio.Runner() as runner:
        answer = InProcess(runner, app).call("GET", "/livez", headers={"host": host})

    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_no_answer_tells_a_path(guarded, file):
    guarded.twin.state = Readiness(Status.REFUSED, refused=RefusalReason.UNTRUSTED)
    answers = [
        guarded.call("GET", path, headers=bearer(TOKEN)) for path in ("/readyz", "/metrics")
    ]
    answers.append(guarded.call("POST", "/rank", content=RANK, headers=bearer(TOKEN)))

    assert not any(str(file.parent) in answer.text for answer in answers)
