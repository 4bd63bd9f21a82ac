"""Columns of who clicks alike: what they mean, that they are causal, and that a server has their bits."""

import numpy as np
import pytest

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import ConfigError, IntegrityError
from sluice.features.declaration.alike import ALIKE_COLUMNS, AlikeSpec
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.engine.alike_sums import MOST, UNIT, empty_alike, with_room_for
from sluice.features.state.alike_vectors import Clicks, permuted, user_vectors
from sluice.features.state.audit import mutation_audit, probe_times
from sluice.features.state.delta import Cutter
from sluice.features.state.feature_state import FeatureState, Request
from sluice.features.state.late import Late
from sluice.features.state.replay import replay, replay_days
from sluice.features.state.state_file import restore
from tests.lib.alike_logs import DAY, ITEMS, SHOWN, between, two_kinds
from tests.lib.random_logs import START, log, micros

SPEC = FeatureSpec(windows=("1h",), alike=AlikeSpec(dimensions=8))
SPAN = DAY * 1_000_000
FIRST = len(
    replay(
        FeatureSpec(windows=("1h",)), FeedbackKind.CLICK, log([(0, "u", ["a"])])
    ).frame.names
)


def rebuilt(tables: LogTables, spec: FeatureSpec = SPEC, vectors=user_vectors):
    return replay(spec, FeedbackKind.CLICK, tables, vectors=vectors)


@pytest.fixture(scope="module")
def tables():
    return two_kinds()


@pytest.fixture(scope="module")
def replayed(tables):
    return rebuilt(tables)


def kinds_differ_by(frame, tables, name="alike.lift"):
    """Mean of a column for items of the person's own kind, less that for the others, in the last day."""
    users = np.array([int(user[1:]) for user in tables.exposures["user_id"]])
    items = np.array([int(item[1:]) for item in frame.item_ids])
    own, column = users % 2 == items % 2, frame.column(name)
    late = np.arange(frame.rows) >= frame.rows - 100 * SHOWN
    return np.nanmean(column[late & own]) - np.nanmean(column[late & ~own])


@pytest.mark.parametrize("name", ALIKE_COLUMNS)
def test_items_of_ones_own_kind_stand_out(replayed, tables, name):
    assert kinds_differ_by(replayed.frame, tables, name) > 0.05


def test_permuted_persons_say_next_to_nothing(replayed, tables):
    """Of twenty persons a kind some meet their own kind by chance, so the mean of several counts."""

    def placebo(seed):
        rng = np.random.default_rng(seed)
        vectors = rebuilt(tables, vectors=lambda *fit: permuted(user_vectors(*fit), rng))
        return kinds_differ_by(vectors.frame, tables)

    mean = np.mean([placebo(seed) for seed in range(8)])
    assert abs(mean) < 0.1 * kinds_differ_by(replayed.frame, tables)


def test_columns_are_what_a_plain_reading_says(replayed, tables):
    frame, nth = replayed.frame, 350
    ts, rows = int(frame.ts[nth]), slice(SHOWN * nth, SHOWN * (nth + 1))
    state = rebuilt(between(tables, None, ts + 1)).state
    vectors = state.known.alike.vectors / UNIT
    of = {user: vectors[state.ids.users.code(user)] for user in tables.exposures["user_id"]}
    known = between(tables, None, ts)

    def total(events, item):
        users = events.filter(events["item_id"] == item)["user_id"]
        return sum((of[user] for user in users), np.zeros(8)), len(users)

    person, found = of[tables.exposures["user_id"][rows.start]], []
    for item in frame.item_ids[rows]:
        (clicked, clicks), (shown, exposures) = (
            total(events, item) for events in (known.feedback, known.exposures)
        )
        lift = clicked - clicks / (exposures + 1) * shown
        found.append((
            person @ clicked / (clicks + 10), person @ lift / (clicks + 10),
            *(person @ each / np.linalg.norm(person) / np.linalg.norm(each) for each in (clicked, lift)),
        ))  # fmt: skip
    np.testing.assert_allclose(
        frame.features[rows, FIRST : FIRST + 4], np.array(found), rtol=1e-4, atol=1e-6
    )


def test_the_future_moves_no_column(replayed, tables):
    probes = probe_times(replayed.frame, 3)
    found = mutation_audit(lambda log: rebuilt(log).frame, tables, replayed.frame, probes)

    assert found.clean


def test_vectors_of_the_whole_log_are_caught(tables):
    def leaking(log):
        state = FeatureState.empty(SPEC)
        state.push(log)
        queue = state.known.queue
        clicks = slice(int(queue.first[1]), int(queue.end[1]))
        whole = Clicks(queue.codes[1, clicks], queue.codes[0, clicks])
        return rebuilt(log, vectors=lambda _, *asked: user_vectors(whole, *asked)).frame

    frame = leaking(tables)
    found = mutation_audit(leaking, tables, frame, probe_times(frame, 3))

    assert "alike.lift" in found.moved


