"""A canary from the command line: started, judged by what the event log says of clicks, and ended."""

import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest

from sluice.canary_spec import CanarySpec
from sluice.cli.installation import signed_pointer
from sluice.data.event_log import EventLog
from sluice.data.schema import EXPOSURES, FEEDBACK, ITEMS
from sluice.data.tables import LogTables
from sluice.errors import Conflict, Held, UserError
from sluice.registry.audit import audit
from sluice.registry.canary_arm import in_canary
from sluice.registry.canary_pointer import read_canary_pointer
from sluice.registry.keys import KeyRing
from sluice.registry.moves import version_of
from sluice.registry.relay import relay
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.records import LedgerRow, MetricPoint, Outcome, State
from tests.lib import promotions
from tests.lib.canaries import STARTED, start
from tests.lib.installations import LATER, Installation
from tests.lib.promotions import bring
from tests.lib.random_logs import table
from tests.lib.releases import small_release

pytestmark = pytest.mark.integration

SURFACE = """
name = "feed"
owner = "ann"
tier = "experimental"

[gates]
mandatory = ["data", "leakage", "quality", "replay"]

[review]
reviewers = ["rita"]

[serving.canary]
margin = 0.15
min_requests = 200
"""
SPEC = CanarySpec(margin=0.15, min_requests=200)
SHARE = 0.5
PEOPLE = 6000


@pytest.fixture
def installation(tmp_path, monkeypatch, prefect_url):
    """A champion, and an approved version with a real release of each; no event yet."""
    surfaces = tmp_path / "surfaces"
    surfaces.mkdir()
    (surfaces / "feed.toml").write_text(SURFACE)
    found = Installation(tmp_path / "home", surfaces, {"PREFECT_API_URL": prefect_url})
    releases = {
        n: small_release(found.home / "releases", n, surface="feed") for n in (1, 2)
    }
    monkeypatch.setattr(promotions, "release_of", lambda each: releases[each.number])
    (found.home / "log").mkdir()
    with opened(found) as store:
        bring(store, State.CHAMPION, "champion")
        bring(store, State.APPROVED, "candidate")
        settings = load_settings(found.variables(), found.home)
        promotions.trust_in(settings.review_keys, "rita")
        relay(store, [signed_pointer(settings, store)])
    return found


def opened(installation):
    return open_store(f"sqlite:///{installation.home / 'sluice.db'}")


def pointer(installation):
    keys = KeyRing(installation.home / "keys")
    return read_canary_pointer(installation.home / "serving", "feed", keys)


def disagreeing(installation):
    """What ledger, canary and pointers do not agree on; the releases here are too small for a whole audit."""
    keys = KeyRing(installation.home / "keys")
    with opened(installation) as store:
        return audit(store, pointers=installation.home / "serving", keys=keys)


def clicked(installation, effect, spec=SPEC, seed=1):
    """A week in which both releases answered; with the canary the chance to click is another."""
    rng = np.random.default_rng(seed)
    with opened(installation) as store:
        start(store, version_of(store, "feed", 2), SHARE, spec=spec)
    champion, canary = (promotions.release_of(each) for each in (Numbered(1), Numbered(2)))
    shown, clicks = [], []
    for person in range(PEOPLE):
        user = f"user{person}"
        own = in_canary(user, SHARE, canary)
        taste = rng.beta(4, 8) * (1 + effect if own else 1)
        for nth in range(1 + rng.poisson(1.5)):
            at = STARTED + timedelta(seconds=float(rng.uniform(0, 7 * 86400 - 60)))
            request = {
                "request_id": f"{user}-{nth}", "user_id": user, "surface": "feed", "ts": at,
                "item_id": "i1", "position": 1, "release": canary if own else champion,
            }  # fmt: skip
            shown.append(request)
            if rng.random() < taste:
                clicks.append(
                    {"request_id": f"{user}-{nth}", "user_id": user, "item_id": "i1",
                     "kind": "click", "value": 1.0, "ts": at + timedelta(seconds=3),
                     "received_ts": at + timedelta(seconds=9)}
                )  # fmt: skip
    items = [{"item_id": "i1", "valid_from": STARTED - timedelta(days=1)}]
    tables = LogTables(
        exposures=table(EXPOSURES, shown).sort("ts", "request_id"),
        feedback=table(FEEDBACK, clicks).sort("received_ts", "ts"),
        items=table(ITEMS, items),
    )
    EventLog(installation.home / "log").append(tables, at=LATER)


