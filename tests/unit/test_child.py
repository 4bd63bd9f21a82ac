import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.child import SELF, child_command
from sluice.serving.processes import tree, wait_gone

PARENT = """
import subprocess, sys
from sluice.child import child_command
child = subprocess.Popen(child_command("tests.lib.sleeper"), start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_in_a_session_of_its_own_ends_with_its_parent(number):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:  # fmt: skip
        assert parent.stdout
        child = int(parent.stdout.readline())
        # The module runs: the child has asked for its end.
        assert [parent.stdout.readline() for _ in range(3)][1] == f"{child}\n"
        family = tree(parent.pid)
        parent.send_signal(number)

    assert [member.pid for member in family] == [parent.pid, child]
    assert wait_gone(family, 5.0)


def test_a_child_of_a_parent_that_is_gone_does_not_begin():
    command = child_command("tests.lib.sleeper")
    command[3] = str(2**22)
    done = subprocess.run(command, check=False, timeout=30)

    assert done.returncode == -signal.SIGTERM


def test_the_module_runs_as_if_it_had_been_called_itself():
    done = subprocess.run(
        child_command("tests.lib.sleeper", "0", "words"), capture_output=True, text=True, check=True
    )  # fmt: skip
    arguments, own, known = done.stdout.splitlines()

    assert arguments == "['0', 'words']"
    assert own == known
    assert os.environ.get(SELF) is None


STRANGER = "raise SystemExit('a stranger ran')"


@pytest.mark.parametrize(
    ("way", "strange"),
    [
        ("folder", "sluice/__init__.py"), ("folder", "tests/__init__.py"), ("folder", "logging.py"),
        ("PYTHONPATH", "sluice/__init__.py"), ("PYTHONPATH", "tests/__init__.py"),
    ],
)  # fmt: skip
def test_a_child_runs_the_code_of_its_parent(tmp_path, strange, way):
    (tmp_path / strange).parent.mkdir(exist_ok=True)
    (tmp_path / strange).write_text(STRANGER)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path) if way == "PYTHONPATH" else ""}
    folder = tmp_path if way == "folder" else Path.cwd()
    done = subprocess.run(
        child_command("tests.lib.sleeper", "0", "words"),
        cwd=folder, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "a stranger ran" not in done.stderr
