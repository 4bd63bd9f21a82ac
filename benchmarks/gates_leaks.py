"""Columns that know the outcome, each in another way, and honest ones that are as strong as they may be.

Every case plants its columns into the same generated requests, fits a ranker on the first half, and asks
the gates leakage and quality as a lifecycle would. A leak is caught where one of them does not pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.features.state.frame import RankingFrame
from sluice.gates.columns_alone import columns
from sluice.gates.judgement import Judgement
from sluice.gates.leakage import Audited, LeakageGate, RankedAlone
from sluice.gates.quality import QualityGate
from sluice.gates.sent_context import SentContext, ServedContext
from sluice.metrics import compare, evaluate
from sluice.rankers import make_ranker
from sluice.store.records import Outcome

CANDIDATES = 10
METRIC = "ndcg@10"
AUDITED = Audited(probes=3, rows=1_000, moved=(), worst=0.0)
"""Planted columns are of the log itself, so the mutation audit sees none of them move."""
DECLARED = ("context_*",)
SHIPPED = LeakageGate()
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """What a case may plant from, by row."""

    clicked: Values
    """1 where the item was clicked, else 0: what nobody knows beforehand."""
    utility: Values
    """What the click was drawn by; a good stage before knows a part of it."""
    request: NDArray[np.int64]
    rng: np.random.Generator

    def noise(self, size: float = 1.0) -> Values:
        return self.rng.normal(scale=size, size=len(self.clicked))

    def per_request(self, size: float) -> Values:
        """One draw for all rows of a request."""
        drawn = self.rng.normal(scale=size, size=int(self.request.max()) + 1)
        return drawn[self.request]


Plant = Callable[[Rows], Mapping[str, Values]]


@dataclass(frozen=True)
class Case:
    """One make of column, and what is said of it."""

    plant: Plant
    declared: tuple[str, ...] = DECLARED
    served: ServedContext | None = None
    rule: LeakageGate = SHIPPED


def _one(make: Callable[[Rows], Values], name: str = "context_new") -> Plant:
    return lambda rows: {name: make(rows)}


def _banded(rows: Rows) -> Values:
    """Clicked ones in the middle, the others on both sides: no order gives it away."""
    side = np.sign(rows.noise())
    return np.where(rows.clicked > 0, 0.0, side) + 0.1 * rows.noise()


def _halves(rows: Rows) -> Mapping[str, Values]:
    """Neither half knows much; their sum is the outcome."""
    first = rows.noise(0.8)
    return {"context_first": first, "context_second": rows.clicked - first}


def _served(name: str, share: float) -> ServedContext:
    return ServedContext(1_000, {name: share})


LEAKS: Mapping[str, Case] = {
    "the click itself": Case(_one(lambda rows: rows.clicked)),
    "its opposite": Case(_one(lambda rows: 1 - rows.clicked)),
    "the click under noise": Case(_one(lambda rows: rows.clicked + rows.noise(0.35))),
    "the click under so much noise that the ceiling is kept": Case(
        _one(lambda rows: rows.clicked + rows.noise(0.5))
    ),
    "seconds spent, nothing where not clicked": Case(
        _one(lambda rows: np.where(rows.clicked > 0, np.exp(3 + rows.noise()), np.nan))
    ),
    "a value that is missing where clicked": Case(
        _one(lambda rows: np.where(rows.clicked > 0, np.nan, rows.noise()))
    ),
    "a band that neither end shows": Case(_one(_banded)),
    "the click on top of the request's own level": Case(
        _one(lambda rows: rows.per_request(50) + rows.clicked)
    ),
    "filled in for two thirds of the clicks": Case(
        _one(lambda rows: rows.clicked * (rows.rng.random(len(rows.clicked)) < 0.67))
    ),
    "two halves that are the click together": Case(_halves),
    "under the name of a counter": Case(
        _one(lambda rows: rows.clicked + rows.noise(0.2), "item.click.1h")
    ),
    "weak, and never sent by anybody who asks": Case(
        _one(lambda rows: 0.5 * rows.clicked + rows.noise()),
        served=_served("context_hour", 1.0),
    ),
    "weak, and declared by no client": Case(
        _one(lambda rows: 0.5 * rows.clicked + rows.noise()), declared=("context_hour",)
    ),
}
HONEST: Mapping[str, Case] = {
    "counters alone": Case(lambda _: {}, declared=()),
    "a strong counter": Case(
        _one(lambda rows: rows.utility + rows.noise(1.0), "item.ctr.1h"), declared=()
    ),
    "a counter that is nearly all of the model": Case(
        _one(lambda rows: rows.utility + rows.noise(0.3), "item.ctr.1h"), declared=()
    ),
    "the score of the stage before": Case(
        _one(lambda rows: rows.utility + rows.noise(1.2)),
        served=_served("context_new", 1.0),
    ),
    "such a score, declared as strong": Case(
        _one(lambda rows: rows.utility + rows.noise(0.3)),
        rule=LeakageGate(strong=("context_new",)),
    ),
    "the hour": Case(_one(lambda rows: rows.per_request(1), "context_hour")),
    "a weak context, sent by most who ask": Case(
        _one(lambda rows: 0.3 * rows.utility + rows.noise()),
        served=_served("context_new", 0.8),
    ),
    "known for a third of the rows, and as rarely sent": Case(
        _one(
            lambda rows: np.where(
                rows.rng.random(len(rows.clicked)) < 0.33,
                rows.utility + rows.noise(),
                np.nan,
            )
        ),
        served=_served("context_new", 0.3),
    ),
}


def verdicts(case: Case, requests: int, seed: int) -> tuple[Judgement, Judgement]:
    """What leakage and quality say of a candidate that learned from the planted columns."""
    fitted, judged, baseline = _world(case, requests, seed)
    parameters = {"trees": 40, "leaves": 15, "num_threads": 1}
    ranker = make_ranker("lambdamart", parameters).fit(fitted, np.random.default_rng(seed))
    measured: dict[str, Any] = columns(ranker, fitted, judged)
    leakage = case.rule.decide(
        AUDITED,
        RankedAlone(measured["model"], measured["alone"]),
        SentContext(measured["context"], case.declared, case.served),
    )
    rows = compare(
        evaluate(ranker.score(judged.features, judged.offsets), judged), evaluate(baseline, judged),
        judged.users, METRIC, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return leakage, QualityGate().decide(rows, reference_kind="baseline")


def passes(case: Case, requests: int, seed: int) -> bool:
    """Whether both gates let the candidate on."""
    return all(
        verdict.outcome is Outcome.PASS for verdict in verdicts(case, requests, seed)
    )


def leaks(requests: int = 2_000, seed: int = 5) -> dict[str, Any]:
    """Leaks that were caught, honest ones that passed, and the names of those that were not."""
    escaped = [name for name, case in LEAKS.items() if passes(case, requests, seed)]
    accused = [name for name, case in HONEST.items() if not passes(case, requests, seed)]
    return {
        "leaks": {
            "caught": len(LEAKS) - len(escaped),
            "of": len(LEAKS),
            "escaped": escaped,
        },
        "honest": {
            "passed": len(HONEST) - len(accused),
            "of": len(HONEST),
            "held": accused,
        },
    }


def _world(
    case: Case, requests: int, seed: int
) -> tuple[RankingFrame, RankingFrame, Values]:
    """Requests to fit and to judge, and scores of a popularity that knows a little, for the latter."""
    rng = np.random.default_rng(seed)
    rows = requests * CANDIDATES
    world, hidden = rng.normal(size=(2, rows))
    utility = (1.2 * world + 0.6 * hidden + rng.gumbel(size=rows)).reshape(requests, -1)
    clicked = (utility == utility.max(axis=1, keepdims=True)).ravel().astype(np.float64)
    request = np.repeat(np.arange(requests), CANDIDATES)
    planted = case.plant(Rows(clicked, 1.2 * world + 0.6 * hidden, request, rng))
    popularity = world + rng.normal(scale=2.0, size=rows)
    honest = {
        "item.click.24h": popularity,
        "user_item.click": world + rng.normal(scale=1.0, size=rows),
        "item.age": rng.normal(size=rows),
    }
    frame = RankingFrame(
        names=(*honest, *planted),
        features=np.stack([*honest.values(), *planted.values()], axis=1).astype(np.float32),
        labels=clicked,
        offsets=np.arange(0, rows + 1, CANDIDATES, dtype=np.int64),
        ts=np.arange(requests, dtype=np.int64),
        request_ids=np.arange(requests).astype(np.str_),
        users=rng.integers(requests // 5, size=requests),
        item_ids=np.tile(np.arange(CANDIDATES).astype(np.str_), requests),
        positions=np.zeros(rows, np.int32),
    )
    half = requests // 2
    return (
        frame.take(0, half),
        frame.take(half, requests),
        popularity[half * CANDIDATES :],
    )
