"""What a mechanism adds to a request that a service ranks: reading its columns, and its order."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from benchmarks.timing import measure
from sluice.data.frames import log_tables
from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import Request
from sluice.features.state.replay import replay
from sluice.mechanisms.arrangement import BY_SCORE, Arrangement
from sluice.mechanisms.spec import MechanismSpec
from sluice.rankers import make_ranker
from sluice.serving.scorer import Scorer

ITEMS, CATEGORIES, PROVIDERS, REQUESTS, USERS = 20_000, 100, 400, 2_000, 50
FEATURES = FeatureSpec(affinity=("category",), similarity=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
_US = pl.Datetime("us", "UTC")


def served(
    declared: Mapping[str, MechanismSpec],
    prices: Mapping[str, float],
    *,
    candidates: int,
    dimensions: int,
    repeats: int,
) -> dict[str, float]:
    """CPU milliseconds that each mechanism adds to ranking one request, and by `score` without any."""
    rng = np.random.default_rng(2)
    tables = _log(rng, candidates, dimensions)
    replayed = replay(FEATURES, FeedbackKind.CLICK, tables)
    ranker = make_ranker("popularity", {"feature": "item.age"}).fit(replayed.frame, rng)
    items = tuple(f"item-{label}" for label in rng.choice(ITEMS, candidates, replace=False))
    late = int((START + timedelta(days=2)).timestamp() * 1e6)
    revenue = [1.0 if index % 10 == 0 else None for index in range(candidates)]

    def cost(arrangement: Arrangement) -> float:
        scorer = Scorer(ranker, replayed.state, arrangement)
        offered = revenue if "is_ad" in arrangement.columns else None

        def many() -> None:
            for nth in range(repeats):
                scorer.rank(Request("user-1", items, late + nth), offered)

        return 1e3 * measure(many, 5).cpu_s / repeats

    plain = cost(BY_SCORE)
    figures = {
        name: cost(Arrangement(declared=(mechanism,), prices=dict(prices))) - plain
        for name, mechanism in declared.items()
    }
    return {"score": plain, **figures}


def _log(rng: np.random.Generator, candidates: int, dimensions: int) -> LogTables:
    """Requests of one day, each with a click, of items with a vector, a category and a provider."""
    rows = REQUESTS * candidates
    request = np.repeat(np.arange(REQUESTS), candidates)
    exposures = pl.DataFrame(
        {
            "request_id": pl.Series(request).cast(pl.String),
            "user_id": [f"user-{number % USERS}" for number in request],
            "surface": "feed",
            "item_id": [f"item-{number}" for number in rng.integers(ITEMS, size=rows)],
            "ts": [START + timedelta(seconds=40 * int(number)) for number in request],
        },
        schema_overrides={"ts": _US},
    ).unique(["request_id", "item_id"])
    clicks = exposures.group_by("request_id").first().select(
        "request_id", "user_id", "item_id", kind=pl.lit("click"), value=pl.lit(1.0),
        ts="ts", received_ts="ts",
    )  # fmt: skip
    items = pl.DataFrame(
        {
            "item_id": [f"item-{index}" for index in range(ITEMS)],
            "provider_id": [f"provider-{number}" for number in rng.integers(PROVIDERS, size=ITEMS)],
            "category": [f"category-{number}" for number in rng.integers(CATEGORIES, size=ITEMS)],
            "published_at": [START - timedelta(seconds=int(number)) for number in rng.permutation(ITEMS)],
            "valid_from": START - timedelta(days=1),
            "embedding": rng.normal(size=(ITEMS, dimensions)).astype(np.float32).tolist(),
        },
        schema_overrides={
            "valid_from": _US, "published_at": _US, "embedding": pl.List(pl.Float32),
        },
    )  # fmt: skip
    return log_tables(exposures, clicks, items)
