"""Real logs whose truth is known: Open Bandit's two policies and Coat's random test."""

import json
import subprocess
import sys

import pytest

from benchmarks import offpolicy
from tests.lib.real_data import real_data

EXPECTED = {
    "men/random->bts": "estimate",
    "women/random->bts": "estimate",
    "men/bts->random": "refused",
    "women/bts->random": "refused",
}


@pytest.fixture(scope="module")
def found():
    real_data("coat")
    return offpolicy.run(real_data("obd").parent)


@pytest.mark.parametrize("name", EXPECTED)
def test_open_bandit_gets_its_verdict(found, name):
    assert found["pairs"][name]["verdict"] == EXPECTED[name]


@pytest.mark.parametrize("name", [name for name in EXPECTED if "random->" in name])
def test_the_truth_is_in_the_interval_of_every_estimator(found, name):
    row = found["pairs"][name]

    for answer in (row, *row["others"].values()):
        low, high = answer["interval"]
        assert answer["verdict"] == "estimate"
        assert low <= row["truth"] <= high


def test_the_refusal_has_no_number_and_says_why(found):
    row = found["pairs"]["women/bts->random"]

    assert row["estimate"] is row["interval"] is None
    assert "effective sample size 2 of 10,000" in row["reason"]
    assert {answer["verdict"] for answer in row["others"].values()} == {"refused"}


def test_the_mean_weight_alone_would_not_have_refused(found):
    told = found["pairs"]["women/bts->random"]["diagnostics"]

    assert abs(told["mean_weight"] - 1) < 3 * told["mean_weight_error"]


def test_coat(found):
    coat = found["coat"]

    assert coat["naive"] == pytest.approx(0.274, abs=0.0005)
    assert coat["ips"]["estimate"] == pytest.approx(0.22, abs=0.005)
    assert coat["truth"] == pytest.approx(0.185, abs=0.0005)


def test_the_figures_can_be_printed(found):
    shown = offpolicy.show(json.loads(json.dumps(found)))

    assert "women/bts->random    refused" in shown


def test_absent_data_is_an_error_that_names_the_option(tmp_path):
    asked = [sys.executable, "-m", "benchmarks.offpolicy", "--data", str(tmp_path)]
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert f"no obd in {tmp_path}; give its folder with --data DIR" in ended.stderr
