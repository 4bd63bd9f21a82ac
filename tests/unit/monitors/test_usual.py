"""The usual: counts that add up, limits learned from ordinary windows, and what lies beyond them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from sluice.data.tables import Window
from sluice.errors import DataError, IntegrityError, TooLittleData
from sluice.monitors.distances import DISTANCES
from sluice.monitors.usual.columns import Watched
from sluice.monitors.usual.cumulative import keeps_level, resemblance, slow_limits
from sluice.monitors.usual.effects import BORNE, borne
from sluice.monitors.usual.finding import Family
from sluice.monitors.usual.history import MOST, alike, divide
from sluice.monitors.usual.judge import judge
from sluice.monitors.usual.learned import Usual
from sluice.monitors.usual.limits import FLOOR, LEAST, limits
from sluice.monitors.usual.profile import EVERYWHERE, Binning, Profile, merged
from sluice.monitors.usual.watching import compare, windows_before
from sluice.store.records import Outcome

ROWS, MIN_ROWS = 2_000, 100
NAMES = ("price", "count", "sometimes")


def window(seed: int, *, price: float = 0.0, only: str | None = None, level="a") -> Watched:
    """Ordinary rows; prices raised in one segment, or everywhere; `level` in place of segment a."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(["a", "b", "c"], ROWS, p=[0.3, 0.3, 0.4])
    raised = price * ((segment == only) if only else np.ones(ROWS))
    sometimes = np.where(rng.random(ROWS) < 0.5, np.nan, rng.random(ROWS))
    values = np.column_stack([rng.normal(raised, 1), rng.poisson(2, ROWS), sometimes])
    shown = pl.Series(np.where(segment == "a", level, segment))
    return Watched(NAMES, values.astype(np.float32), {"place": shown}, ROWS // 10)


BINNING = Binning.learn([window(0)])
ORDINARY = [Profile.of(BINNING, window(seed)) for seed in range(1, 22)]
USUAL = Usual.learn(ORDINARY, MIN_ROWS, np.random.default_rng(0))


def judged(*windows: Watched):
    return judge(USUAL, [Profile.of(BINNING, each) for each in windows], MIN_ROWS)


def test_counts_equal_a_search_of_each_value():
    rows = window(3)
    counts = Profile.of(BINNING, rows).counts
    for column in range(len(NAMES)):
        known = rows.values[:, column][~np.isnan(rows.values[:, column])]
        places = np.searchsorted(BINNING.edges[column], known)
        assert counts[0, column, :-1].tolist() == np.bincount(places, minlength=32).tolist()
        assert counts[0, column, -1] == ROWS - len(known)


def test_profiles_add_up_over_shards():
    rows = window(4)
    halves = [
        Watched(NAMES, rows.values[part], {"place": rows.segments["place"][part]}, 1)
        for part in (slice(0, 700), slice(700, None))
    ]
    whole = Profile.of(BINNING, rows)
    assert np.array_equal(
        merged([Profile.of(BINNING, half) for half in halves]).counts, whole.counts
    )
    assert whole.counts[1:].sum(axis=0).tolist() == whole.counts[0].tolist()


def test_profiles_in_other_bins_are_not_merged():
    other = Binning.learn([window(99)])
    with pytest.raises(DataError, match="different bins"):
        ORDINARY[0].merge(Profile.of(other, window(1)))


def test_a_profile_is_read_as_written():
    written = ORDINARY[0].encoded()
    read = Profile.decoded(written, "profile")
    assert read.binning.same_as(BINNING)
    assert np.array_equal(read.counts, ORDINARY[0].counts)
    assert read.encoded() == written


def test_a_damaged_profile_is_refused():
    with pytest.raises(IntegrityError, match="damaged"):
        Profile.decoded(ORDINARY[0].encoded()[:-30], "profile")


def test_a_value_of_much_mass_stays_in_its_bin():
    values = np.where(np.arange(ROWS) % 2, 0.1, np.linspace(0, 1, ROWS))[:, None]
    segments = {"place": pl.Series(["a"] * ROWS)}
    binning = Binning.learn([Watched(("rate",), values.astype(np.float32), segments, 1)])
    near = np.where(values == 0.1, 0.1002, values).astype(np.float32)
    before = Profile.of(binning, Watched(("rate",), values.astype(np.float32), segments, 1))
    after = Profile.of(binning, Watched(("rate",), near, segments, 1))
    assert np.abs(before.counts - after.counts).sum() <= 2


def test_no_distance_between_equal_histograms_all_between_others():
    same = np.array([[5.0, 9.0, 2.0, 1.0]])
    for name, distance in DISTANCES.items():
        assert distance(same, same)[0] == 0, name
        assert distance(same, same[:, [2, 1, 0, 3]])[0] > 0, name


def test_ks_and_wasserstein_by_hand():
    before, after = np.array([[2.0, 2.0, 0.0]]), np.array([[0.0, 4.0, 0.0]])
    assert DISTANCES["ks"](before, after)[0] == 0.5
    # Half of the mass moves over half of the reference's ranks.
    assert DISTANCES["wasserstein"](before, after)[0] == 0.25


def test_ordinary_windows_pass():
    outcomes = [judged(window(seed)).outcome for seed in range(100, 120)]
    assert outcomes.count(Outcome.PASS) >= 19


def test_a_shift_of_all_is_seen_everywhere():
    report = judged(window(50, price=0.6))
    assert report.outcome is Outcome.FAIL
    assert report.findings[0].name == "price"
    assert report.where == EVERYWHERE


def test_a_shift_of_one_segment_names_it():
    report = judged(window(51, price=0.8, only="b"))
    assert report.outcome is Outcome.FAIL
    assert report.where == "place=b"


def test_a_level_never_seen_is_named_new():
    report = judged(window(52, level="z"))
    assert report.outcome is Outcome.FAIL
    assert report.where in {"place=(new)", "place=a"}


def test_since_when_counts_windows_in_a_row():
    report = judged(window(60), window(61, price=0.8), window(62, price=0.8))
    assert report.findings[0].since == 2


def test_small_steps_add_up_to_slow_change():
    steps = [window(70 + step, price=0.02 * step) for step in range(1, 15)]
    report = judged(*steps)
    slow = [each for each in report.findings if each.family is Family.SLOW]
    assert "mean_rank[price]" in {each.name for each in slow}


def test_too_few_rows_are_unknown_never_a_pass():
    rows = window(80)
    few = Watched(NAMES, rows.values[:50], {"place": rows.segments["place"][:50]}, 5)
    assert judged(few).outcome is Outcome.INCONCLUSIVE


def test_too_few_windows_are_still_being_learned():
    with pytest.raises(TooLittleData, match="learning the usual, 2 windows to go"):
        Usual.learn(ORDINARY[: LEAST - 2], MIN_ROWS, np.random.default_rng(0))


def test_windows_between_the_usual_and_the_watched_widen_a_limit():
    ordinary = {Family.SHARES: np.linspace(2.0, 3.0, 28)}
    near = limits(ordinary, {Family.SHARES: np.linspace(2.0, 3.0, 14) + 4})
    few = limits(ordinary, {Family.SHARES: np.linspace(2.0, 3.0, LEAST - 1) + 4})
    assert near[Family.SHARES] > few[Family.SHARES] + 4


def test_what_never_moved_leaves_no_limit_of_nothing():
    assert limits({Family.SEGMENTS: np.zeros(28)}, {Family.SEGMENTS: np.zeros(0)}) == {
        Family.SEGMENTS: FLOOR
    }


def test_a_quarter_of_bad_windows_does_not_hide_the_next():
    later = np.full(14, 2.5) + np.linspace(-0.5, 0.5, 14)
    bad = later.copy()
    bad[-3:] = 50.0
    ordinary = {Family.SHARES: np.linspace(2.0, 3.0, 28)}
    assert limits(ordinary, {Family.SHARES: bad})[Family.SHARES] < 10
    assert limits(ordinary, {Family.SHARES: later})[Family.SHARES] < 10


def test_a_series_that_resembles_its_neighbours_may_sum_higher():
    rng = np.random.default_rng(4)
    steady, wandering = slow_limits(np.array([0.0, 0.6]), 28, 0.0025, rng)
    assert wandering > 1.5 * steady


def test_resemblance_is_the_correlation_of_neighbours():
    rng = np.random.default_rng(5)
    alone = rng.standard_normal((2_000, 1))
    walked = alone.copy()
    for at in range(1, len(walked)):
        walked[at] += 0.6 * walked[at - 1]
    assert resemblance(np.hstack([alone, walked])) == pytest.approx([0, 0.6], abs=0.07)


def test_the_newest_windows_are_no_usual():
    history = divide(range(60))
    assert list(history.trail) == list(range(46, 60))
    assert list(history.usual) == list(range(18, 46))
    assert divide(range(3)).missing == LEAST - 3


def test_slow_change_is_judged_of_levels_alone():
    rng = np.random.default_rng(6)
    steady = rng.standard_normal((28, 40))
    walking = np.cumsum(steady, axis=0)
    rising = steady + 0.3 * np.arange(28)[:, None]
    assert keeps_level(steady).mean() > 0.9
    assert keeps_level(walking).mean() < 0.1
    assert not keeps_level(rising).any()


def test_a_change_of_few_rows_is_no_change():
    before = np.array([[[900, 100, 0]]])
    few, many = (
        np.array([[[900 - BORNE + 1, 100, BORNE - 1]]]),
        np.array([[[800, 100, 100]]]),
    )
    assert not borne(before, few).any()
    assert borne(before, many).all()


HOUR = timedelta(hours=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = [START + timedelta(days=day) for day in range(300)]


def test_windows_of_the_same_hour_and_weekday_are_the_usual_where_enough():
    assert alike(DAYS[:40], DAYS[40]) == list(range(40))
    assert alike(DAYS[:299], DAYS[299]) == list(range(5, 299, 7))
    hours = [START + HOUR * hour for hour in range(24 * 30)]
    assert alike(hours, hours[-1] + HOUR) == list(range(0, 24 * 30, 24))
    assert len(alike(hours[: 24 * (MOST - 1)], START)) == 24 * (MOST - 1)


def compared(days: int, **last):
    """The last of some days against the days before it; the log begins a day earlier."""
    watched = Window(DAYS[days], DAYS[days + 1])
    windows = [*windows_before(watched, Window(START, watched.end)), watched]

    def rows(at: Window) -> Watched:
        return window(
            (at.start - START).days, **(last if at.start >= DAYS[days - 1] else {})
        )

    return compare(windows, rows, MIN_ROWS)


def test_a_short_log_says_how_many_windows_are_to_go():
    report = compared(LEAST - 2)
    assert report.outcome is Outcome.INCONCLUSIVE
    assert (report.reason, report.to_go) == ("learning the usual, 3 windows to go", 3)


def test_the_report_dates_the_first_window_beyond():
    report = compared(24, price=0.8, only="b")
    assert report.outcome is Outcome.FAIL
    assert report.where == "place=b"
    assert report.began == DAYS[23]
    assert report.reason.endswith("since 2026-01-28 00:00 UTC")
    assert "price" in report.body()["columns"]
