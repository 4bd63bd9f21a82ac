"""`python -m sluice.child PARENT MODULE ...`: runs a module as a process that its parent survives.

A process that is killed cannot stop what it started; Linux does it, where the child asks for it.
"""

import ctypes
import os
import runpy
import signal
import sys

from sluice.data.private_files import OTHERS

SELF = "SLUICE_CHILD"
"""Variable that tells a child's own children whose they are."""

_PR_SET_PDEATHSIG = 1


def child_command(module: str, *arguments: str) -> list[str]:
    """Command that runs a module as a child of this process and ends with it."""
    return [sys.executable, "-m", __name__, str(os.getpid()), module, *arguments]


def end_with(parent: int) -> None:
    """Have SIGTERM sent to this process when `parent` dies, or now if it is dead already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _main(parent: str, module: str, *arguments: str) -> None:
    end_with(int(parent))
    # What a server writes is its owner's alone, its databases too, which it makes itself.
    os.umask(OTHERS)
    os.environ[SELF] = str(os.getpid())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
