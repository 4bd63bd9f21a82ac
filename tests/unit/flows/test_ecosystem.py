"""A scorecard against targets and the champion before, over a log in a folder."""

from dataclasses import asdict, replace
from datetime import timedelta
from json import dumps

import numpy as np
import pytest

from sluice.data.event_log import EventLog
from sluice.data.tables import LogTables, Window
from sluice.ecosystem.dimension import dimensions, labels
from sluice.ecosystem.encoding import encode
from sluice.ecosystem.spec import EcosystemSpec
from sluice.ecosystem.target import Target
from sluice.ecosystem.verdict import Verdict
from sluice.errors import ConfigError, TooLittleData
from sluice.flows.ecosystem import scorecard
from sluice.registry.reigns import Reign
from sluice.store.memory import MemoryStore
from sluice.surface import ReviewSpec, Surface
from tests.lib.logs import AT, START, exposure
from tests.lib.tiny_ecosystem import tables

PEOPLE = 30
MOVED = START + timedelta(hours=40)


def shown(release=False):
    """Each of thirty people is shown a and c; forty hours later a and b."""
    rows = []
    for person in range(PEOPLE):
        for later, names in ((0, "ac"), (40, "ab")):
            at = START + timedelta(hours=later, minutes=person)
            rows += [
                exposure(
                    person + 100 * later, name, slot, user_id=f"u{person}", ts=at,
                    release=f"{1 + later:064x}" if release else None,
                )
                for slot, name in enumerate(names, 1)
            ]  # fmt: skip
    return rows


def log_at(folder, **changed):
    log = EventLog(folder)
    log.append(tables(shown(**changed), []), at=AT)
    return log


def surface(**declared):
    spec = EcosystemSpec(at_exposures=10, **declared)
    return Surface(name="for_you", owner="ann", review=ReviewSpec(reviewers=("rita",)), ecosystem=spec)  # fmt: skip


def reign(version, since, release):
    return Reign(
        version=version, release=f"{release:064x}", epoch=version, since=since, until=None,
        action="promote", actor="flow", reason="", approved_by=(), waived=(), evidence=(),
        before=None, sequence=version,
    )  # fmt: skip


@pytest.fixture
def champions(monkeypatch):
    """Version 1, and version 2 from MOVED on."""
    known = (reign(1, START, 1), reign(2, MOVED, 41))
    monkeypatch.setattr("sluice.flows.ecosystem.reigns", lambda store, surface: known)


@pytest.mark.parametrize(("release", "told_by"), [(True, "release"), (False, "time")])
def test_champions_are_compared_on_what_they_ranked(tmp_path, champions, release, told_by):
    found = scorecard(surface(), log_at(tmp_path, release=release), MemoryStore())

    between = found.successor
    assert (between.version, between.before, between.told_by) == (2, 1, told_by)
    assert between.now.requests == between.earlier.requests == PEOPLE
    assert between.changes["list_categories"].difference == pytest.approx(-1, abs=1e-12)


def test_a_few_whom_others_served_hide_the_comparison(tmp_path, champions):
    rows = [
        row | {"release": None} if row["user_id"] == "u0" else row for row in shown(True)
    ]
    log = EventLog(tmp_path)
    log.append(tables(rows, []), at=AT)

    found = scorecard(surface(), log, MemoryStore())
    assert found.successor is None
    assert found.no_successor == "others ranked for fewer than 20 people here"


def test_without_two_champions_that_is_said(tmp_path):
    log = log_at(tmp_path)

    assert "no version" in scorecard(surface(), log, None).no_successor
    assert "no champion before" in scorecard(surface(), log, MemoryStore()).no_successor


def test_targets_have_a_verdict_each(tmp_path):
    targets = {
        "list_categories": Target(at_least=0.9), "dwell_seconds": Target(at_least=0.0),
        "provider_gini": Target(at_most=0.9),
    }  # fmt: skip
    found = scorecard(surface(targets=targets), log_at(tmp_path), None)

    # Half of the lists have one category, and the log has no dwell.
    assert found.verdicts["list_categories"] is Verdict.MISSED
    assert found.verdicts["dwell_seconds"] is Verdict.UNKNOWN
    assert found.missed == ("list_categories",)
    assert '"missed"' in dumps(asdict(found), default=str, allow_nan=False)


def test_segments_add_up_and_leave_out_what_has_none(tmp_path):
    found = scorecard(surface(), log_at(tmp_path), None, by="weekday").segments

    assert {label: card.requests for label, card in found.cards.items()} == {
        "Mon": PEOPLE, "Wed": PEOPLE,
    }  # fmt: skip
    assert "provider_churn" not in found.cards["Mon"].figures


def test_a_dimension_that_is_not_logged_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="take one of activity, hour, weekday"):
        scorecard(surface(), log_at(tmp_path), None, by="release")


def test_a_span_without_people_is_refused(tmp_path):
    span = START + timedelta(hours=5), START + timedelta(hours=6)

    with pytest.raises(TooLittleData, match="fewer than 20 people were shown"):
        scorecard(surface(), log_at(tmp_path), None, span)


def test_context_is_cut_by_value_or_by_quarter():
    few = tables(shown(True), [])
    context = np.arange(few.exposures.height, dtype=np.float32)
    told = LogTables(
        few.exposures.with_columns(
            context_few=(context // 2 % 3).astype(np.float32), context_many=context
        ),
        few.feedback, few.items,
    )  # fmt: skip
    window = Window(START, START + timedelta(days=3))
    encoded = encode(told, "for_you", window, replace(surface().ecosystem.stated))

    assert {*dimensions(encoded)} >= {"release", "context_few", "context_many"}
    assert set(labels(encoded, "context_few")) == {"0", "1", "2"}
    assert set(labels(encoded, "context_many")) == {"1/4", "2/4", "3/4", "4/4"}
    assert set(labels(encoded, "release")) == {"0" * 12}
