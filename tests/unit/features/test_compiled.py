"""A kernel is compiled anew when a file changes whose code or constants it holds."""

import shutil
import subprocess
import sys
from pathlib import Path

from sluice.features import compiled

KERNEL = """
from apart.compiled import compiled
from apart.neighbour import WORD

@compiled
def kernel(given: int) -> int:
    return given + WORD

print(kernel(1), sum(kernel.stats.cache_hits.values()))
"""


def _run(folder: Path) -> str:
    command = [sys.executable, "-c", "import apart.kernel"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_constant_of_another_file_is_never_an_old_one(tmp_path):
    package = tmp_path / "apart"
    package.mkdir()
    shutil.copy(compiled.__file__, package / "compiled.py")
    (package / "kernel.py").write_text(KERNEL)
    (package / "neighbour.py").write_text("WORD = 10\n")

    assert _run(tmp_path) == "11 0"
    assert _run(tmp_path) == "11 1"
    (package / "neighbour.py").write_text("WORD = 200\n")
    assert _run(tmp_path) == "201 0"
