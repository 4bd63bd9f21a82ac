import subprocess
import sys

from sluice.serving.processes import Process, end, resident_mb, tree, wait_gone

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session=True)
print(child.pid, flush=True)
{then}
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
)


def start(child, then):
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(child=child, then=then)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, int(process.stdout.readline())


def test_a_tree_is_the_process_and_its_descendants_and_its_memory_theirs():
    process, child = start("import time; time.sleep(60)", "child.wait()")
    family = tree(process.pid)
    memory = resident_mb(process.pid)
    end(family, 5.0)
    process.communicate()

    assert [member.pid for member in family] == [process.pid, child]
    assert 1 < memory < 500
    assert not any(member.alive for member in family)


def test_a_child_that_ignores_the_request_in_its_own_session_is_killed():
    process, _ = start(STUBBORN, "child.wait()")
    family = tree(process.pid)
    end(family, 0.5)
    process.communicate()

    assert wait_gone(family, 1.0)


def test_a_pid_given_to_another_process_is_not_ours():
    process = subprocess.Popen(["sleep", "60"])
    (real,) = tree(process.pid)
    stranger = Process(real.pid, real.started - 1)
    stranger.send(9)

    assert not stranger.alive
    assert real.alive
    end([real], 5.0)
    process.wait()


def test_a_process_that_is_gone_has_no_tree():
    process = subprocess.Popen(["true"])
    process.wait()

    assert tree(process.pid) == ()
    assert resident_mb(process.pid) == 0
    end((), 1.0)
