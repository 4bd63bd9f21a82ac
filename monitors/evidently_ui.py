"""How the dashboards are opened; apart from what writes them, to start without their libraries."""

from pathlib import Path


def ui_arguments(workspace: Path, port: int) -> tuple[str, ...]:
    """Module and arguments of the server that shows the workspace on loopback.

    Start it with `DO_NOT_TRACK` set (to anything), or it reports home.
    """
    where = ("--workspace", str(workspace), "--host", "127.0.0.1", "--port", str(port))
    return ("evidently.cli", "ui", *where)
