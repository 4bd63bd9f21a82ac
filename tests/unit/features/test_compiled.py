"""A kernel is compiled anew when a file changes whose code or constants it holds."""

import shutil
import subprocess
import sys
from pathlib import Path

from sluice.features.engine import compiled

KERNEL = """
from apart.engine.compiled import compiled
from apart.layout import WORD

@compiled
def kernel(row: int) -> int:
    return row + WORD

print(kernel(1), sum(kernel.stats.cache_hits.values()))
"""


def _run(folder: Path) -> str:
    command = [sys.executable, "-c", "import apart.engine.kernel"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_constant_of_another_file_is_never_an_old_one(tmp_path):
    engine = tmp_path / "apart" / "engine"
    engine.mkdir(parents=True)
    shutil.copy(compiled.__file__, engine / "compiled.py")
    (engine / "kernel.py").write_text(KERNEL)
    layout = engine.parent / "layout.py"
    layout.write_text("WORD = 10\n")

    assert _run(tmp_path) == "11 0"
    assert _run(tmp_path) == "11 1"
    layout.write_text("WORD = 200\n")
    assert _run(tmp_path) == "201 0"
