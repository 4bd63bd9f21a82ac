"""What stands before the routes: tokens where a file of them is named, else the names of loopback alone."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.types import ASGIApp

from sluice.serving.address import TOKENS
from sluice.serving.hosts import HOSTS, HostCheck, declared_hosts
from sluice.serving.tokens import TokenCheck


def guarded(app: ASGIApp, environ: Mapping[str, str] = os.environ) -> ASGIApp:
    """The app behind its guard.

    A page that rebinds its own name to this machine has no token, so with tokens any name may be asked:
    a service behind a proxy is asked by the proxy's.

    Raises:
        ConfigError: the file of tokens is not fit.
    """
    if tokens := environ.get(TOKENS):
        return TokenCheck(app, Path(tokens))
    return HostCheck(app, declared_hosts(environ.get(HOSTS, "")))
