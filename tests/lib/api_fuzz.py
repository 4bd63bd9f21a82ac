"""Schemathesis against the app over the port's twin: what the contract says is what it does."""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sluice.serving.hosts import HostCheck
from tests.lib.http_service import twin_app
from tests.lib.live_server import served
from tests.lib.twin_server import TwinServer

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)
"""All but `positive_data_acceptance`: some rules between fields no schema can say, such as as many
numbers as there are candidates."""

CONFIG = """
[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "408", "413", "415", "421", "422"]
"""
"""Too much is refused with 413, which Schemathesis does not think of."""


@dataclass(frozen=True)
class FuzzRun:
    """What one seed found."""

    seed: int
    cases: int
    statuses: dict[int, int]
    violations: int
    output: str

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


class Counted:
    """Counts the answers of an app by status."""

    def __init__(self, app):
        self._app, self.statuses = app, Counter()

    async def __call__(self, scope, receive, send):
        async def counting(message):
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counting)


def fuzz(seed, examples, phases="examples,coverage,fuzzing", app=None):
    """One run; `examples` is the most for each operation and phase."""
    counted = Counted(app or HostCheck(twin_app(TwinServer())))
    with served(counted) as url, tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "schemathesis.toml")
        config.write_text(CONFIG)
        run = subprocess.run(
            [
                Path(sys.executable).with_name("st"),
                f"--config-file={config}",
                "run",
                f"{url}/openapi.json",
                f"--checks={','.join(CHECKS)}",
                f"--phases={phases}",
                f"--seed={seed}",
                f"--max-examples={examples}",
                "--suppress-health-check=all",
                "--continue-on-failure",
                "--no-shrink",
                "--warnings=off",
                "--no-color",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,  # it keeps files of its own where it runs
        )
    return FuzzRun(
        seed,
        sum(counted.statuses.values()),
        dict(sorted(counted.statuses.items())),
        violations_in(run),
        run.stdout + run.stderr,
    )


def violations_in(run):
    """Distinct failures; a run that did not come to its end counts as one."""
    found = re.search(r"(\d+) unique failures?", run.stdout)
    if found:
        return int(found[1])
    return 0 if run.returncode == 0 else 1
