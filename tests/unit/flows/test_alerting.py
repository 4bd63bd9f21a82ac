"""Alerts from what the monitors left in the store: told once, tried again, silenced."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sluice.alert_spec import AlertSpec, LogSink, WebhookSink
from sluice.data.event_log import EventLog
from sluice.errors import SluiceError
from sluice.flows.alerting import Silence, alerts, silence, silences, tell_alerts, try_sinks
from sluice.flows.memory import StepName, kept, remembered
from sluice.flows.workplace import Workplace, now
from sluice.monitors.alerts.alert import Kind
from sluice.monitors.alerts.windows import Standing
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.surface import ReviewSpec, Surface

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def workplace(tmp_path):
    surface = Surface(name="feed", owner="ann", review=ReviewSpec(reviewers=("rita",)))
    log = EventLog(tmp_path / "log")
    return Workplace(load_settings({}, tmp_path), surface, MemoryStore(), log)


def watched(workplace, day, outcome, usual=None):
    """What the monitor leaves of one day; without a usual, as it was before anybody learned one."""
    start = FIRST + timedelta(days=day)
    column = {"name": "item.ctr.1h", "psi": 1.5, "drifted": outcome == "fail"}
    body = {
        "watched": [start.isoformat(), (start + timedelta(days=1)).isoformat()],
        "outcome": outcome,
        "reason": f"day {day}",
        "features": [column, {"name": "item.age", "psi": 9.0, "drifted": False}],
        "score": {"name": "score", "psi": 0.1, "drifted": False},
    }
    body |= {"usual": usual} if usual else {}
    name = StepName("monitor", "drift", f"{day} {outcome}", ())
    remembered(workplace, name, lambda: {"report": kept(workplace, "drift", body)})


def beyond(began, where, *names):
    """What is beyond the usual of this log, as the monitor's document says it."""
    findings = [{"name": name} for name in names]
    return {"began": began and began.isoformat(), "where": where, "findings": findings}


def lines(workplace):
    file = workplace.settings.home / "logs" / "alerts.log"
    texts = file.read_text().splitlines() if file.exists() else []
    return [(line["standing"], line["reason"]) for line in map(json.loads, texts)]


def test_a_bad_window_is_told_once_and_so_is_its_end(workplace):
    watched(workplace, 0, "pass")
    assert tell_alerts(workplace) == ()
    watched(workplace, 1, "fail")
    (raised,) = tell_alerts(workplace)
    tell_alerts(workplace)
    watched(workplace, 2, "fail")
    tell_alerts(workplace)
    assert lines(workplace) == [("open", "day 1")]
    watched(workplace, 3, "pass")
    tell_alerts(workplace)
    tell_alerts(workplace)

    assert lines(workplace) == [("open", "day 1"), ("resolved", "day 2")]
    assert (raised.since, raised.where) == (FIRST + timedelta(days=1), ("item.ctr.1h",))
    assert raised.owner == "ann"


def test_what_was_over_before_anybody_listened_is_not_told(workplace):
    watched(workplace, 0, "fail")
    watched(workplace, 1, "pass")
    tell_alerts(workplace)

    assert lines(workplace) == []
    assert [alert.standing for alert in alerts(workplace)] == [Standing.RESOLVED]


def test_a_sink_that_fails_is_tried_again_and_the_others_have_it(workplace, tmp_path):
    hook = WebhookSink(kind="webhook", address_file="hook")
    spec = AlertSpec(sinks=(hook, LogSink()))
    two = replace(workplace, surface=workplace.surface.model_copy(update={"alerts": spec}))
    watched(two, 0, "fail")
    for _ in range(2):
        with pytest.raises(SluiceError, match="Cannot read the secret in"):
            tell_alerts(two)

    assert lines(two) == [("open", "day 0")]
    with pytest.raises(SluiceError, match="hook"):
        try_sinks(two)
    assert lines(two)[1][0] == "open"


def test_what_is_silenced_is_listed_and_not_told(workplace):
    watched(workplace, 0, "fail")
    quiet = Silence(Kind.DRIFT, now() + timedelta(hours=1), "migration", "ann")
    silence(workplace, quiet)

    assert tell_alerts(workplace) == ()
    assert lines(workplace) == []
    assert len(alerts(workplace)) == 1
    assert silences(workplace, now()) == (quiet,)
    assert silences(workplace, now() + timedelta(hours=2)) == ()


def test_an_inconclusive_window_neither_raises_nor_ends(workplace):
    watched(workplace, 0, "inconclusive")
    assert alerts(workplace) == ()
    watched(workplace, 1, "fail")
    watched(workplace, 2, "inconclusive")

    assert [alert.standing for alert in alerts(workplace)] == [Standing.OPEN]


def test_an_alert_says_since_when_and_in_which_segment(workplace):
    learned = beyond(None, "everywhere")
    watched(workplace, 3, "pass", learned)
    usual = beyond(
        FIRST + timedelta(days=2), "provider=p7", "item.age", "score", "item.age"
    )
    watched(workplace, 4, "fail", usual)
    watched(workplace, 5, "fail", beyond(FIRST + timedelta(days=2), "hour=00-04", "score"))

    (raised,) = alerts(workplace)
    assert raised.since == FIRST + timedelta(days=2)
    assert raised.where == ("hour=00-04", "score")
    assert raised.windows == 2
