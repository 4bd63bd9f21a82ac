"""What Prefect is told of a surface's schedule, and what is written where it was told otherwise."""

from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID

import pytest
from prefect import State

from sluice.flows import schedule
from sluice.flows.deployments import FLOWS, POOL, Change, Row, deployments, plan
from sluice.flows.schedule import FLOWS as DUE
from sluice.surface import ReviewSpec, ScheduleSpec, Surface

SURFACE = Surface(
    name="feed",
    owner="ann",
    review=ReviewSpec(reviewers=("rita",)),
    schedule=ScheduleSpec(
        cron="15 4 * * *",
        monitor="*/10 * * * *",
        parity="5 1 * * *",
        canary="*/5 * * * *",
    ),
)
DECLARED = deployments(SURFACE)


def held(declared):
    """The row of a deployment that was written as declared."""
    return Row(
        id=UUID(int=1),
        deployment=declared,
        entrypoint=declared.entrypoint,
        pool=POOL,
        parameters={"surface": declared.surface},
        at_a_time=1,
        strange=False,
        active=True,
    )


def test_every_flow_is_deployed_at_its_own_times():
    assert tuple(flow.name for flow in DUE) == FLOWS
    assert {each.flow: each.cron for each in DECLARED} == {
        "lifecycle": "15 4 * * *",
        "monitor": "*/10 * * * *",
        "parity": "5 1 * * *",
        "canary": "*/5 * * * *",
    }
    assert {each.entrypoint for each in DECLARED} == {
        f"{flow.fn.__module__}.{flow.fn.__name__}" for flow in DUE
    }


def test_what_is_held_as_declared_is_left_alone():
    planned = plan(DECLARED, [held(each) for each in DECLARED])

    assert {change.change for change in planned} == {Change.SAME}


def test_a_pause_made_in_prefect_is_no_change():
    paused = [replace(held(each), active=False) for each in DECLARED]

    assert {change.change for change in plan(DECLARED, paused)} == {Change.SAME}


def test_new_and_removed_surfaces_are_seen():
    other = deployments(SURFACE.model_copy(update={"name": "search"}))
    planned = plan(other, [held(each) for each in DECLARED])

    assert {(each.change, each.name.split("/")[1]) for each in planned} == {
        (Change.NEW, "search"),
        (Change.REMOVED, "feed"),
    }


FIRST = DECLARED[0]


@pytest.mark.parametrize(
    "row",
    [
        replace(held(FIRST), deployment=replace(FIRST, cron="0 5 * * *")),
        replace(held(FIRST), deployment=replace(FIRST, timezone="Asia/Tokyo")),
        replace(held(FIRST), entrypoint="pwn.py:lifecycle"),
        replace(held(FIRST), pool="default"),
        replace(held(FIRST), parameters={"surface": "feed", "home": "/tmp"}),
        replace(held(FIRST), at_a_time=None),
        replace(held(FIRST), strange=True),
    ],
)
def test_what_was_changed_is_written_again(row):
    (planned,) = plan([FIRST], [row])

    assert planned.change is Change.CHANGED


def ended(monkeypatch, flow, report):
    """State in which Prefect has the run of a flow that reported so."""
    monkeypatch.setattr(schedule, flow, SimpleNamespace(fn=lambda _: report))
    outcome = getattr(schedule, f"{flow}_due").fn("feed")
    return (
        (outcome.type.value, outcome.name) if isinstance(outcome, State) else "as reported"
    )


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("pass", "as reported"),
        ("fail", ("FAILED", "Drifted")),
        ("inconclusive", ("COMPLETED", "Inconclusive")),
    ],
)
def test_a_monitor_ends_as_it_judged(monkeypatch, outcome, state):
    report = {"outcome": outcome, "reason": "3 of 7 features drifted"}

    assert ended(monkeypatch, "monitor", report) == state


@pytest.mark.parametrize(
    ("at", "state"), [("blocked", ("FAILED", "Held")), ("in_review", "as reported")]
)
def test_a_lifecycle_that_is_held_is_not_green(monkeypatch, at, state):
    gates = [{"name": "quality", "verdict": "inconclusive", "reason": "too few"}]
    report = {"retrain": {"state": at, "version": 2, "gates": gates}}

    assert ended(monkeypatch, "lifecycle", report) == state


def test_what_is_promoted_is_confirmed_within_two_hours_where_nothing_is_declared():
    """An hour's bake of the standard tier, and a monitor every hour."""
    assert ScheduleSpec().monitor == "30 * * * *"
