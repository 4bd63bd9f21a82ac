"""What was served over a real log, real releases and a real prediction log, and the commands that flows call."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from sluice.data.batch import Superseded
from sluice.data.schema import FeedbackKind
from sluice.metrics.parity_report import ParityReport
from sluice.serving.__main__ import parity as parity_command
from sluice.serving.__main__ import served as served_command
from sluice.serving.parity import Asked, measure
from sluice.serving.served_answers import newest_answer
from tests.lib.logs import flip_bit
from tests.lib.served import SECOND, until
from tests.lib.served_log import LATER, SURFACE, Home, Process, history, play, requests

DAY = 24 * 3_600 * SECOND
AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A morning by one release, an afternoon by two processes of which one has the next release."""
    home = Home(tmp_path_factory.mktemp("served"))
    home.log.append(history(), at=LATER)
    first, second = home.release(1), home.release(2)
    asked = requests()
    half = len(asked) // 2
    old = Process(home, first)
    play(home, [(each, old) for each in asked[:half]])
    new = Process(home, second)
    play(home, [(each, (old, new)[nth % 2]) for nth, each in enumerate(asked[half:])])
    old.close()
    new.close()
    return home, (first, second), (old.name, new.name), len(asked)


def window(start=0, end=DAY):
    return Asked(until() + start, until() + end, FeedbackKind.CLICK)


@pytest.fixture(scope="module")
def report(day):
    return measure(day[0].place, window(), AT)


def test_a_day_of_two_releases_is_computed_again_bit_for_bit(day, report):
    _, releases, _, many = day

    assert [each.release for each in report.releases] == list(releases)
    assert [each.identical for each in report.releases] == [
        each.requests for each in report.releases
    ]
    assert (report.requests, report.share, report.lost) == (many, 1.0, 0)
    assert all(each.sampled == each.requests for each in report.releases)
    assert ParityReport.from_json(report.to_json()) == report


def test_delays_ages_and_what_is_unknown_are_told(report):
    delays = {each.kind: each.spread for each in report.delays}

    assert {"exposure", "click", "item"} <= set(delays)
    # A lot of twenty minutes is accepted two seconds after its end.
    assert 2.0 < delays["exposure"].p50_s < delays["exposure"].p95_s <= 1_202.0
    assert report.state_age is not None
    assert report.state_age.count == report.requests
    assert 0 < report.state_age.p50_s < report.state_age.p95_s
    assert report.unknown_items == pytest.approx(1 / 8, rel=0.05)
    assert report.unknown_users == 0.0


def test_a_window_in_the_middle_asks_what_its_processes_answered_before(day):
    home, _, _, many = day
    later = measure(home.place, window(start=DAY // 2), AT)

    assert 0 < later.requests < many
    assert later.share == 1.0


def test_a_release_with_a_byte_changed_names_exactly_its_answers(day, tmp_path):
    home, (first, second), (_, new), _ = day
    shutil.copytree(home.place.releases, tmp_path / "releases")
    flip_bit(next((tmp_path / "releases" / second / "model").glob("*.txt")), 2_000)
    changed = type(home.place)(
        SURFACE, home.place.predictions, tmp_path / "releases", home.log
    )
    parity = measure(changed, window(), AT)
    sound, broken = parity.of(first), parity.of(second)

    assert sound is not None
    assert broken is not None
    assert sound.share == 1.0
    assert (broken.identical, broken.share) == (0, 0.0)
    assert broken.other == tuple(f"{new}:{nth}" for nth in range(1, broken.requests + 1))
    assert "model/" in (broken.unusable or "")


def test_a_release_that_is_gone_answers_nothing(day, tmp_path):
    home, (first, _), _, _ = day
    shutil.copytree(home.place.releases / first, tmp_path / first)
    gone = type(home.place)(SURFACE, home.place.predictions, tmp_path, home.log)
    parity = measure(gone, window(), AT)

    assert [each.share for each in parity.releases] == [1.0, 0.0]
    assert "is not there any more" in (parity.releases[1].unusable or "")


def test_nothing_served_is_an_empty_report_and_no_share(day):
    parity = measure(day[0].place, window(start=-DAY, end=0), AT)

    assert (parity.releases, parity.share, parity.state_age) == ((), None, None)
    assert parity.unknown_items is None


def test_the_commands_answer_as_flows_ask(day, report, tmp_path):
    home, _, _, many = day
    place = {
        "surface": SURFACE, "predictions": str(home.place.predictions),
        "releases": str(home.place.releases), "log": str(home.root / "log"),
    }  # fmt: skip
    found = served_command({**place, "start": None, "end": None, "length": DAY})
    asked = {name: found[name] for name in ("start", "end")}
    told = parity_command(
        {**place, **asked, "label": "click", "measured_at": AT.isoformat()}
    )

    assert found["requests"] == many
    assert found["end"] == newest_answer(home.place.predictions, 0) + 1
    assert ParityReport.from_json(told).releases == report.releases
    one = served_command({**place, "start": None, "end": None, "length": 3_600 * SECOND})
    assert 0 < one["requests"] < many
    assert one["digest"] != found["digest"]
    empty = {**place, "predictions": str(tmp_path / "none")}
    assert served_command({**empty, "start": None, "end": None, "length": DAY}) == {
        "requests": 0
    }


def test_compaction_changes_nothing_until_batches_are_no_longer_kept(day, report):
    """Last: it takes the journal of the others away."""
    home = day[0]
    at = LATER + timedelta(days=30)
    home.log.compact(timedelta(0), timedelta(days=900), at)
    assert measure(home.place, window(), AT) == report

    home.log.compact(timedelta(0), timedelta(0), at)
    with pytest.raises(Superseded):
        measure(home.place, window(), AT)
