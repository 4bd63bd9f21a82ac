"""A real Chromium for tests: the machine's own where it has one, else the one Playwright brought."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

WAIT_MS = 30_000

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium(playwright: Any) -> dict[str, Any]:
    """Arguments that launch Chromium; skips the test where there is none."""
    own = shutil.which("chromium") or shutil.which("chromium-browser")
    if own:
        return {"executable_path": own, "args": list(_QUIET)}
    if not Path(playwright.chromium.executable_path).is_file():
        pytest.skip(
            "no chromium on the PATH, and `playwright install chromium` was not run"
        )
    return {"args": list(_QUIET)}


@dataclass
class Browser:
    """One empty profile, and whom its pages asked for anything."""

    process: Any
    context: Any
    hosts: set[str] = field(default_factory=set)
    """Host and port of every request, answered or not."""

    @classmethod
    def new(cls, process: Any, signed_in: tuple[str, str] | None = None) -> "Browser":
        """An empty profile; with a name and a password for pages that ask for them."""
        keys = ("username", "password")
        credentials = dict(zip(keys, signed_in, strict=True)) if signed_in else None
        screen = {"width": 1400, "height": 1000}
        return cls(
            process, process.new_context(viewport=screen, http_credentials=credentials)
        )

    def open(self, address: str) -> Any:
        """A new page at the address."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("request", lambda request: self._note(request.url))
        page.goto(address)
        return page

    def _note(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in {"http", "https", "ws", "wss"}:
            self.hosts.add(parts.netloc)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """A headless Chromium; skips the test where there is none."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed"
    )
    with sync_api.sync_playwright() as playwright:
        process = playwright.chromium.launch(**chromium(playwright))
        try:
            yield Browser.new(process)
        finally:
            process.close()