@pytest.mark.parametrize("embargo", ["0s", "1h"])
def test_a_log_that_ends_gives_the_same_bits(tables, embargo):
    spec = SPEC.model_copy(update={"embargo": embargo})
    whole = rebuilt(tables, spec).frame.features[: 251 * SHOWN]
    short = rebuilt(two_kinds(251), spec).frame.features

    assert short.tobytes() == whole.tobytes()


@pytest.mark.parametrize("embargo", ["0s", "1h"])
def test_vectors_are_of_what_was_known_the_day_before(tables, embargo):
    spec = SPEC.model_copy(update={"embargo": embargo})
    late = 0 if embargo == "0s" else 3_600_000_000
    midnight = micros(START) + 3 * SPAN
    seen = []
    rebuilt(
        tables,
        spec,
        lambda clicks, *asked: seen.append(clicks) or user_vectors(clicks, *asked),
    )

    known = between(tables, None, midnight - late).feedback
    assert len(seen) == 4
    assert [len(clicks.users) for clicks in seen[::3]] == [0, len(known)]


@pytest.fixture(scope="module")
def released(tables, tmp_path_factory):
    """A state as a release has it, of what was known before some request of the last day."""
    folder = tmp_path_factory.mktemp("release")
    rebuilt(between(tables, None, NOW)).state.save(folder)
    return folder


NOW = micros(START) + 3 * SPAN + SPAN // 5
LATER = slice(320, 400)


def served(state, tables, frame, shuffled=None):
    """Features of the requests after the release, with what came in between pushed before each."""
    found, before = [], NOW
    for nth in range(LATER.start, LATER.stop):
        ts = int(frame.ts[nth])
        if ts > before:
            part = between(tables, before, ts)
            if shuffled is not None:
                part = LogTables(*(
                    each.sample(fraction=1.0, shuffle=True, seed=shuffled)
                    for each in (part.exposures, part.feedback, part.items)
                ))  # fmt: skip
                state.forget()
            state.push(part, Late.COUNT)
            before = ts
        rows = slice(int(frame.offsets[nth]), int(frame.offsets[nth + 1]))
        user = tables.exposures["user_id"][rows.start]
        found.append(state.features(Request(user, tuple(frame.item_ids[rows]), ts)))
    return np.concatenate(found)


@pytest.mark.parametrize("shuffled", [None, 1, 2])
def test_a_server_has_the_bits_of_the_replay(released, replayed, tables, shuffled):
    found = served(FeatureState.load(released), tables, replayed.frame, shuffled)

    expected = replayed.frame.features[LATER.start * SHOWN :]
    assert not np.isnan(expected[:, FIRST : FIRST + 4]).all()
    assert found.tobytes() == expected.tobytes()


def test_a_restarted_server_has_them_at_once(released, replayed, tables):
    state, frame = FeatureState.load(released), replayed.frame
    state.push(between(tables, NOW, int(frame.ts[-1])))
    rows = slice(-SHOWN, None)
    user = tables.exposures["user_id"][-1]
    found = state.features(Request(user, tuple(frame.item_ids[rows]), int(frame.ts[-1])))

    assert found.tobytes() == frame.features[rows].tobytes()


def test_a_candidate_alone_is_as_among_others(released, tables):
    state, items = FeatureState.load(released), tuple(f"i{item}" for item in range(9))
    among = state.features(Request("u1", items, NOW))
    for item, row in zip(items, among, strict=True):
        alone = state.features(Request("u1", (item,), NOW))
        np.testing.assert_array_equal(alone[0, FIRST : FIRST + 6], row[FIRST : FIRST + 6])


