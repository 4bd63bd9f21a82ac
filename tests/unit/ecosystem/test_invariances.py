"""Names and the order of rows mean nothing; what the log lacks is said, never zero."""

from dataclasses import replace

import polars as pl
import pytest

from sluice.data.frames import in_order
from sluice.data.tables import LogTables, Window
from sluice.ecosystem.encoding import encode
from sluice.ecosystem.registry import measures
from sluice.ecosystem.scorecard import card
from sluice.ecosystem.settings import Stated
from sluice.errors import TooLittleData
from sluice.world.loop import World
from sluice.world.named import named
from sluice.world.recording import record
from tests.lib.tiny_ecosystem import DAYS, ITEMS, SHOWN, exposures, tables
from tests.lib.tiny_ecosystem import STATED as TINY

STATED = Stated(at_exposures=500, resamples=20)


@pytest.fixture(scope="module")
def lived():
    """A day of a small world, and its window."""
    world = World(replace(named("tiring").spec, people=200), named("tiring").policy, 0)
    world.run(2)
    log = record(world, 1).tables
    first = log.exposures["ts"].min().replace(hour=0, minute=0, second=0, microsecond=0)
    return log, Window(first, first.replace(day=first.day + 1))


def figures(log, window):
    return card(encode(log, "for_you", window, STATED).exposures).figures


def numbers(found):
    return {
        name: (each.value, each.interval and each.interval.low)
        for name, each in found.items()
    }


def test_shuffled_rows_and_other_names_change_nothing(lived):
    log, window = lived
    renamed = {
        table: getattr(log, table).with_columns(
            (pl.lit("z") + pl.col(name)).alias(name)
            for name in ("user_id", "item_id", "provider_id", "category")
            if name in getattr(log, table).columns
        )
        for table in ("exposures", "feedback", "items")
    }
    # Slots say the order within a request, so that shuffled rows can be put in order again.
    shuffled = LogTables(
        exposures=in_order(
            "exposures",
            renamed["exposures"].sample(fraction=1, shuffle=True, seed=1).sort("position"),
        ),
        feedback=in_order("feedback", renamed["feedback"].sample(fraction=1, shuffle=True, seed=2)),
        items=in_order("items", renamed["items"].sample(fraction=1, shuffle=True, seed=3)),
    )  # fmt: skip

    before, after = (numbers(figures(each, window)) for each in (log, shuffled))
    assert before == {name: pytest.approx(pair) for name, pair in after.items()}


def test_other_surfaces_and_times_are_left_out(lived):
    log, window = lived
    ours = log.exposures.filter(pl.col("surface") == "for_you")

    alone = LogTables(ours, log.feedback, log.items)
    whole, cut = figures(log, window), figures(alone, window)
    assert numbers(whole) == numbers(cut)


BARE = [
    {name: row[name] if name in {"item_id", "valid_from"} else None for name in row}
    for row in ITEMS
]
LACKING = [
    ("coverage", {"items": BARE}, "lists only items that it saw"),
    ("discoverable_items", {"done": []}, "no clicks"),
    ("provider_gini", {"items": BARE}, "no shown item has a provider"),
    ("provider_hhi", {"items": BARE}, "no shown item has a provider"),
    ("top_providers_share", {"items": BARE}, "no shown item has a provider"),
    ("provider_churn", {}, "fewer than 10 providers"),
    ("inequity_of_attention", {"items": BARE}, "provider and a quality"),
    ("new_items_share", {"items": BARE}, "when it was published"),
    ("age_median_hours", {"items": BARE}, "when it was published"),
    ("age_p90_hours", {"items": BARE}, "when it was published"),
    ("hours_to_first_impressions", {"items": BARE}, "no item of the catalogue"),
    ("list_diversity", {"items": BARE}, "no item has an embedding"),
    ("list_categories", {"items": BARE}, "two items with categories"),
    ("miscalibration", {"items": BARE}, "no item has a category"),
    ("miscalibration", {"done": []}, "fewer than 2 people"),
    ("dwell_seconds", {"done": []}, "no dwell"),
    ("hides_per_1000", {"done": []}, "neither hides nor reports"),
    ("breadth", {"done": []}, "no clicks"),
]


@pytest.mark.parametrize(
    ("name", "changed", "reason"), LACKING, ids=lambda each: str(each)[:24]
)  # fmt: skip
def test_what_the_log_lacks_is_no_figure(name, changed, reason):
    found = measures()[name].figure(exposures(**changed))

    assert found.value is None
    assert found.interval is None
    assert reason in found.reason


def test_what_changes_every_figure_is_said():
    log = tables([row | {"position": None} for row in SHOWN], [], BARE)
    said = " ".join(encode(log, "for_you", DAYS, TINY).unsaid)

    assert "slots" in said
    assert "a list of items" in said
    assert "an ad" in said


def test_a_catalogue_forgets_what_its_lifetime_ended():
    def listed(hours):
        stated = replace(TINY, lifetime=hours * 3_600_000_000)
        return len(exposures(stated=stated).catalogue)

    # d was published 40 hours before the window, and is never shown.
    assert (listed(45), listed(35)) == (4, 3)


def test_too_few_people_are_not_spoken_of():
    with pytest.raises(TooLittleData, match="fewer than 20 people"):
        exposures(stated=Stated())
