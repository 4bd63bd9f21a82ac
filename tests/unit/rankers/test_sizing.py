"""A small log gets the trees that it bears, and never a model worse than one of its columns."""

import numpy as np
import pytest

from sluice.metrics import evaluate
from sluice.rankers import make_ranker
from sluice.rankers.search import Task
from sluice.rankers.sizing import SIZES, SizingSpec, choose_size
from tests.lib.frames import generated_frame

DECLARED = {"trees": 300, "leaves": 31, "num_threads": 1}


def task(
    requests: int, *, family: str = "lambdamart", noise: float = 3.0, **changes
) -> Task:
    frame = generated_frame(requests, 8, rng=np.random.default_rng(1), noise=noise)
    return Task(
        family, {**DECLARED, **changes}, frame,
        lambda scores, part: evaluate(scores, part).mean("ndcg@10"), 7,
    )  # fmt: skip


def test_a_small_noisy_log_gets_less_than_declared_and_ranks_better_later():
    chosen = choose_size(task(240), SizingSpec())
    later = generated_frame(2_000, 8, rng=np.random.default_rng(9), noise=3.0)

    assert chosen is not None
    assert chosen.value > chosen.declared
    auc = {}
    for name, family, parameters in (
        ("declared", "lambdamart", DECLARED),
        ("chosen", chosen.family, chosen.parameters),
    ):
        fitted = make_ranker(family, parameters).fit(
            task(240).frame, np.random.default_rng(7)
        )
        auc[name] = evaluate(fitted.score(later.features), later).mean("auc")
    assert auc["chosen"] > auc["declared"] + 0.01


def test_a_column_that_is_better_than_every_size_is_the_model():
    one_tree = task(240, noise=0.3, trees=1, leaves=2)
    chosen = choose_size(one_tree, SizingSpec())

    assert chosen is not None
    assert (chosen.family, dict(chosen.parameters)) == (
        "popularity",
        {"feature": "quality"},
    )


@pytest.mark.parametrize(
    ("asked", "spec"),
    [
        ({"requests": 240}, SizingSpec(requests=239)),
        ({"requests": 240}, SizingSpec(requests=0)),
        ({"requests": 40}, SizingSpec()),
    ],
    ids=["beyond the budget", "never", "too few to choose by"],
)
def test_the_declared_size_stands_unquestioned(asked, spec):
    assert choose_size(task(**asked), spec) is None


def test_no_size_is_larger_than_declared():
    chosen = choose_size(task(240, trees=60, leaves=4), SizingSpec())

    assert chosen is not None
    assert chosen.parameters.get("trees", 0) <= 60


def test_without_a_label_nothing_is_chosen():
    given = task(240)
    given.frame.labels[:] = 0

    assert choose_size(given, SizingSpec()) is None


def test_sizes_grow():
    assert [size["trees"] for size in SIZES] == sorted(size["trees"] for size in SIZES)
