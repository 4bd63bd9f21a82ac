"""What Prefect is told of a surface's schedule."""

from flows.schedule import deployment
from sluice.surface import ReviewSpec, ScheduleSpec, Surface


def test_a_deployment_is_the_surface_at_its_own_times():
    surface = Surface(
        name="feed",
        owner="ann",
        review=ReviewSpec(reviewers=("rita",)),
        schedule=ScheduleSpec(cron="15 4 * * *"),
    )
    told = deployment(surface, "/home/of/feed")

    assert told["name"] == "feed"
    assert told["cron"] == "15 4 * * *"
    assert told["parameters"] == {"surface": "feed", "home": "/home/of/feed"}
    assert told["limit"] == 1
