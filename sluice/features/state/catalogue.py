"""Facts about items on their way into a state, and the vectors that they bring."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.errors import DataError
from sluice.features.declaration.layout import UNKNOWN
from sluice.features.declaration.plan import Plan
from sluice.features.engine.counters import (
    Facts,
    Vectors,
    empty_facts,
    merged_facts,
)
from sluice.features.engine.room import longer
from sluice.features.state.forgetting import without_superseded
from sluice.features.state.intake import Names, microseconds_of


def with_facts(
    arrays: tuple[Facts, Vectors], items: pl.DataFrame, plan: Plan, names: Names
) -> tuple[Facts, Vectors]:
    """What is not yet believed, with what is newly said, and the vectors it speaks of.

    Args:
        arrays: facts, of which some are not yet believed, and vectors of the items so far.
        items: what is newly said.
        plan: of the state; vectors are large, and kept only where something reads them.
        names: of everything; what is new is numbered.

    Raises:
        DataError: embeddings of different lengths.
    """
    facts, vectors = arrays
    if items.is_empty():
        return merged_facts(facts, empty_facts()), _with_items(vectors, names)
    ordered = items.sort("valid_from", "item_id")
    codes = names.items.learn(ordered["item_id"])
    rows = np.full(len(ordered), UNKNOWN, np.int32)
    vectors = _with_items(vectors, names)
    if plan.program.similarity and ordered["embedding"].null_count() < len(ordered):
        facts, vectors = _with_vectors(facts, vectors, ordered["embedding"], rows)
    new = Facts(
        at=microseconds_of(ordered["valid_from"]) + plan.program.embargo,
        item=codes,
        provider=names.providers.learn(ordered["provider_id"]),
        category=names.categories.learn(ordered["category"]),
        born=microseconds_of(ordered["published_at"]),
        vector=rows,
        applied=np.zeros(1, np.int64),
    )
    return merged_facts(facts, new), vectors


def _with_items(vectors: Vectors, names: Names) -> Vectors:
    return vectors._replace(of_item=longer(vectors.of_item, len(names.items), UNKNOWN))


def _with_vectors(
    facts: Facts, vectors: Vectors, embeddings: pl.Series, rows: NDArray[np.int32]
) -> tuple[Facts, Vectors]:
    """The vectors and those of `embeddings`, whose rows are put into `rows`; facts that speak of them."""
    values = _matrix(embeddings.drop_nulls(), vectors)
    if int(vectors.used[0]) + len(values) > len(vectors.values):
        facts, vectors = without_superseded(facts, vectors)
    used = int(vectors.used[0])
    end, room = used + len(values), vectors.values
    if end > len(room):
        room = np.empty((max(end, 5 * len(room) // 4), values.shape[1]), np.float32)
        if used:
            room[:used] = vectors.values[:used]
    room[used:end] = values
    rows[embeddings.is_not_null().to_numpy()] = np.arange(used, end, dtype=np.int32)
    return facts, vectors._replace(values=room, used=np.array([end]))


def _matrix(embeddings: pl.Series, vectors: Vectors) -> NDArray[np.float32]:
    lengths = set(embeddings.list.len().unique().to_list())
    if vectors.used[0]:
        lengths.add(vectors.values.shape[1])
    if len(lengths) > 1:
        raise DataError(
            f"items.embedding: vectors of {', '.join(map(str, sorted(lengths)))} values; "
            "supply one length"
        )
    flat = embeddings.explode().to_numpy().astype(np.float32)
    return flat.reshape(len(embeddings), -1)
