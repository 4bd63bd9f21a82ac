"""The suites in a real Great Expectations, its pages in a real browser."""

import logging
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.monitors.recording import record
from sluice.monitors.validation import outcome_of, validate
from sluice.store.memory import MemoryStore
from sluice.store.records import Document, Outcome, Validation
from sluice.surface import DataSpec
from tests.lib.browser import chromium
from tests.lib.monitors import START, empty_log, sound_log
from tests.lib.real_data import real_data

pytestmark = pytest.mark.integration

LOG = sound_log()
DATA = DataSpec(min_requests=50)
CANARY = "canary-4711"


def failing(tables, **options):
    return {
        each.suite: each.failing for each in validate(tables, DATA, docs=None, **options)
    }


def of(tables, suite):
    return next(each for each in validate(tables, DATA, docs=None) if each.suite == suite)


def test_a_sound_log_passes_every_suite():
    reports = validate(LOG, DATA, docs=None)

    assert [each.suite for each in reports] == ["exposures", "feedback", "items", "log"]
    assert {each.outcome for each in reports} == {Outcome.PASS}
    assert all(each.checks == len(each.results["checks"]) for each in reports)


def test_no_rows_never_pass():
    reports = validate(empty_log(), DATA, docs=None)

    assert {each.outcome for each in reports} == {Outcome.INCONCLUSIVE}


def test_too_few_requests_are_inconclusive():
    few = sound_log(requests=40)

    assert of(few, "log").outcome is Outcome.INCONCLUSIVE
    assert of(few, "log").failing == ("requests",)


def exposures(change):
    return lambda log: replace(log, exposures=change(log.exposures))


def feedback(change):
    return lambda log: replace(log, feedback=change(log.feedback))


def items(change):
    return lambda log: replace(log, items=change(log.items))


def null_on(name, condition):
    return pl.when(condition).then(None).otherwise(pl.col(name)).alias(name)


