"""Small real releases: a small log, the real feature state and the popularity baseline."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.replay import replay
from sluice.mechanisms.arrangement import Arrangement
from sluice.rankers import make_ranker
from sluice.serving.golden import record_golden, sample_requests
from sluice.serving.manifest import Provenance
from sluice.serving.release import build_release
from sluice.serving.scorer import Scorer
from tests.lib.random_logs import START, at, log, micros

END = micros(at(3600))
"""From here on every event of the log is counted."""
ITEM_IDS = tuple(f"item{number:02d}" for number in range(20))
SPEC = FeatureSpec(windows=("1h", "24h"))
TELLING = FeatureSpec(windows=("1h",), affinity=("category",), similarity=1)
"""Features whose state tells vectors and interests too."""


@cache
def small_log() -> LogTables:
    """Forty requests of ten items, the first item clicked, two context columns."""
    rng = np.random.default_rng(5)
    requests = [
        (10 * number, f"user{number % 7}", list(rng.permutation(ITEM_IDS)[:10]))
        for number in range(40)
    ]
    clicks = [
        (number, user, items[0], seconds + 1, seconds + 2)
        for number, (seconds, user, items) in enumerate(requests)
    ]
    plain = log(requests, clicks, [{"item_id": item} for item in ITEM_IDS])
    context = plain.exposures.with_columns(
        context_device=pl.lit(2.0, pl.Float32),
        context_rank=pl.col("position").cast(pl.Float32),
    )
    return replace(plain, exposures=context)


@cache
def described_log() -> LogTables:
    """The same forty requests, of items with one of three categories and a vector each."""
    rng = np.random.default_rng(6)
    plain = small_log()
    vectors = pl.Series(rng.normal(size=(len(plain.items), 8)), dtype=pl.List(pl.Float32))
    categories = pl.Series([f"topic{nth % 3}" for nth in range(len(plain.items))])
    items = plain.items.with_columns(category=categories, embedding=vectors)
    return replace(plain, items=items)


def arranged_scorer(arrangement: Arrangement) -> Scorer:
    """The popularity baseline over the described log, ordered by these mechanisms."""
    replayed = replay(TELLING, FeedbackKind.CLICK, described_log())
    ranker = make_ranker("popularity", {"feature": "item.click.all"})
    fitted = ranker.fit(replayed.frame, np.random.default_rng(1))
    return Scorer(fitted, replayed.state, arrangement)


def small_scorer(feature: str = "item.click.24h") -> Scorer:
    """The popularity baseline over the small log, with the state it leaves."""
    replayed = replay(SPEC, FeedbackKind.CLICK, small_log())
    ranker = make_ranker("popularity", {"feature": feature})
    return Scorer(ranker.fit(replayed.frame, np.random.default_rng(1)), replayed.state)


TREES = {"trees": 2, "leaves": 4, "min_rows_per_leaf": 5}
NETWORK = {"hidden": (8, 8), "seeds": 2, "epochs": 2}
MEMBERS = (
    {"family": "lambdamart", "parameters": TREES},
    {"family": "mlp", "parameters": NETWORK},
)


def tree_release(into: Path) -> str:
    """A release of a real LightGBM model over the same log."""
    return fitted_release(into, "lambdamart", TREES)


def fitted_release(into: Path, family: str, parameters: Mapping[str, Any]) -> str:
    """A release of a ranker fitted on the same log."""
    replayed = replay(SPEC, FeedbackKind.CLICK, small_log())
    ranker = make_ranker(family, parameters)
    scorer = Scorer(ranker.fit(replayed.frame, np.random.default_rng(1)), replayed.state)
    return release_of(scorer, into)


def release_of(
    scorer: Scorer, into: Path, version: int = 1, surface: str = "for_you"
) -> str:
    """Build a release under `into`, with eight requests of the log as golden ones."""
    golden = record_golden(
        scorer, sample_requests(small_log().exposures, micros(START), 8), END
    )
    return build_release(into, small_provenance(version, surface), scorer, golden)


def small_provenance(version: int = 1, surface: str = "for_you") -> Provenance:
    return Provenance(
        surface=surface,
        version=version,
        family="popularity",
        snapshot="1" * 64,
        until=END,
        code="2" * 64,
        spec="3" * 64,
        lock="4" * 64,
        evidence=("5" * 64,),
    )


def small_release(
    into: Path,
    version: int = 1,
    feature: str = "item.click.24h",
    surface: str = "for_you",
) -> str:
    """Build a release under `into`; another version, feature or surface is another release."""
    return release_of(small_scorer(feature), into, version, surface)
