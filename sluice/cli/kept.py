"""`python -m sluice.cli.kept VARIABLES MODULE ...`: runs a server, and ends all that it started when it ends.

supervisord starts again what died, and knows that one process only: a server that was killed would leave
workers behind, which hold its port, so that it never comes up again.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from sluice.child import child_command
from sluice.cli.programs import until_stopped
from sluice.serving.processes import end_sessions

_PATIENCE_SECONDS = 20.0
_STOPPED = 0


def main(variables: str, module: str, *arguments: str) -> int:
    """Run it until it ends or this process is stopped; its exit code, 0 where it was stopped.

    Args:
        variables: file of JSON, name to value, that the server gets beside this process's own.
        module: of the server.
        arguments: of the server.
    """
    own = json.loads(Path(variables).read_text())
    server = subprocess.Popen(
        child_command(module, *arguments),
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    code = _STOPPED
    try:
        with until_stopped():
            code = server.wait()
    finally:
        end_sessions([server.pid], _PATIENCE_SECONDS)
        server.wait()
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
