"""`python -P sluice/child.py PARENT MODULE ...`: runs a module as a process that its parent survives.

A process that is killed cannot stop what it started; Linux does it, where the child asks for it. The
child runs the code that its parent runs, whatever folder it is started in and whatever PYTHONPATH says.
"""

import ctypes
import os
import runpy
import signal
import site
import sys
import sysconfig
from pathlib import Path

SELF = "SLUICE_CHILD"
"""Variable that tells a child's own children whose they are."""
ROOT = Path(__file__).absolute().parents[1]
"""The folder that this installation's `sluice` is imported from."""

_PR_SET_PDEATHSIG = 1
_PATH, _SAFE_PATH = "PYTHONPATH", "PYTHONSAFEPATH"


WHOEVER_STARTS_IT = 0
"""In place of a parent's pid, where another program than this one will start the child."""


def child_command(
    module: str, *arguments: str, code: Path = ROOT, parent: int | None = None
) -> list[str]:
    """Command that runs a module as a child of this process and ends with it.

    Args:
        module: its name, as `python -m` takes it.
        arguments: of the module.
        code: the folder that the child imports `sluice` from.
        parent: pid of the process that it ends with, or `WHOEVER_STARTS_IT`; this one where None.
    """
    program = str(code / "sluice" / Path(__file__).name)
    lives_with = os.getpid() if parent is None else parent
    return [sys.executable, "-P", program, str(lives_with), module, *arguments]


def end_with(parent: int) -> None:
    """Have SIGTERM sent to this process when `parent` dies, or now if it is dead already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def import_own_code() -> None:
    """Have this process and all that it starts import from `ROOT` and what is installed, alone.

    Neither the current folder nor PYTHONPATH decides what runs: a `logging.py` in a user's project
    is no part of Sluice.
    """
    inherited = os.environ.pop(_PATH, "").split(os.pathsep)
    strange = {str(Path(folder).absolute()) for folder in inherited} - _installed()
    sys.path[:] = [folder for folder in sys.path if folder not in strange]
    if (own := str(ROOT)) not in sys.path:
        sys.path.insert(0, own)
        os.environ[_PATH] = own
    os.environ[_SAFE_PATH] = "1"


def _installed() -> set[str]:
    """Where Python and what is installed for it lie; naming these in PYTHONPATH changes nothing."""
    return {
        *sysconfig.get_paths().values(),
        *site.getsitepackages(),
        site.getusersitepackages(),
    }


def _main(parent: str, module: str, *arguments: str) -> None:
    end_with(int(parent) or os.getppid())
    import_own_code()
    from sluice.data.private_files import OTHERS

    # What a server writes is its owner's alone, its databases too, which it makes itself.
    os.umask(OTHERS)
    os.environ[SELF] = str(os.getpid())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
