"""G7: ways in which the code inside a Bento changes after its release was packaged."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sluice.errors import IntegrityError
from sluice.serving import bento_code
from sluice.serving.bento_code import ROOT, code_entries, private_source

SCORER = "sluice/serving/scorer.py"


def laid_out(source: Path) -> dict[str, str]:
    """Put this installation's code into a folder as a Bento has it; returns what is listed of it."""
    listed = code_entries()
    for name in listed:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    (source / "releases" / "of another check").mkdir(parents=True)
    return listed


def edited(source: Path) -> str:
    with (source / SCORER).open("a") as file:
        file.write("\nANSWER = 42.0\n")
    return SCORER


def added(source: Path) -> str:
    (source / "sluice" / "serving" / "extra.py").write_text("raise SystemExit")
    return "sluice/serving/extra.py"


def in_front_of_a_library(source: Path) -> str:
    (source / "orjson").mkdir()
    (source / "orjson" / "__init__.py").write_text("raise SystemExit")
    return "orjson/__init__.py"


def compiled_by_python(source: Path) -> str:
    (source / "sluice" / "serving" / "__pycache__").mkdir()
    (source / "sluice" / "serving" / "__pycache__" / "scorer.cpython-311.pyc").write_bytes(
        b"code"
    )
    return "sluice/serving/__pycache__/scorer.cpython-311.pyc"


def compiled_by_numba(source: Path) -> str:
    name = "sluice/rankers/__pycache__/tree_kernel.score_rows-34.py311.1.nbc"
    (source / name).parent.mkdir()
    (source / name).write_bytes(b"machine code")
    return name


def removed(source: Path) -> str:
    (source / SCORER).unlink()
    return SCORER


def linked(source: Path) -> str:
    (source / SCORER).rename(source.parent / "moved.py")
    (source / SCORER).symlink_to(source.parent / "moved.py")
    return "scorer.py"


def linked_folder(source: Path) -> str:
    (source / "sluice" / "serving").rename(source.parent / "moved")
    (source / "sluice" / "serving").symlink_to(source.parent / "moved")
    return "sluice/serving"


def swapped(source: Path) -> str:
    one, other, held = (
        source / SCORER,
        source / "sluice/serving/trust.py",
        source.parent / "held",
    )
    one.rename(held)
    other.rename(one)
    held.rename(other)
    return SCORER


DAMAGES: tuple[Callable[[Path], str], ...] = (
    edited, added, in_front_of_a_library, compiled_by_python, compiled_by_numba, removed, linked,
    linked_folder, swapped,
)  # fmt: skip


def runs_after(damage: Callable[[Path], str], source: Path) -> str:
    """What is wrong once the code changed: empty where it is refused by name, and none of it may run.

    Args:
        damage: one of `DAMAGES`.
        source: a folder that is not there yet.
    """
    listed = laid_out(source)
    name = damage(source)
    try:
        with private_source(source, listed):
            return f"{damage.__name__}: it is served"
    except IntegrityError as error:
        return "" if repr(name) in str(error) else f"{damage.__name__}: told of {error}"


def trusts_code_digests() -> tuple[Any, str, Any]:
    """G7: the code's names are checked, and its bytes are not."""
    return bento_code, "_check_code", lambda *_: None


def looks_for_no_additions() -> tuple[Any, str, Any]:
    """G7: what is listed is checked, and nobody looks for what is not."""
    return bento_code, "_check_names", lambda *_: None


MUTANTS = (trusts_code_digests, looks_for_no_additions)
