"""What a suite declares, before any validator runs it."""

import pytest

from sluice.data.schema import TABLES, FeedbackKind
from sluice.monitors.suites import LogShape, Rule, Shape, log_suite, table_suite
from sluice.surface import DataSpec

DATA = DataSpec(min_requests=7, max_null_rate=0.25)


def shape(table, *, filled=frozenset(), misfits=()):
    return Shape(tuple(TABLES[table].names), frozenset(filled), tuple(misfits))


@pytest.mark.parametrize("table", TABLES)
def test_every_suite_starts_with_a_row_floor_and_the_column_set(table):
    first, second, *_ = table_suite(table, DATA, shape(table)).checks

    assert (first.rule, second.rule) == (Rule.ROWS, Rule.COLUMNS)
    assert first.low >= 1


@pytest.mark.parametrize("table", TABLES)
def test_every_required_column_tolerates_no_null(table):
    required = {field.name for field in TABLES[table] if not field.nullable}

    floors = {
        check.columns[0]: check.tolerated
        for check in table_suite(table, DATA, shape(table)).checks
        if check.rule is Rule.FILLED
    }

    assert floors == dict.fromkeys(required, 0.0)


@pytest.mark.parametrize(
    ("table", "column", "tolerated"),
    [
        ("exposures", "position", 0.25),
        ("items", "provider_id", 0.25),
        ("feedback", "request_id", None),  # null there means: outside any logged request
    ],
)
def test_a_nullable_column_with_a_value_gets_the_declared_null_rate(
    table, column, tolerated
):
    suite = table_suite(table, DATA, shape(table, filled={column}))

    found = {c.columns[0]: c.tolerated for c in suite.checks if c.rule is Rule.FILLED}

    assert found.get(column) == tolerated


def test_a_table_that_misses_a_column_is_judged_by_its_structure_alone():
    suite = table_suite("items", DATA, shape("items", misfits=["quality"]))

    assert [check.name for check in suite.checks] == ["rows", "columns", "type[quality]"]


def test_without_requests_only_types_and_the_request_floor_are_asked():
    suite = log_suite(DATA, LogShape(sound=True, requests=0, items=0, starts_inside=True))

    assert {check.name for check in suite.checks if check.quantity} == {"requests"}
    assert len(suite.checks) == len(TABLES) + 1


@pytest.mark.parametrize(
    ("items", "starts_inside", "asked", "orphans"),
    [(5, True, True, 0), (0, True, False, 0), (5, False, True, 0.01)],
)
def test_joins_follow_what_the_log_can_answer(items, starts_inside, asked, orphans):
    known = LogShape(sound=True, requests=9, items=items, starts_inside=starts_inside)

    checks = {check.name: check for check in log_suite(DATA, known).checks}

    assert ("shown_items_without_facts" in checks) is asked
    assert checks["orphan_feedback"].high == orphans


@pytest.mark.parametrize(
    ("label", "capped"), [(FeedbackKind.CLICK, True), (FeedbackKind.RELEVANCE, False)]
)
def test_only_a_plain_label_may_not_be_on_nearly_every_row(label, capped):
    known = LogShape(sound=True, requests=9, items=5, starts_inside=True)

    names = {check.name for check in log_suite(DataSpec(label=label), known).checks}

    assert ("labelled_rows" in names) is capped
