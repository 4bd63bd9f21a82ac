"""A running `sluice ui`, and pictures of what its pages show."""

import base64
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lib.installations import Installation

START_SECONDS = 180


@dataclass(frozen=True)
class Open:
    """A running `sluice ui`."""

    process: "subprocess.Popen[str]"
    urls: dict[str, str]
    sign_in: dict[str, str]
    """By program, the address that signs a browser in."""
    home: Path

    @property
    def prefect_auth(self) -> tuple[str, str]:
        """User and secret of Prefect's API, out of the address."""
        _, _, encoded = self.sign_in["prefect"].partition("#")
        user, _, secret = base64.b64decode(encoded).decode().partition(":")
        return user, secret


def started(installation: Installation, *options: str) -> Open:
    """`sluice ui`, once all three servers are up."""
    process = installation.start("ui", "--json", *options)
    assert process.stdout
    until, said = time.monotonic() + START_SECONDS, ""
    while time.monotonic() < until and not said.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said += line
    urls = json.loads(said)
    return Open(process, urls, urls.pop("sign_in"), installation.home)


def shot(page: Any, name: str) -> None:
    """Leave a picture of the page in the folder SLUICE_SCREENSHOTS, where that is set."""
    if folder := os.environ.get("SLUICE_SCREENSHOTS"):
        page.wait_for_timeout(600)  # until what slides in has arrived
        page.screenshot(path=Path(folder) / f"{name}.png")
