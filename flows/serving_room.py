"""Calls the serving room's own command: flows and serving import nothing of each other.

Packaging and replay run in a child process anyway (BentoML changes folder, environment and memory
of the process it lives in); what crosses is one JSON object each way.
"""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from sluice.child import child_command
from sluice.errors import IntegrityError, SluiceError, no_room
from sluice.flows.workplace import Workplace

_SECONDS = 600


def ask_serving(
    workplace: Workplace,
    command: str,
    request: Mapping[str, Any],
    *,
    seconds: float = _SECONDS,
) -> dict[str, Any]:
    """Run `python -m serving COMMAND`, the request on its standard input, and read its answer.

    Args:
        workplace: whose settings the child gets.
        command: of the serving room.
        request: JSON.
        seconds: after which it is ended.

    Raises:
        IntegrityError: the release was refused.
        SluiceError: the command failed; the message is its own.
    """
    done = subprocess.run(
        child_command("sluice.serving", command),
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=workplace.settings.child_environment(),
    )
    if done.returncode == IntegrityError.exit_code:
        raise IntegrityError(_last_line(done.stderr))
    if done.returncode != 0:
        if full := no_room(done.stderr):
            raise full
        raise SluiceError(f"serving {command} failed: {_last_line(done.stderr)}")
    return json.loads(done.stdout)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2] or "it said nothing"
