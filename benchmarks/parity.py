"""What parity costs: a day's answers computed again, by number of requests and events.

`python -m benchmarks.parity [REQUESTS ...]` serves generated days in this process, with a batch of
events before each request, and computes them again. JSON, CPU seconds of this process.
"""

import json
import sys
import time
from dataclasses import replace

import numpy as np
import polars as pl

from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import TABLES, FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.state.feature_state import Late, Request
from sluice.features.state.replay import replay
from sluice.rankers import make_ranker
from sluice.serving.parity_feed import ACCEPTED, LIVE, POSITION, Feed, availability
from sluice.serving.parity_quality import labels_of
from sluice.serving.prediction import Prediction
from sluice.serving.recomputation import LoggedAnswer, Recomputation
from sluice.serving.release_tally import ReleaseTally
from sluice.serving.scorer import Scorer
from sluice.settings import load_settings
from sluice.surface import load_surface, surface_path

RELEASE = "0" * 64
CANDIDATES = 30
_DAY = 86_400_000_000


def world(requests: int) -> LogTables:
    """Two days; the second is served."""
    config = FeedConfig(
        days=2, requests_per_day=requests, users=max(requests // 20, 50),
        items_per_day=max(requests // 50, 50), candidates=CANDIDATES, providers=50,
    )  # fmt: skip
    return generate(config).tables


def scorer(tables: LogTables, until: int) -> Scorer:
    """300 trees of the shipped surface's features, fitted on the first 2,000 requests' day."""
    surface = load_surface(surface_path(load_settings({}).surfaces, "for_you"))
    past = _where(tables, lambda table: availability(table) < until)
    replayed = replay(surface.features, FeedbackKind.CLICK, past)
    ranker = make_ranker("lambdamart", {**surface.ranker.parameters, "num_threads": 1})
    frame = replayed.frame.take(0, min(2_000, replayed.frame.requests))
    replayed.state.advance(until)
    return Scorer(ranker.fit(frame, np.random.default_rng(1)), replayed.state)


def feed_of(tables: LogTables, until: int, minutes: float) -> Feed:
    """The second day's events; a batch is accepted when its time is over."""
    later = _where(tables, lambda table: availability(table) >= until)
    step = int(minutes * 60_000_000)
    rows = {
        table: getattr(later, table).with_columns(
            ((availability(table) - until) // step + 1).alias(POSITION),
            availability(table).alias(ACCEPTED),
            pl.lit(value=True).alias(LIVE),
        )
        for table in TABLES
    }
    return Feed.of(LogTables(**rows))


def serve(scorer: Scorer, feed: Feed, until: int, step: int) -> list[LoggedAnswer]:
    """The second day's requests, each after the batches that were there."""
    served, position = replace(scorer, state=scorer.state.copy()), 0
    shown = feed.rows.exposures
    context = [name for name in shown.columns if name.startswith("context_")]
    answers = []
    for (name,), rows in shown.group_by("request_id", maintain_order=True):
        ts = int(rows["ts"].dt.timestamp("us")[0])
        if ts <= until:
            continue
        newest = (ts - until) // step
        if newest > position:
            served.state.push(feed.between(position, newest), Late.COUNT)
            position = newest
        values = {column: tuple(rows[column].to_list()) for column in context}
        request = Request(rows["user_id"][0], tuple(rows["item_id"]), ts, values)
        ranking = served.rank(request)
        prediction = Prediction(
            str(name), ts, request.user_id, request.item_ids, tuple(ranking.scores.tolist()),
            tuple(ranking.order.tolist()), (), RELEASE, ranking.features_digest, values,
            feed_position=position,
        )  # fmt: skip
        answers.append(LoggedAnswer("1-0", len(answers) + 1, prediction))
    return answers


def measured(requests: int) -> dict[str, float | int]:
    """CPU seconds of computing a day again."""
    tables = world(requests)
    start = tables.exposures["ts"].dt.timestamp("us").to_numpy().min()
    until = int(start) // _DAY * _DAY + _DAY
    minutes = 1_440 / requests
    step = int(minutes * 60_000_000)
    ranker, feed = scorer(tables, until), feed_of(tables, until, minutes)
    began = time.process_time()
    answers = serve(ranker, feed, until, step)
    served = time.process_time() - began
    times = np.array([answer.prediction.ts for answer in answers], np.int64)
    began = time.process_time()
    request_ids = {answer.prediction.request_id for answer in answers}
    labels = labels_of(feed.whole().feedback, FeedbackKind.CLICK, request_ids)
    tally = ReleaseTally(RELEASE, ranker.state.names, labels)
    recomputation = Recomputation(ranker, feed)
    for block in recomputation.blocks(answers, times):
        tally.add(block)
    report = tally.report()
    return {
        "requests": report.requests,
        "candidates": CANDIDATES,
        "events": sum(len(getattr(feed.rows, table)) for table in TABLES),
        "features": len(ranker.state.names),
        "identical_share": report.share or 0.0,
        "cpu_s": round(time.process_time() - began, 1),
        "served_cpu_s": round(served, 1),
    }


def _where(tables: LogTables, holds) -> LogTables:  # noqa: ANN001 - an expression by table
    return LogTables(**{
        table: getattr(tables, table).filter(holds(table)) for table in TABLES
    })  # fmt: skip


if __name__ == "__main__":
    sizes = [int(number) for number in sys.argv[1:]] or [2_000, 4_000, 8_000]
    measured(200)  # compiles
    print(json.dumps([measured(size) for size in sizes], indent=2))
