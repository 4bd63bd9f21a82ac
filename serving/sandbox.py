"""A child process that loads a release and repeats its golden requests, so the server need not try.

Broken model text can crash, hang or exhaust the process that reads it. Here it can only cost the
child: CPU, memory, output and wall time are capped, and the parent reads nothing but scores in
hexadecimal. The child gets the bytes that were verified, and no path to read others from.
"""

import json
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from sluice.child import ROOT
from sluice.data.files import Files
from sluice.environment import bare
from sluice.serving.light_imports import hide_unasked
from sluice.serving.parcel import parcelled, unparcelled
from sluice.serving.refusal import Unfit
from sluice.serving.waiting_child import run_child

_TOLD_CHARACTERS = 400
_OUTPUT_BYTES = 64 << 20


@dataclass(frozen=True)
class Limits:
    """What the child may use before it is killed."""

    cpu_seconds: int = 120
    memory_bytes: int = 8 << 30
    """Of address space, which numerical libraries reserve far beyond what they touch."""
    wall_seconds: float = 180.0


DEFAULT_LIMITS = Limits()


def score_in_child(files: Files, limits: Limits) -> list[list[float]]:
    """Scores of the golden requests, [requests][candidates], as a fresh process computes them.

    Args:
        files: of a release, whose bytes were checked.
        limits: of the child.

    Raises:
        IntegrityError: the child crashed, ran over a limit, or found a file that cannot be loaded.
    """
    command = [
        sys.executable, "-P", "-m", "sluice.serving.sandbox",
        str(limits.cpu_seconds), str(limits.memory_bytes),
    ]  # fmt: skip
    # Files and no pipes, for what goes into a pipe is kept by the parent, however much it is.
    with parcelled(files) as parcel, TemporaryFile() as out, TemporaryFile() as err:
        try:
            code = run_child(
                command,
                env=environment(),
                stdin=parcel,
                stdout=out,
                stderr=err,
                timeout=limits.wall_seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise Unfit(
                f"{files.source}: the trial load did not end in {limits.wall_seconds:g} s"
            ) from error
        if code != 0:
            failure = _told(code, _last(err))
            raise Unfit(f"{files.source}: the trial load failed: {failure}")
        out.seek(0)
        return _scores(files.source, out.read())


def _scores(source: str, content: bytes) -> list[list[float]]:
    try:
        return [
            [float.fromhex(score) for score in request] for request in json.loads(content)
        ]
    except (ValueError, TypeError) as error:
        raise Unfit(f"{source}: the trial load wrote no list of scores") from error


def environment() -> dict[str, str]:
    """No secret is passed on; the code is the one this process runs, from wherever it stands."""
    return {**bare(os.environ), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _last(file: IO[bytes]) -> str:
    """The last line of what was written, as far as it will be told."""
    file.seek(max(file.seek(0, os.SEEK_END) - 4 * _TOLD_CHARACTERS, 0))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:_TOLD_CHARACTERS] if lines else "no message"


def _told(code: int, last: str) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}, {last}"


def _confine(cpu_seconds: int, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_OUTPUT_BYTES, _OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main(cpu_seconds: int, memory_bytes: int) -> None:
    hide_unasked()
    _confine(cpu_seconds, memory_bytes)
    # LightGBM writes its warnings to standard output, where the parent looks for nothing but scores.
    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from sluice.serving.golden import GOLDEN_NAME, decode_golden
    from sluice.serving.release import load_scorer

    files = unparcelled(sys.stdin.fileno())
    golden = decode_golden(files.read(GOLDEN_NAME))
    scorer = load_scorer(files)
    scores = [
        [float(score).hex() for score in scorer.scores(example.request)]
        for example in golden
    ]
    with os.fdopen(answer, "w") as out:
        json.dump(scores, out)


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says, in this process; returns the exit code."""
    cpu_seconds, memory_bytes = arguments
    try:
        _main(int(cpu_seconds), int(memory_bytes))
    except Exception:  # noqa: BLE001 - a child that fails says why, whoever started it
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