class Numbered:
    """Enough of a version for `release_of`."""

    def __init__(self, number):
        self.number = number


def judge(installation, days):
    until = (STARTED + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")
    return installation.sluice("canary", "judge", "feed", "--until", until, "--json")


def test_one_that_is_worse_by_a_fifth_is_withdrawn_by_itself_with_its_evidence(
    installation,
):
    clicked(installation, effect=-0.2, spec=CanarySpec(min_requests=200))
    early = judge(installation, 0.001)
    assert (early.code, early.json["state"]) == (Held.exit_code, "waits")

    done = judge(installation, 7.1)

    assert done.code == Held.exit_code, done.err
    found = done.json
    assert (found["verdict"], found["state"]) == ("worse", "withdrawn")
    assert found["elsewhere"] == found["strayed"] == 0
    assert found["comparisons"][0]["high"] < -0.02
    held = pointer(installation)
    assert (held.version, held.share, held.epoch) == (2, 0.0, 2)
    with opened(installation) as store:
        row = store.find(LedgerRow)[-1]
        points = store.find(MetricPoint, monitor="canary")
    assert (row.action, row.actor, row.evidence) == (
        "withdraw", "sluice", (held.release, found["document"]),
    )  # fmt: skip
    assert {point.outcome for point in points} == {Outcome.FAIL}
    assert disagreeing(installation) == []
    again = judge(installation, 7.2)
    assert again.code == UserError.exit_code
    assert "no canary runs" in again.json["error"]


def test_an_equal_one_stays_and_says_so_and_a_look_is_taken_once(installation):
    clicked(installation, effect=0.0)

    done = judge(installation, 7.1)
    assert done.code == 0, done.out
    assert done.json["verdict"] in {"not_worse", "better"}
    assert done.json["state"] == "stays"
    assert judge(installation, 30.0).json["document"] == done.json["document"]
    assert pointer(installation).share == SHARE


def test_without_clicks_it_is_inconclusive_to_the_end_and_then_withdrawn(installation):
    with opened(installation) as store:
        start(store, version_of(store, "feed", 2), SHARE, spec=SPEC)

    meanwhile = judge(installation, 3.0)
    assert meanwhile.code == Held.exit_code
    assert (meanwhile.json["verdict"], meanwhile.json["state"]) == (
        "inconclusive", "goes_on",
    )  # fmt: skip
    assert pointer(installation).share == SHARE

    last = judge(installation, 7.1)
    assert (last.code, last.json["state"]) == (Held.exit_code, "withdrawn")
    assert pointer(installation).share == 0
    with opened(installation) as store:
        assert store.find(LedgerRow)[-1].reason.startswith(
            "inconclusive to the end: 0 requests"
        )


def test_a_person_starts_shows_and_stops_one(installation):
    begin = (
        "canary",
        "start",
        "feed",
        "2",
        "--share",
        "0.05",
        "--by",
        "ann",
        "--reason",
        "why",
    )
    started = installation.must(*begin)

    assert (started["runs"], started["share"]) == (True, 0.05)
    assert pointer(installation).share == 0.05
    assert (installation.home / "signatures" / f"{started['release']}.json").is_file()
    assert installation.must(*begin)["ledger"] == started["ledger"]
    other = installation.sluice(
        *(each if each != "0.05" else "0.1" for each in begin), "--json"
    )
    assert other.code == Conflict.exit_code
    stopped = installation.must(
        "canary", "stop", "feed", "--by", "ann", "--reason", "enough"
    )
    assert (stopped["runs"], pointer(installation).share) == (False, 0.0)
    history = installation.must("canary", "show", "feed")["history"]
    assert [each["action"] for each in history] == ["canary", "canary_stop"]
    assert disagreeing(installation) == []


WHEN_DUE = """
from sluice.flows.schedule import canary_due
state = canary_due("feed", return_state=True)
print(state.type.value, state.name, state.message, sep="|")
"""


def test_on_a_schedule_it_is_skipped_while_no_canary_runs(installation):
    done = subprocess.run(
        [sys.executable, "-c", WHEN_DUE],
        env={**installation.variables(), "SLUICE_HOME": str(installation.home)}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.strip().startswith("COMPLETED|Skipped|no canary runs on feed")


def test_a_shadow_without_rows_is_said_to_have_none(installation):
    done = installation.sluice("shadow", "feed", "2", "--json")

    assert done.code == Held.exit_code
    assert done.json["requests"] == 0
