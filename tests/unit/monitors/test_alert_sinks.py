"""Alerts as real receivers on loopback get them."""

import json
import ssl
import stat
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller

from sluice.alert_spec import AlertSpec, EmailSink, LogSink, WebhookSink
from sluice.errors import ConfigError, SluiceError
from sluice.monitors.alerts.alert import Alert, Kind, Severity
from sluice.monitors.alerts.sinks import sink
from sluice.monitors.alerts.windows import Standing
from sluice.serving.running import free_port

SECRET = "s3cr3t-path"
ALERT = Alert(
    surface="feed", kind=Kind.DRIFT, standing=Standing.OPEN, severity=Severity.WARNING,
    owner="ann", since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 3, tzinfo=UTC),
    windows=2, reason="5 of 7 features drifted, <more> than 30 %", where=("item.ctr.1h",),
    command="sluice champion diff feed", page="Evidently",
)  # fmt: skip


@contextmanager
def receiver(status=200):
    """An HTTP server, and what was posted to it."""
    posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["content-length"])
            posted.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            del arguments

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], posted
        server.shutdown()
        thread.join()


def address_in(home, address, mode=0o600):
    file = home / "credentials" / "hook"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{address}\n")
    file.chmod(mode)


def hook(form="json"):
    return WebhookSink(kind="webhook", address_file="hook", form=form)


def test_a_webhook_gets_the_alert(tmp_path):
    with receiver() as (port, posted):
        address_in(tmp_path, f"http://127.0.0.1:{port}/{SECRET}")
        sink(hook(), tmp_path)(ALERT)
        ((path, body),) = posted

    assert path == f"/{SECRET}"
    assert body == json.loads(json.dumps(ALERT.to_json()))
    assert (body["surface"], body["kind"], body["standing"]) == ("feed", "drift", "open")


def test_slack_gets_a_message_with_its_marks_written_out(tmp_path):
    with receiver() as (port, posted):
        address_in(tmp_path, f"http://127.0.0.1:{port}/x")
        sink(hook("slack"), tmp_path)(ALERT)
        ((_, body),) = posted

    assert body.keys() == {"text"}
    assert body["text"].startswith("*warning: drift of feed since 2026-01-02 00:00 UTC*\n")
    assert "&lt;more&gt;" in body["text"]
    assert "type: sluice champion diff feed" in body["text"]


def test_a_webhook_that_refuses_is_an_error_without_its_address(tmp_path):
    with receiver(500) as (port, _):
        address_in(tmp_path, f"http://127.0.0.1:{port}/{SECRET}")
        with pytest.raises(SluiceError, match="answered 500") as refused:
            sink(hook(), tmp_path)(ALERT)
    with pytest.raises(SluiceError, match="ConnectError") as gone:
        sink(hook(), tmp_path)(ALERT)

    assert SECRET not in f"{refused.value}{gone.value}"
    assert gone.value.__suppress_context__


@pytest.mark.parametrize(
    ("address", "mode", "why"),
    [
        ("http://127.0.0.1:1/x", 0o640, "others may read it"),
        ("", 0o600, "is empty"),
        ("ftp://127.0.0.1/x", 0o600, "holds no http address"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path, address, mode, why):
    address_in(tmp_path, address, mode)

    with pytest.raises(ConfigError, match=why):
        sink(hook(), tmp_path)(ALERT)


class Inbox:
    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        del server, session
        self.messages.append(envelope)
        return "250 taken"


@pytest.fixture
def mail():
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.server.sockets[0].getsockname()[1], inbox
    finally:
        controller.stop()


def test_a_mail_says_what_since_when_and_what_to_do(mail, tmp_path):
    port, inbox = mail
    declared = EmailSink(
        kind="email", host="127.0.0.1", port=port, sender="sluice@example.org",
        to=("ann@example.org", "on-call@example.org"), tls=False,
    )  # fmt: skip
    sink(declared, tmp_path)(ALERT)
    (message,) = inbox.messages

    assert message.rcpt_tos == ["ann@example.org", "on-call@example.org"]
    text = message.content.decode()
    assert "Subject: warning: drift of feed since 2026-01-02 00:00 UTC" in text
    assert "type: sluice champion diff feed" in text


def test_a_mail_is_not_sent_without_tls_where_it_is_declared(mail, tmp_path):
    port, inbox = mail
    declared = EmailSink(
        kind="email",
        host="127.0.0.1",
        port=port,
        sender="a@example.org",
        to=("b@example.org",),
    )

    with pytest.raises(SluiceError, match=r"Cannot send an alert by 127\.0\.0\.1"):
        sink(declared, tmp_path)(ALERT)
    assert inbox.messages == []
    assert ssl.create_default_context().check_hostname


def test_the_log_gets_a_line_that_only_its_owner_reads(tmp_path):
    deliver = sink(LogSink(), tmp_path)
    deliver(ALERT)
    deliver(ALERT)
    file = tmp_path / "logs" / "alerts.log"

    assert [json.loads(line)["kind"] for line in file.read_text().splitlines()] == [
        "drift"
    ] * 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "declared",
    [
        {"bad": 3, "windows": 2},
        {"bad": 0},
        {"sinks": [{"kind": "pager"}]},
        {"sinks": [{"kind": "webhook"}]},
        {"sinks": [{"kind": "email", "host": "h", "sender": "no address", "to": ["a@b"]}]},
        {"sinks": [{"kind": "email", "host": "h", "sender": "a@b", "to": []}]},
        {"sinks": [{"kind": "email", "host": "h", "sender": "a@b", "to": ["a@b"], "user": "u"}]},
        {"sinks": [{"kind": "email", "host": "h", "sender": "a@b", "to": ["a@b"], "user": "u",
                    "password_file": "p", "tls": False}]},
    ],
)  # fmt: skip
def test_what_cannot_be_an_alert_is_refused(declared):
    with pytest.raises(ValueError, match=r"alert|Alert"):
        AlertSpec.model_validate(declared)
