"""What `sluice.store.port` promises, asked of every store alike."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import Conflict, DataError, IntegrityError, NotFound, Refused
from sluice.store.canary import Canary, CanaryMove
from sluice.store.ledger import Head, head, verify
from sluice.store.records import (
    Champion,
    Document,
    LedgerRow,
    MetricPoint,
    OutboxRow,
    Outcome,
    PointerMove,
    Position,
    Release,
    SnapshotRecord,
    State,
    Step,
    Validation,
    Verdict,
    Version,
)
from tests.lib.stores import T0, a_draft, a_move, a_promotion, register
from tests.lib.threads import at_once

HOUR = timedelta(hours=1)


def every_putable_record():
    point = ("feed", "r1", "score_drift", "psi[score]", T0, T0 + HOUR)
    return (
        SnapshotRecord("d1", "feed", T0, T0 + HOUR, 2**40, 7, 0, T0),
        Step(
            "k1", "retrain", "train", "feed", "d1", {"rows": 3, "auc": 0.1 + 0.2}, 1.5, T0
        ),
        Document.of("gate", {"b": [1, None, True, "ø"], "a": {"x": 1e-300}}, T0),
        Validation(
            "feed", "d1", "s1", "items", Outcome.FAIL, 12, ("null_rate", "ähm"), "d2", T0
        ),
        Verdict("feed", 1, "quality", Outcome.INCONCLUSIVE, "too few users", "d3", T0),
        Release("feed", "r1", 1, T0),
        MetricPoint(*point, None, Outcome.INCONCLUSIVE, 0, T0),
        MetricPoint(*point[:3], "psi[item.age]", T0, T0 + HOUR, 1 / 3, Outcome.PASS, 9, T0),
    )


def key(record):
    return {name: getattr(record, name) for name in record.key}


@pytest.mark.parametrize(
    "record", every_putable_record(), ids=lambda each: type(each).__name__
)
def test_what_is_put_is_read_back_exactly(store, record):
    register(store)

    assert store.put(record) == record
    assert store.get(type(record), **key(record)) == record
    assert store.find(type(record)) == (record,)


@pytest.mark.parametrize(
    "record", every_putable_record(), ids=lambda each: type(each).__name__
)
def test_the_same_content_again_returns_the_first_record(store, record):
    register(store)
    store.put(record)
    later = {name: T0 + HOUR for name in record.incidental if name.endswith("_at")}

    assert store.put(replace(record, **later)) == record
    assert store.find(type(record)) == (record,)


def test_other_content_under_the_same_key_is_a_conflict_that_names_the_field(store):
    register(store)
    verdict = store.put(
        Verdict("feed", 1, "data", Outcome.FAIL, "3 checks failed", "d", T0)
    )

    with pytest.raises(Conflict, match="outcome"):
        store.put(replace(verdict, outcome=Outcome.PASS))

    assert store.get(Verdict, surface="feed", version=1, gate="data") == verdict


def test_a_document_is_stored_under_the_digest_of_its_body_only(store):
    with pytest.raises(IntegrityError, match="digest"):
        store.put(Document("0" * 64, "gate", {"auc": 0.7}, T0))

    first = store.put(Document.of("gate", {"auc": 0.7}, T0))
    assert store.put(Document.of("comparison", {"auc": 0.7}, T0)) == first


def test_tuples_inside_a_json_body_become_lists(store):
    stored = store.put(Document.of("gate", {"pair": (1, 2)}, T0))

    assert stored.body == {"pair": [1, 2]}
    assert store.get(Document, digest=stored.digest) == stored


def test_numpy_numbers_become_plain_ones(store):
    numbers = {"seconds": np.float32(0.25)}
    step = replace(Step("k", "f", "s", "feed", "d", {}, 0.0, T0), **numbers)
    counts = {"exposures": np.int64(3)}
    snapshot = replace(SnapshotRecord("d", "feed", T0, T0, 0, 0, 0, T0), **counts)

    assert type(store.put(step).seconds) is float
    assert type(store.put(snapshot).exposures) is int


def test_changing_what_was_read_does_not_change_the_store(store):
    stored = store.put(Document.of("gate", {"auc": 0.7}, T0))
    stored.body["auc"] = 0.9

    assert store.find(Document)[0].body == {"auc": 0.7}


def test_a_time_from_another_zone_is_read_back_in_utc(store):
    there = timezone(timedelta(hours=5, minutes=30))
    store.put(SnapshotRecord("d", "feed", T0.astimezone(there), T0 + HOUR, 1, 1, 1, T0))

    start = store.find(SnapshotRecord)[0].start
    assert (start, start.utcoffset()) == (T0, timedelta(0))


REFUSED_VALUES = {
    "naive time": {"created_at": T0.replace(tzinfo=None)},
    "NaN": {"value": float("nan")},
    "infinity": {"value": float("inf")},
    "NUL": {"name": "psi\0"},
    "lone surrogate": {"name": "\ud800"},
    "too large": {"n": 2**63},
    "an object": {"value": object()},
}


@pytest.mark.parametrize("changed", REFUSED_VALUES.values(), ids=REFUSED_VALUES.keys())
def test_a_value_that_not_every_database_keeps_is_refused(store, changed):
    point = MetricPoint("feed", "r", "drift", "psi", T0, T0, 0.5, Outcome.PASS, 3, T0)

    with pytest.raises(DataError, match=next(iter(changed))):
        store.put(replace(point, **changed))
    assert store.find(MetricPoint) == ()


def test_a_body_with_nan_is_refused(store):
    with pytest.raises(DataError, match="body"):
        store.put(Document("d", "gate", {"auc": float("nan")}, T0))


@pytest.mark.parametrize(
    "record",
    [
        Position("feed", 1, State.CHAMPION, "r"),
        Champion("feed", 1, "r", 1, None, None),
        Canary("feed", 1, "r", 0.05, 1, T0),
        OutboxRow(1, "feed", 1, "r", 1),
        Version("feed", 2, "r", "m", "s", "p", "c", "f", "ann", T0),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_only_transitions_may_write_cannot_be_put(store, record):
    register(store)

    with pytest.raises(Refused, match="never put"):
        store.put(record)


@pytest.mark.parametrize("number", [0, 2])
def test_a_verdict_or_release_of_an_unknown_version_is_refused(store, number):
    register(store)

    with pytest.raises(NotFound, match=f"no version {number}"):
        store.put(Verdict("feed", number, "data", Outcome.PASS, "ok", "d", T0))
    with pytest.raises(NotFound, match=f"no version {number}"):
        store.put(Release("feed", "r", number, T0))


def test_records_are_found_by_their_fields_in_key_order(store):
    names = ["b", "B", "a", "ä", "_", "a0", "Z"]
    for name in names:
        store.put(
            MetricPoint(
                "feed", "r", "drift", name, T0, T0, None, Outcome.PASS, len(name), T0
            )
        )
    store.put(MetricPoint("ads", "r", "drift", "a", T0, T0, 1.0, Outcome.FAIL, 1, T0))

    assert [each.name for each in store.find(MetricPoint, surface="feed")] == sorted(names)
    assert [each.surface for each in store.find(MetricPoint, value=None, name="a")] == [
        "feed"
    ]
    assert [each.surface for each in store.find(MetricPoint, outcome=Outcome.FAIL)] == [
        "ads"
    ]
    assert store.find(MetricPoint, start=T0 + HOUR) == ()


def test_numbers_are_ordered_as_numbers(store):
    for number in range(1, 12):
        register(store, f"run-{number}")

    assert [each.number for each in store.find(Version)] == list(range(1, 12))


@pytest.mark.parametrize("unknown", ["colour", "body"])
def test_finding_by_a_field_that_is_not_there_or_holds_json_is_a_mistake(store, unknown):
    with pytest.raises(TypeError, match=unknown):
        store.find(Document, **{unknown: "x"})


def test_getting_by_less_than_the_key_is_a_mistake(store):
    with pytest.raises(TypeError, match="surface, number"):
        store.get(Version, surface="feed")


def test_versions_are_numbered_upward_from_one_for_each_surface(store):
    numbers = [
        register(store, run, surface) for surface in ("feed", "ads") for run in ("a", "b")
    ]

    assert numbers == [1, 2, 1, 2]
    assert store.get(Position, surface="ads", version=2) == Position(
        "ads", 2, State.CANDIDATE, None
    )


def test_the_same_run_registers_once(store):
    first = store.register(a_draft(), actor="ann", role="trainer", at=T0)
    again = store.register(a_draft(author="bob"), actor="bob", role="trainer", at=T0 + HOUR)

    assert again == first
    assert [row.action for row in store.find(LedgerRow)] == ["register"]


def test_a_run_that_trained_another_model_is_a_conflict(store):
    register(store)

    with pytest.raises(Conflict, match="model"):
        store.register(a_draft(model="other"), actor="ann", role="trainer", at=T0)
    assert len(store.find(Version)) == len(store.find(LedgerRow)) == 1


def test_a_transition_moves_the_state_and_writes_the_ledger(store):
    register(store)

    row = store.transition(a_move(1, evidence=("d1", "d2"), release="r1"))

    assert store.get(Position, surface="feed", version=1) == Position(
        "feed", 1, State.GATED, "r1"
    )
    assert store.get(LedgerRow, sequence=2) == row
    assert (row.before, row.after, row.evidence, row.epoch) == (
        "candidate",
        "gated",
        ("d1", "d2"),
        None,
    )
    assert row.at == T0 + timedelta(minutes=1)
    assert store.find(OutboxRow) == ()


def test_a_later_move_keeps_the_release(store):
    register(store)
    store.transition(a_move(1, release="r1"))
    store.transition(
        a_move(1, expected=State.GATED, after=State.BLOCKED, idempotency_key="again")
    )

    assert store.find(Position)[0].release == "r1"


def test_the_same_key_again_returns_the_first_row_and_changes_nothing(store):
    register(store)
    first = store.transition(a_move(1))

    assert store.transition(a_move(1, at=T0 + HOUR)) == first
    assert len(store.find(LedgerRow)) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"after": State.BLOCKED}, {"reason": "because"}, {"actor": "eve"}, {"evidence": ("d",)},
        {"release": "r"}, {"surface": "ads"}, {"pointer": PointerMove(0, 1, "r", None, None)},
        {"also": ((1, State.CANDIDATE, State.GATED),)}, {"canary": CanaryMove(0, "r", 0.1)},
    ],
    ids=lambda each: next(iter(each)),
)  # fmt: skip
def test_the_same_key_with_another_request_is_a_conflict(store, other):
    register(store)
    register(store, surface="ads")
    store.transition(a_move(1))

    with pytest.raises(Conflict, match="'gate:1' belongs to ledger row 3"):
        store.transition(a_move(1, **other))
    assert len(store.find(LedgerRow)) == 3


def test_a_version_in_another_state_is_a_conflict_that_names_both(store):
    register(store)

    with pytest.raises(Conflict, match="is candidate, expected approved"):
        store.transition(a_move(1, expected=State.APPROVED))


def test_an_unknown_version_is_not_found(store):
    with pytest.raises(NotFound, match="no version 9"):
        store.transition(a_move(9))


def test_a_promotion_moves_pointer_states_ledger_and_outbox_together(store):
    register(store, "a")
    register(store, "b")
    store.transition(a_promotion(1))

    row = store.transition(
        a_promotion(
            2,
            pointer=PointerMove(1, 2, "release 2", 1, "release 1"),
            also=((1, State.CHAMPION_PROVISIONAL, State.RETIRED),),
        )
    )

    assert store.find(Champion) == (Champion("feed", 2, "release 2", 2, 1, "release 1"),)
    assert [each.state for each in store.find(Position)] == [
        "retired",
        "champion_provisional",
    ]
    assert store.find(OutboxRow) == (
        OutboxRow(3, "feed", 1, "release 1", 1),
        OutboxRow(row.sequence, "feed", 2, "release 2", 2),
    )
    assert row.epoch == 2


@pytest.mark.parametrize("epoch", [0, 2, -1])
def test_a_pointer_at_another_epoch_is_a_conflict_and_leaves_no_trace(store, epoch):
    register(store, "a")
    register(store, "b")
    store.transition(a_promotion(1))
    before = [store.find(kind) for kind in (LedgerRow, Position, Champion, OutboxRow)]

    with pytest.raises(Conflict, match=f"epoch 1, expected {epoch}"):
        store.transition(a_promotion(2, epoch))

    assert [
        store.find(kind) for kind in (LedgerRow, Position, Champion, OutboxRow)
    ] == before


def a_canary(version, epoch=0, share=0.05, **changes):
    move = CanaryMove(epoch, f"release {version}", share)
    named = {"action": "canary", "idempotency_key": f"canary:{version}:{epoch}"}
    return a_move(version, after=State.CANDIDATE, canary=move, **{**named, **changes})


def test_a_canary_moves_beside_the_champion_with_ledger_and_outbox(store):
    register(store, "a")
    register(store, "b")
    champion = store.transition(a_promotion(1))

    started = store.transition(a_canary(2))
    ended = store.transition(a_canary(2, 1, 0.0, at=T0 + HOUR))

    assert store.find(Canary) == (Canary("feed", 2, "release 2", 0.0, 2, T0 + HOUR),)
    assert store.find(Champion) == (Champion("feed", 1, "release 1", 1, None, None),)
    assert store.find(OutboxRow) == (
        OutboxRow(champion.sequence, "feed", 1, "release 1", 1),
        OutboxRow(started.sequence, "feed", 2, "release 2", 1, share=0.05),
        OutboxRow(ended.sequence, "feed", 2, "release 2", 2, share=0.0),
    )
    assert store.find(OutboxRow, share=None)[0].sequence == champion.sequence
    # The ledger's epochs are the champion's alone.
    assert (started.epoch, ended.epoch) == (None, None)
    assert verify(store.find(LedgerRow)) == []


@pytest.mark.parametrize("epoch", [0, 2, -1])
def test_a_canary_at_another_epoch_is_a_conflict_and_leaves_no_trace(store, epoch):
    register(store, "a")
    register(store, "b")
    store.transition(a_canary(1))
    kinds = (LedgerRow, Position, Canary, OutboxRow)
    before = [store.find(kind) for kind in kinds]

    with pytest.raises(Conflict, match=f"epoch 1, expected {epoch}"):
        store.transition(a_canary(2, epoch))

    assert [store.find(kind) for kind in kinds] == before


def test_champion_and_canary_never_move_at_once(store):
    register(store)

    with pytest.raises(Refused, match="at once"):
        store.transition(a_promotion(1, canary=CanaryMove(0, "release 1", 0.1)))
    assert len(store.find(LedgerRow)) == 1


def test_of_eight_canaries_at_once_exactly_one_starts(store):
    for number in range(1, 9):
        register(store, f"run-{number}")

    rows = at_once(lambda number: attempt(store, a_canary(number)), range(1, 9))

    (won,) = [row for row in rows if row]
    assert [each.version for each in store.find(Canary)] == [won.version]
    assert len(store.find(OutboxRow)) == 1
    assert verify(store.find(LedgerRow)) == []


def test_another_version_moved_with_it_must_be_where_it_is_expected(store):
    register(store, "a")
    register(store, "b")

    with pytest.raises(Conflict, match="version 2 of feed is candidate, expected champion"):
        store.transition(a_promotion(1, also=((2, State.CHAMPION, State.RETIRED),)))

    assert [each.state for each in store.find(Position)] == ["candidate", "candidate"]
    assert store.find(Champion) == ()


def test_an_outbox_row_is_acknowledged_once_and_for_good(store):
    register(store)
    sequence = store.transition(a_promotion(1)).sequence
    store.acknowledge(sequence)
    store.acknowledge(sequence)

    assert store.find(OutboxRow, delivered=False) == ()
    assert store.find(OutboxRow, delivered=True)[0].sequence == sequence
    with pytest.raises(NotFound, match="no row 99"):
        store.acknowledge(99)


def test_the_ledger_is_one_verifiable_chain_over_all_surfaces(store):
    for surface in ("feed", "ads"):
        register(store, surface=surface)
        store.transition(a_move(1, surface=surface, idempotency_key=f"gate:{surface}"))

    rows = store.find(LedgerRow)
    assert [row.sequence for row in rows] == [1, 2, 3, 4]
    assert verify(rows, head(store)) == []
    assert head(store) == Head(4, rows[-1].hash)


def attempt(store, transition):
    try:
        return store.transition(transition)
    except Conflict:
        return None


def test_of_eight_promoters_at_once_exactly_one_wins(store):
    for number in range(1, 9):
        register(store, f"run-{number}")

    rows = at_once(lambda number: attempt(store, a_promotion(number)), range(1, 9))

    (won,) = [row for row in rows if row]
    assert [each.version for each in store.find(Champion)] == [won.version]
    assert [
        each.version for each in store.find(Position, state=State.CHAMPION_PROVISIONAL)
    ] == [won.version]
    assert len(store.find(OutboxRow)) == 1
    assert verify(store.find(LedgerRow)) == []


def test_eight_retries_of_one_request_at_once_leave_one_row(store):
    register(store)

    rows = set(at_once(lambda _: store.transition(a_promotion(1)), range(8)))

    assert len(rows) == 1
    assert len(store.find(LedgerRow)) == 2


def test_eight_registrations_at_once_number_without_gap_or_double(store):
    runs = ["a", "b", "c", "d"] * 2

    numbers = at_once(lambda run: register(store, run), runs)

    assert sorted(set(numbers)) == [1, 2, 3, 4]
    assert numbers[:4] == numbers[4:]
    assert verify(store.find(LedgerRow)) == []


def test_eight_writers_of_one_record_at_once_store_it_once(store):
    document = Document.of("gate", {"auc": 0.7}, T0)

    stored = set(at_once(lambda _: store.put(document).digest, range(8)))

    assert stored == {document.digest}
    assert len(store.find(Document)) == 1


TIMES = st.datetimes(
    T0.replace(year=1900, tzinfo=None),
    T0.replace(year=2200, tzinfo=None),
    timezones=st.just(UTC),
)
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    start=TIMES,
    end=TIMES,
    name=TEXTS,
    value=FLOATS | st.none(),
    body=st.dictionaries(TEXTS, FLOATS),
)
def test_any_time_text_and_number_makes_the_round_trip(
    store, start, end, name, value, body
):
    point = MetricPoint("feed", "r", "m", name, start, end, value, Outcome.PASS, 1, start)
    document = Document.of("any", body, end)

    first = store.put(point)
    store.put(document)

    assert store.get(MetricPoint, **key(point)) == first
    assert first.start == start
    assert store.get(Document, digest=document.digest).body == body
