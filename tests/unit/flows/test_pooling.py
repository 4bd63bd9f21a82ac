"""Windows that were held are judged on, with today's, against the same champion."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sluice.data.event_log import EventLog
from sluice.data.generated import generate
from sluice.data.snapshot import take
from sluice.data.tables import Window
from sluice.flows import retrain
from sluice.flows.memory import document
from sluice.flows.pooling import earlier_windows
from sluice.flows.retrain import Retraining, register
from sluice.flows.trial import Incumbent, load_incumbent
from sluice.flows.validate import freeze
from sluice.flows.workplace import Workplace
from sluice.gates.quality import pooled_of
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.surface import Surface
from tests.lib.retrainings import FEED, surface

DAYS = 6


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A champion after three days, and a candidate on each of the three after them."""
    home = tmp_path_factory.mktemp("pooled")
    log = EventLog(home / "log")
    log.append(generate(replace(FEED, days=DAYS)).tables)
    place = Workplace(load_settings({}, home), surface(), MemoryStore(), log)
    runs = [judged(place, 3)]
    first = runs[0][1].model
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retrain, "_incumbent", lambda _: incumbent(place, first))
        runs += [judged(place, day) for day in range(4, DAYS + 1)]
    return place, runs


def incumbent(place: Workplace, model: str, version: int = 1) -> Incumbent:
    return load_incumbent(place.settings.models / model, version, "r" * 64)


def judged(place: Workplace, day: int):
    snapshot = freeze(place, Window(FEED.start, FEED.start + timedelta(days=day)))
    retraining = Retraining(
        place, take(place.log, snapshot.window, place.settings.snapshots, "feed")
    )
    version = register(retraining, retraining.train())
    return retraining, version, document(place, retraining.evaluate(version.model))


def test_every_window_brings_only_what_none_before_it_judged(held):
    _, runs = held
    rows = runs[-1][2]["pooled"]["windows"]

    assert [row["version"] for row in rows] == [2, 3, None]
    assert [row["days"] for row in rows] == pytest.approx([8 / 7, 1.0, 1.0])
    pooled = pooled_of(runs[-1][2])
    assert pooled is not None
    assert pooled.days == pytest.approx(22 / 7)
    assert pooled.comparison.requests == sum(row["requests"] for row in rows)


def test_the_first_window_stands_alone(held):
    _, runs = held

    assert runs[0][2]["pooled"] == {}
    assert [row["version"] for row in runs[1][2]["pooled"]["windows"]] == [None]


def windows(
    held, declared: Surface | None = None, code: str | None = None, champion: int = 1
):
    place, runs = held
    if declared is not None:
        place = replace(place, surface=declared)
    last, first = runs[-1][0], runs[0][1]
    against = incumbent(place, first.model, champion)
    found = earlier_windows(place, code or last.code, against, last.snapshot.window.end)
    return [each.version for each in found]


def test_other_code_ranker_or_champion_begins_anew(held):
    assert windows(held) == [2, 3]
    assert windows(held, code="other") == []
    assert windows(held, surface(trees=6)) == []
    assert windows(held, champion=9) == []


def test_other_gates_are_the_same_configuration(held):
    declared = held[0].surface.model_dump(mode="json")
    declared["gates"]["quality"]["margin"] = 0.3
    other = Surface.model_validate(declared)

    assert windows(held, other) == [2, 3]
