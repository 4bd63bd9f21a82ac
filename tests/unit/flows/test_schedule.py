"""What Prefect is told of a surface's schedule."""

from sluice.flows.schedule import FLOWS, deployments
from sluice.surface import ReviewSpec, ScheduleSpec, Surface


def test_every_flow_is_served_at_its_own_times():
    surface = Surface(
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
    told = deployments(surface)

    assert set(told) == {flow.name for flow in FLOWS}
    assert {flow: each["cron"] for flow, each in told.items()} == {
        "lifecycle": "15 4 * * *",
        "monitor": "*/10 * * * *",
        "parity": "5 1 * * *",
        "canary": "*/5 * * * *",
    }
    for each in told.values():
        assert each["name"] == "feed"
        assert each["parameters"] == {"surface": "feed"}
        assert each["concurrency_limit"] == 1


def test_what_is_promoted_is_confirmed_within_two_hours_where_nothing_is_declared():
    """An hour's bake of the standard tier, and a monitor every hour."""
    assert ScheduleSpec().monitor == "30 * * * *"
