"""`sluice tradeoffs` over a small feed: a fitted version, its judged requests, every mechanism."""

import json
from datetime import UTC, datetime

import pytest

from sluice.data.event_log import EventLog
from sluice.data.snapshot import take
from sluice.flows import trial
from sluice.flows.candidates import keep_candidate
from sluice.registry import promotion
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.records import Draft
from sluice.surface import load_surface, surface_path
from tests.lib.installations import small_installation

AT = datetime(2026, 2, 1, tzinfo=UTC)
DECLARED = """
[[mechanisms]]
kind = "provider_floors"
floor = 0.95
[[mechanisms]]
kind = "spacing"
weight = 0.2
"""
PARTIES = {"users", "providers", "policy"}
PNG = b"\x89PNG\r\n"


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """One version, fitted and registered; nothing judged it yet."""
    made = small_installation(tmp_path_factory.mktemp("tradeoffs"))
    settings = load_settings(made.variables(), made.home)
    surface = load_surface(surface_path(settings.surfaces, "for_you"))
    log = EventLog(settings.log)
    snapshot = take(log, log.window(), settings.snapshots, "for_you")
    prepared = trial.prepare(surface, snapshot.read(), snapshot.window)
    model = keep_candidate(
        settings.models, trial.fit(surface, prepared), prepared.replayed.state
    )
    draft = Draft(
        surface="for_you", run="r", model=model, snapshot=snapshot.digest, spec="s", code="c",
        family="lambdamart", author="ann",
    )  # fmt: skip
    with open_store(settings.database_url) as store:
        promotion.register(store, draft, actor="ann", at=AT)
    return made


@pytest.fixture(scope="module")
def found(installation):
    return installation.must("tradeoffs", "for_you")


def by_setting(found):
    return {(each["mechanism"], each["value"]): each for each in found["points"]}


def test_where_nothing_is_declared_every_mechanism_is_tried_alone(found):
    tried = {each["mechanism"] for each in found["points"]}

    assert tried == {
        "score", "provider_floors", "mmr of category", "dpp of category", "spacing",
        "calibration",
    }  # fmt: skip
    assert found["left_out"].keys() == {"mmr", "dpp", "ads"}
    assert found["left_out"]["mmr"] == "the log has no embeddings"
    assert not any(each["declared"] for each in found["points"])


def test_every_point_says_what_each_party_gets_and_how_surely(found):
    assert {each["party"] for each in found["measures"].values()} == PARTIES
    for point in found["points"]:
        assert point["measures"].keys() == found["measures"].keys()
        for figures in point["measures"].values():
            assert figures["low"] <= figures["high"]
    for figures in by_setting(found)["score", None]["measures"].values():
        assert figures["difference"] == figures["low"] == figures["high"] == 0


def test_each_mechanism_does_what_it_is_for(found):
    points = by_setting(found)

    def change(mechanism, value, measure):
        return points[mechanism, value]["measures"][measure]

    assert change("spacing", 0.5, "category_entropy")["low"] > 0
    assert change("mmr of category", 0.5, "categories@10")["low"] > 0
    assert change("dpp of category", 0.5, "category_entropy")["low"] > 0
    assert change("calibration", 0.5, "miscalibration")["high"] < 0
    assert change("provider_floors", 0.98, "under_floor")["difference"] <= 0
    assert change("spacing", 0.5, "ndcg@10")["difference"] < 0


def test_the_front_holds_the_best_of_every_headline_measure(found):
    for name, measure in found["measures"].items():
        if measure["headline"]:
            sign = 1 if measure["better"] == "higher" else -1
            best = max(sign * each["measures"][name]["value"] for each in found["points"])
            assert any(
                each["pareto"] and sign * each["measures"][name]["value"] == best
                for each in found["points"]
            )


def test_picture_and_figures_lie_beside_each_other(installation, found):
    folder = installation.home / "evidence" / "for_you"

    assert found["picture"] == str(folder / "tradeoffs-1.png")
    assert (folder / "tradeoffs-1.png").read_bytes().startswith(PNG)
    written = json.loads((folder / "tradeoffs-1.json").read_text())
    assert written == {
        name: value for name, value in found.items() if name not in {"picture", "figures"}
    }


def test_declared_mechanisms_are_swept_one_at_a_time_and_shown_together(installation):
    path = installation.surfaces / "for_you.toml"
    before = path.read_text()
    path.write_text(before + DECLARED)
    try:
        done = installation.sluice("tradeoffs", "for_you")
        found = installation.must("tradeoffs", "for_you")
    finally:
        path.write_text(before)
    points = by_setting(found)

    assert done.code == 0
    assert "provider_floors" in done.out
    assert "●" in done.out
    assert "tradeoffs-1.png" in done.out
    assert "✓ intervals" in done.err
    assert {each["mechanism"] for each in found["points"]} == {
        "score", "declared", "provider_floors", "spacing",
    }  # fmt: skip
    together = points["declared", None]["measures"]
    assert together == points["spacing", 0.2]["measures"]
    assert together == points["provider_floors", 0.95]["measures"]
    assert found["floor"] == 0.95


def test_a_version_or_surface_that_there_is_not_is_told(installation):
    unknown = installation.sluice("tradeoffs", "for_you", "--version", "9", "--json")
    nothing = installation.sluice("tradeoffs", "search", "--json")

    assert unknown.code == nothing.code == 2
    assert "has no version 9" in unknown.json["error"]
    assert "surfaces there: for_you" in nothing.json["error"]
