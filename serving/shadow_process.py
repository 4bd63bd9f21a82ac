"""The process of a shadow: `python -m sluice.serving.shadow_process`, ended by the end of its standard input."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sluice.child import child_command
from sluice.data.event_log import EventLog
from sluice.serving.live_state import LiveState
from sluice.serving.release import open_release
from sluice.serving.shadow import Command, Shadow
from sluice.serving.shadow_files import ShadowFiles, shadow_folder
from sluice.serving.shadow_job import frames
from sluice.serving.shadow_scoring import ShadowScoring
from sluice.settings import Settings

SHADOW = "SLUICE_SHADOW"
"""Variable that names the release of the shadow."""

_NICE = 10
"""Whoever answers goes first."""
_WAIT_SECONDS = 1.0


def shadow_command(
    folder: Path,
    release: Path,
    log: Path,
    *,
    max_bytes: int = 1 << 30,
    write_seconds: float = 30.0,
) -> Command:
    """The command of a shadow's process.

    Args:
        folder: of its rows, see `shadow_files.shadow_folder`.
        release: folder named by the digest that the store has of the version.
        log: root of the event log that its state follows.
        max_bytes: of all rows; the oldest go first.
        write_seconds: between two writes.
    """

    def command(name: str) -> Sequence[str]:
        options = {
            "folder": folder, "release": release, "log": log, "name": name,
            "max-bytes": max_bytes, "write-seconds": write_seconds,
        }  # fmt: skip
        flags = [f"--{key}={value}" for key, value in options.items()]
        return child_command("sluice.serving.shadow_process", *flags)

    return command


def shadow_from(
    environ: Mapping[str, str], surface: str, settings: Settings
) -> Shadow | None:
    """The shadow that the environment asks for, not started yet; None where it asks for none.

    `SLUICE_SHADOW` is the digest of a release of this installation, as the store has it of a version.
    """
    digest = environ.get(SHADOW)
    if not digest:
        return None
    folder = shadow_folder(settings.home, surface, digest)
    command = shadow_command(folder, settings.releases / digest, settings.log)
    return Shadow(command, folder)


def main(arguments: Sequence[str]) -> None:
    """Score what comes over standard input until it ends."""
    parser = argparse.ArgumentParser()
    for name, kind in (
        ("folder", Path), ("release", Path), ("log", Path), ("name", str),
        ("max-bytes", int), ("write-seconds", float),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    # Ctrl-C is for whoever answers; the pipe ends with it, and what was scored is written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    files = ShadowFiles(options.folder, options.name, options.max_bytes)
    folder: Path = options.release
    scoring = ShadowScoring(
        lambda: LiveState(open_release(folder, folder.name), EventLog(options.log)),
        files,
        write_seconds=options.write_seconds,
    )
    scoring.run(frames(sys.stdin.fileno(), _WAIT_SECONDS))


if __name__ == "__main__":
    main(sys.argv[1:])
