"""What a person reads: no title squeezed, no address broken, steps with their seconds."""

import time

import pytest

from sluice.cli.output import print_facts, print_table
from sluice.cli.progress import Quiet, Steps


def test_a_title_is_longer_than_its_table_and_stays_in_one_line(capsys):
    title = "a ranking over HTTP by the packaged service: the first 5 of 38 candidates"
    print_table(title, ("position", "score"), [(1, 0.5), (2, None)])

    assert capsys.readouterr().out.splitlines()[1] == title


def test_numbers_stand_to_the_right_and_nothing_is_a_dash(capsys):
    print_table("t", ("name", "figure"), [("a", 12345), ("b", None), ("[c]", "+0.5000")])
    rows = [line.rstrip() for line in capsys.readouterr().out.splitlines()[4:]]

    assert rows == ["a        12345", "b            –", "[c]    +0.5000"]


def test_small_and_large_numbers_are_written_out(capsys):
    print_table("t", ("a", "b"), [(0.000012, 71.4)])

    assert "e-" not in (out := capsys.readouterr().out)
    assert out.splitlines()[-1].split() == ["0.0000", "71.4000"]


def test_facts_are_never_folded(capsys):
    digest = "d" * 200
    print_facts("facts", [("release", digest), ("epoch", None)])

    assert capsys.readouterr().out.splitlines()[2:] == [
        f"  release  {digest}",
        "  epoch    –",
    ]


def test_a_step_is_told_once_it_has_ended(capsys):
    steps = Steps(2)
    with steps.step("data checks"):
        time.sleep(0.01)

    assert capsys.readouterr().err.split() == ["✓", "data", "checks", "0.0", "s"]


def test_a_step_that_broke_is_told_too(capsys):
    with pytest.raises(ZeroDivisionError), Steps(2).step("training"):
        _ = 1 / 0

    assert capsys.readouterr().err.split() == ["✗", "training", "0.0", "s"]


def test_a_machine_hears_nothing_of_steps(capsys):
    with Quiet().step("training"):
        pass

    assert capsys.readouterr() == ("", "")