FIRST = pl.int_range(pl.len()) == 0
FAULTS = {
    "null user": (exposures(lambda t: t.with_columns(null_on("user_id", FIRST))), "exposures", "null_rate[user_id]"),
    "mostly null position": (exposures(lambda t: t.with_columns(null_on("position", pl.col("position") > 1))), "exposures", "null_rate[position]"),
    "all-null required column": (exposures(lambda t: t.with_columns(surface=pl.lit(None, pl.String))), "exposures", "null_rate[surface]"),
    "NaN in a required column": (feedback(lambda t: t.with_columns(value=pl.lit(float("nan")))), "feedback", "null_rate[value]"),
    "missing column": (exposures(lambda t: t.drop("score")), "exposures", "columns"),
    "extra column": (items(lambda t: t.with_columns(extra=1)), "items", "columns"),
    "renamed column": (feedback(lambda t: t.rename({"kind": "sort"})), "feedback", "type[kind]"),
    "time as a number": (exposures(lambda t: t.with_columns(pl.col("ts").cast(pl.Int64))), "exposures", "type[ts]"),
    "number as text": (items(lambda t: t.with_columns(pl.col("quality").cast(pl.String))), "items", "type[quality]"),
    "row twice": (exposures(lambda t: pl.concat([t, t.head(1)])), "exposures", "unique[request_id, item_id]"),
    "item facts twice": (items(lambda t: pl.concat([t, t.head(1)])), "items", "unique[item_id, valid_from]"),
    "slot 0": (exposures(lambda t: t.with_columns(position=pl.lit(0, pl.Int32))), "exposures", "range[position]"),
    "infinite score": (exposures(lambda t: t.with_columns(score=pl.lit(float("inf")))), "exposures", "range[score]"),
    "propensity over 1": (exposures(lambda t: t.with_columns(propensity=pl.lit(1.5))), "exposures", "range[propensity]"),
    "infinite context": (exposures(lambda t: t.with_columns(context_device=pl.lit(float("inf"), pl.Float32))), "exposures", "range[context_device]"),
    "seconds as microseconds": (exposures(lambda t: t.with_columns((pl.col("ts").cast(pl.Int64) // 1_000_000).cast(pl.Datetime("us", "UTC")))), "exposures", "range[ts]"),
    "unknown kind": (feedback(lambda t: t.with_columns(kind=pl.lit(CANARY))), "feedback", "kind"),
    "negative value": (feedback(lambda t: t.with_columns(value=pl.lit(-1.0))), "feedback", "range[value]"),
    "received before it happened": (feedback(lambda t: t.with_columns(received_ts=pl.col("ts") - timedelta(seconds=1))), "feedback", "received_not_before_ts"),
    "published in 2200": (items(lambda t: t.with_columns(published_at=pl.col("published_at") + timedelta(days=65_000))), "items", "range[published_at]"),
    "feedback to nobody's request": (feedback(lambda t: t.with_columns(request_id=pl.lit(CANARY))), "log", "orphan_feedback"),
    "label before its request": (feedback(lambda t: t.with_columns(pl.col("ts") - timedelta(seconds=40))), "log", "feedback_before_exposure"),
    "another user's click": (feedback(lambda t: t.with_columns(user_id=pl.lit(CANARY))), "log", "feedback_by_another_user"),
    "items without facts": (items(lambda t: t.head(10)), "log", "shown_items_without_facts"),
    "no label": (feedback(lambda t: t.with_columns(kind=pl.lit("like"))), "log", "labelled_requests"),
    "constant label": (feedback(lambda t: t.with_columns(kind=pl.lit("like"))), "log", "label_grades"),
    "a day missing": (exposures(lambda t: t.filter(pl.col("ts").dt.day() != START.day + 1)), "log", "covered_days"),
    "table of another shape": (items(lambda t: t.drop("quality")), "log", "items.misfit_columns"),
}  # fmt: skip


@pytest.mark.parametrize("native_rows", [10**6, 0], ids=["rows", "figures"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_by_its_check(fault, native_rows):
    spoil, suite, check = FAULTS[fault]

    assert check in failing(spoil(LOG), native_rows=native_rows)[suite]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    nulls=st.sets(st.integers(0, 19)), values=st.lists(st.floats(), min_size=20, max_size=20),
    twice=st.booleans(),
)  # fmt: skip
def test_rows_and_figures_give_the_same_verdicts(nulls, values, twice):
    row = pl.int_range(pl.len())
    spoilt = LOG.items.with_columns(
        null_on("provider_id", row.is_in(list(nulls))),
        quality=pl.Series(values, dtype=pl.Float64),
    )
    tables = replace(LOG, items=pl.concat([spoilt, spoilt.head(1)]) if twice else spoilt)

    assert failing(tables, native_rows=0) == failing(tables, native_rows=10**6)


def test_no_raw_value_reaches_a_report_a_page_or_a_log(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    tables = replace(
        LOG,
        exposures=LOG.exposures.with_columns(user_id=pl.lit(CANARY), score=pl.lit(4711.25)),
        feedback=LOG.feedback.with_columns(kind=pl.lit(CANARY), request_id=pl.lit(CANARY)),
        items=LOG.items.with_columns(provider_id=pl.lit(CANARY), quality=pl.lit(4711.25)),
    )

    reports = validate(tables, DATA, docs=tmp_path)

    written = "".join(page.read_text() for page in tmp_path.rglob("*") if page.is_file())
    out, err = capfd.readouterr()
    everything = repr(reports) + written + caplog.text + out + err
    assert {each.outcome for each in reports} == {Outcome.PASS, Outcome.FAIL}
    assert CANARY not in everything
    assert "4711" not in everything


def test_a_check_that_raises_fails_without_saying_what_it_raised_on():
    from sluice.monitors.expectations import run_suite
    from sluice.monitors.suites import Check, Rule, Suite

    check = Check("range", Rule.BETWEEN, ("a",), low=0, high=1)

    result = run_suite(Suite("t", (check,)), pl.DataFrame({"a": [CANARY]}))

    assert not result.success
    assert result.results[0].meta == {"raised": True}
    assert CANARY not in str(result)
    assert outcome_of((check,)) is Outcome.FAIL


def test_nothing_is_written_but_the_pages(tmp_path, monkeypatch):
    home = tmp_path / "home"
    for folder in (home, tmp_path / "docs"):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(home))
    monkeypatch.chdir(home)

    validate(LOG, DATA, docs=tmp_path / "docs")

    assert list(home.rglob("*")) == []
    assert {page.name for page in (tmp_path / "docs").iterdir()} == {
        "index.html", "exposures.html", "feedback.html", "items.html", "log.html",
    }  # fmt: skip


def test_validating_releases_the_frame():
    import gc

    import pandas as pd

    validate(LOG, DATA, docs=None)
    gc.collect()

    held = [each for each in gc.get_objects() if isinstance(each, pd.DataFrame)]
    assert [frame.shape for frame in held if "item_id" in frame.columns] == []


@pytest.mark.browser
def test_the_pages_stand_alone_in_a_browser(tmp_path):
    from playwright.sync_api import sync_playwright

    spoil, _, _ = FAULTS["unknown kind"]
    validate(spoil(LOG), DATA, docs=tmp_path)
    asked, refused = set(), set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium(playwright))
        page = browser.new_page()
        page.on("request", lambda request: asked.add(request.url))
        page.on(
            "requestfailed", lambda r: refused.add(r.url) if r.failure == "csp" else None
        )
        page.goto((tmp_path / "index.html").as_uri())
        page.get_by_role("link", name="feedback").click()
        heading = page.get_by_role("heading", level=1).inner_text()
        page.wait_for_load_state()
        said = page.locator("tr", has_text="must belong to this set").locator("i").first
        drawn = said.evaluate("each => getComputedStyle(each, '::before').content")
        browser.close()

    assert heading == "feedback: fail"
    assert "fail" in drawn
    assert {url.split(":")[0] for url in asked - refused} == {"file"}


def test_recording_twice_changes_nothing():
    store = MemoryStore()
    reports = validate(LOG, DATA, docs=None)

    for minutes in (0, 5):
        record(
            store, "feed", "snapshot", "spec", reports, START + timedelta(minutes=minutes)
        )

    rows = store.find(Validation, surface="feed")
    assert {row.suite for row in rows} == {"exposures", "feedback", "items", "log"}
    assert {row.created_at for row in rows} == {START}
    for row in rows:
        stored = store.get(Document, digest=row.evidence)
        assert stored is not None
        assert stored.body["suite"] == row.suite


def test_a_week_of_a_real_publisher_passes():
    from sluice.data.adapters import read_source

    reports = validate(
        read_source("ebnerd", real_data("ebnerd_demo/train")), DataSpec(), docs=None
    )

    assert {each.suite: each.failing for each in reports} == {
        "exposures": (), "feedback": (), "items": (), "log": (),
    }  # fmt: skip