def test_a_copy_goes_its_own_way(released, tables):
    state = FeatureState.load(released)
    asked = Request("u1", ("i1", "i3"), int(NOW + SPAN // 2))
    expected = state.copy().features(asked)
    twin = state.copy()
    twin.push(between(tables, NOW, asked.ts))

    assert not np.array_equal(twin.features(asked), expected, equal_nan=True)
    np.testing.assert_array_equal(state.features(asked), expected)


def test_the_same_log_gives_the_same_release(released, tables, tmp_path):
    rebuilt(between(tables, None, NOW)).state.save(tmp_path)

    for path in released.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert FeatureState.load(released).known.alike.since == micros(START) + 3 * SPAN


@pytest.mark.parametrize("name", ["vectors", "sums", "since"])
def test_sums_of_other_people_or_items_are_refused(released, name):
    state = FeatureState.load(released)
    with np.load(released / "state.npz", allow_pickle=False) as archive:
        arrays = {each: archive[each] for each in archive.files}
    arrays[f"alike.{name}"] = arrays[f"alike.{name}"][1:]

    with pytest.raises(IntegrityError, match=f"alike.{name} is"):
        restore(state, arrays)


def test_strangers_and_new_items_are_answered(released):
    state = FeatureState.load(released)
    found = state.features(Request("nobody", ("i1", "new"), NOW))[:, FIRST : FIRST + 6]
    alike = state.features(Request("u1", ("new",), NOW))[0, FIRST : FIRST + 6]

    assert np.isnan(found).all()
    assert alike.tolist() == [0] * 6


def test_an_empty_state_answers():
    found = FeatureState.empty(SPEC).features(Request("u", ("a",), 1))

    assert np.isnan(found[0, FIRST : FIRST + 6]).all()


def test_few_clicks_make_no_vector_but_are_remembered():
    day, rows = (
        DAY,
        [(None, f"v{n}", f"i{m}", 1, 1) for n in range(9) for m in range(n % 3, 6)],
    )
    rows += [(None, "u", item, 2, 2) for item in ("i0", "i1")]
    found = rebuilt(log([(0, "w", ["i0"]), (day, "u", ["i0", "i5"])], rows)).frame.features[
        1:
    ]

    assert np.isnan(found[:, FIRST : FIRST + 4]).all()
    assert not np.isnan(found[:, FIRST + 4 : FIRST + 6]).any()


def test_an_item_of_too_many_events_says_nothing(released):
    state = FeatureState.load(released)
    state.known.alike.sums[state.ids.items.code("i1"), -2] = MOST + 1
    found = state.features(Request("u1", ("i1", "i3"), NOW))[:, FIRST : FIRST + 6]

    assert np.isnan(found).all(axis=1).tolist() == [True, False]


def test_vectors_have_the_bits_of_the_clicks_not_of_the_codes():
    rng = np.random.default_rng(2)
    users, items = rng.integers(20, size=200), rng.integers(30, size=200)
    first, second = (
        rng.permutation(20).astype(np.int32),
        rng.permutation(30).astype(np.int32),
    )
    plain = user_vectors(Clicks(users.astype(np.int32), items.astype(np.int32)), 20, 4)
    moved = user_vectors(Clicks(first[users], second[items]), 20, 4)

    assert plain.any()
    np.testing.assert_array_equal(moved[first], plain)


def sparse_clicks(seed: int) -> Clicks:
    """Few people in groups apart, of whom one of the strongest directions is hard to come to."""
    rng = np.random.default_rng(seed)
    people, items, clicks = rng.integers((3, 3, 5), (60, 80, 200)).tolist()
    return Clicks(
        rng.integers(0, people, clicks).astype(np.int32),
        rng.integers(0, items, clicks).astype(np.int32),
    )


SEEDS = (626, 793, 798, 1087, 1613, 2272, 2777, 2914, 2944, 4235, 4356, 4410)
"""Of clicks from which an iteration of ARPACK begins anew, from what the machine draws, or ends with an error."""


def test_groups_apart_have_the_same_bits_each_time():
    fits = [
        np.stack([user_vectors(sparse_clicks(seed), 60, 8) for seed in SEEDS])
        for _ in range(3)
    ]
    assert fits[0].any(axis=(1, 2)).all()
    assert (fits[0] == fits[1]).all()
    assert (fits[0] == fits[2]).all()


def test_an_item_costs_at_most_400_bytes():
    state = with_room_for(empty_alike(48), ITEMS, 1)

    assert state.sums.nbytes / ITEMS <= 400


def test_without_the_columns_a_declaration_is_written_as_ever():
    plain = FeatureSpec().model_dump(mode="json")

    assert "alike" not in plain
    assert FeatureSpec.model_validate(SPEC.model_dump(mode="json")) == SPEC


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"horizon": "2d"}, "which a horizon forgets"),
        ({"relative_of": ("alike.lift",)}, "declared by features.alike.relative"),
        ({"alike": {"dimensions": 1}}, "greater than or equal to 2"),
        ({"alike": {"last_clicks": 9}}, "less than or equal to 8"),
    ],
)
def test_what_cannot_be_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        FeatureSpec.model_validate(SPEC.model_dump(mode="json") | changed)


@pytest.mark.parametrize(
    "start",
    [Cutter, lambda spec: next(replay_days(spec, FeedbackKind.CLICK, [two_kinds(2)]))],
)
def test_a_part_of_a_log_is_refused(start):
    with pytest.raises(ConfigError, match="replay the whole log at once"):
        start(SPEC)
