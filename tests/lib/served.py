"""A ranking server in a few lines: it pushes batches, answers requests and logs what it said."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl

from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import TABLES, FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.alike import AlikeSpec
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import Late, Request
from sluice.features.state.replay import replay
from sluice.rankers import make_ranker
from sluice.serving.parity_feed import ACCEPTED, LIVE, POSITION, Feed, availability
from sluice.serving.prediction import Prediction
from sluice.serving.recomputation import LoggedAnswer
from sluice.serving.scorer import Scorer

CONFIG = FeedConfig(
    days=3, requests_per_day=120, users=40, items_per_day=40, candidates=8, providers=5
)
SPEC = FeatureSpec(
    windows=("1h", "24h"),
    half_lives=("1h",),
    affinity=("category",),
    alike=AlikeSpec(dimensions=4),
)
RELEASE = "5e" * 32
SECOND = 1_000_000
HOUR = 3_600 * SECOND


@cache
def world() -> LogTables:
    """Three days of a feed."""
    return generate(CONFIG).tables


@cache
def until() -> int:
    """µs: the snapshot holds two days, the third is served."""
    start = world().exposures["ts"].dt.timestamp("us").min()
    assert isinstance(start, int)
    return start // (24 * HOUR) * 24 * HOUR + 48 * HOUR


@cache
def scorer() -> Scorer:
    """Small trees over the first two days, and the state that those leave; not to be changed."""
    known = LogTables(**{
        table: getattr(world(), table).filter(availability(table) < until()) for table in TABLES
    })  # fmt: skip
    replayed = replay(SPEC, FeedbackKind.CLICK, known)
    ranker = make_ranker(
        "lambdamart", {"trees": 8, "leaves": 7, "min_rows_per_leaf": 5, "num_threads": 1}
    )
    replayed.state.advance(until())
    fitted = ranker.fit(replayed.frame, np.random.default_rng(1))
    return Scorer(fitted, replayed.state)


def rows(delay: Callable[[str], pl.Expr], live: bool = True) -> LogTables:
    """All events, each in a batch of its own minute, accepted so many µs after it was available."""
    accepted = {
        table: getattr(world(), table).with_columns(
            (availability(table) + delay(table)).alias(ACCEPTED), pl.lit(live).alias(LIVE)
        )
        for table in TABLES
    }
    return LogTables(**{
        table: frame.with_columns((pl.col(ACCEPTED) // (60 * SECOND)).alias(POSITION))
        for table, frame in accepted.items()
    })  # fmt: skip


def at_once(_table: str) -> pl.Expr:
    """Accepted when it becomes available."""
    return pl.lit(0)


@dataclass(frozen=True)
class Asked:
    """A request and the newest batch that is pushed before it."""

    name: str
    request: Request
    position: int


def asked(gap: int = 0) -> list[Asked]:
    """The third day's requests; a batch is there once its minute has ended, and `gap` µs have passed."""
    exposures = world().exposures
    late = exposures.filter(pl.col("ts").dt.timestamp("us") > until() + 60 * SECOND)
    context = [name for name in late.columns if name.startswith("context_")]
    return [
        Asked(
            name,
            Request(
                shown["user_id"][0],
                tuple(shown["item_id"]),
                ts := int(shown["ts"].dt.timestamp("us")[0]),
                {each: tuple(shown[each].to_list()) for each in context},
            ),
            (ts - gap) // (60 * SECOND) - 1,
        )
        for (name,), shown in late.group_by("request_id", maintain_order=True)
    ]


class Server:
    """One process that serves one release."""

    def __init__(
        self, scorer: Scorer, feed: Feed, process: str = "1-a", release: str = RELEASE
    ) -> None:
        self._scorer = replace(scorer, state=scorer.state.copy())
        self._feed, self._position = feed, 0
        self._process, self._release, self._sequence = process, release, 0

    def push(self, position: int) -> None:
        """Bring the state up to a batch; it never goes back."""
        if position > self._position:
            tables = self._feed.between(self._position, position)
            self._scorer.state.push(tables, Late.COUNT)
            self._position = position

    def answer(self, name: str, request: Request) -> LoggedAnswer:
        """Rank, and log it with its features."""
        state = self._scorer.state
        ranking = self._scorer.rank(request)
        self._sequence += 1
        prediction = Prediction(
            request_id=name,
            ts=request.ts,
            user_id=request.user_id,
            candidates=request.item_ids,
            scores=tuple(ranking.scores.tolist()),
            order=tuple(ranking.order.tolist()),
            propensities=(1.0,) * len(ranking.order),
            release=self._release,
            features_digest=ranking.features_digest,
            context=request.context,
            features=state.features(request).tobytes(),
            feed_position=self._position,
            state_clock=state.clock,
        )
        return LoggedAnswer(self._process, self._sequence, prediction)

    def serve(self, asked: Iterable[Asked]) -> list[LoggedAnswer]:
        """Push and answer in turn."""
        answers = []
        for each in asked:
            self.push(each.position)
            answers.append(self.answer(each.name, each.request))
        return answers
