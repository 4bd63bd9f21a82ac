"""Which names the service answers to, so that no web page can reach it by a name of its own.

A page may make its own host name point to 127.0.0.1 and then ask a service on this machine from
within the reader's browser. Such requests carry the page's host name, and are refused.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from sluice.serving.problem import Rejected
from sluice.serving.reply import error_reply

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOSTS = "SLUICE_HOSTS"
"""The variable with further names, divided by commas."""


def declared_hosts(text: str) -> frozenset[str]:
    """The names in the variable's value, in lower case."""
    return frozenset(name.strip().lower() for name in text.split(",") if name.strip())


class HostCheck:
    """Answers requests whose Host header is loopback, or one of the declared names."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 to other hosts."""
        if scope["type"] != "http" or _host(scope) in self._hosts:
            await self._app(scope, receive, send)
        else:
            error = Rejected(421, "the Host header names no host of this service")
            await error_reply(error).send(send, head=scope["method"] == "HEAD")


def _host(scope: Scope) -> str:
    """The Host header without its port; empty where there is none, or more than one."""
    sent = [value for name, value in scope["headers"] if name == b"host"]
    if len(sent) != 1:
        return ""
    host = sent[0].decode("latin-1").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
