"""What could have been shown, the never-shown included, as numbers."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.tables import Window

UNKNOWN = -1
"""Code of a fact that the log does not have."""
NEVER = np.iinfo(np.int64).min
"""Moment of a publishing that the log does not have."""


@dataclass(frozen=True)
class Catalogue:
    """Items and their facts, a row each."""

    provider: NDArray[np.int64]
    """Code, UNKNOWN for none, [items]."""
    providers: int
    category: NDArray[np.int64]
    """Code, UNKNOWN for none, [items]."""
    categories: int
    published: NDArray[np.int64]
    """µs since 1970, NEVER where unknown, [items]."""
    quality: NDArray[np.float64]
    """NaN where unknown, [items]."""
    embedding: NDArray[np.float32] | None
    """Of length 1, NaN where unknown, [items, d]; None where no item has one, or lengths differ."""
    listed: bool
    """Whether the log has a list of items, and not only those that it saw."""

    def __len__(self) -> int:
        return len(self.published)


def catalogue(
    items: pl.DataFrame, shown: pl.Series, window: Window, lifetime: int | None
) -> tuple[Catalogue, pl.DataFrame]:
    """The items known by the window's end, and every one that was shown.

    Args:
        items: the log's table, in its order; an item's last row holds.
        shown: ids of what was shown, each once.
        window: of the exposures.
        lifetime: µs from which an item that is not shown has left; None: it never does.

    Returns:
        The catalogue, and `item_id` with its `code`.
    """
    last = items.filter(pl.col("valid_from") < pl.lit(window.end)).unique(
        "item_id", keep="last", maintain_order=True
    )
    facts = ("provider_id", "category", "published_at")
    listed = any(last[name].null_count() < last.height for name in facts)
    if lifetime is not None:
        since = pl.coalesce("published_at", "valid_from").dt.timestamp("us")
        alive = since + lifetime > pl.lit(window.start).dt.timestamp("us")
        last = last.filter(alive | pl.col("item_id").is_in(shown.implode()))
    extra = shown.filter(~shown.is_in(last["item_id"].implode())).alias("item_id")
    # Sorted, so that codes do not depend on the order in which items came to be known.
    rows = pl.concat([last, extra.to_frame()], how="diagonal").sort("item_id")
    provider, providers = _codes(rows["provider_id"])
    category, categories = _codes(rows["category"])
    published = rows["published_at"].dt.timestamp("us").fill_null(NEVER)
    quality = rows["quality"].cast(pl.Float64).fill_null(float("nan"))
    listing = Catalogue(
        provider, providers, category, categories, published.to_numpy().copy(),
        quality.to_numpy().copy(), _embedding(rows["embedding"]), listed,
    )  # fmt: skip
    return listing, rows.select("item_id").with_row_index("code")


def _codes(names: pl.Series) -> tuple[NDArray[np.int64], int]:
    """Codes in the names' order, so that other rows in front change none."""
    rank = names.rank("dense").cast(pl.Int64) - 1
    codes = rank.fill_null(UNKNOWN).to_numpy().copy()
    return codes, int(codes.max(initial=UNKNOWN)) + 1


def _embedding(vectors: pl.Series) -> NDArray[np.float32] | None:
    lengths = vectors.list.len().drop_nulls().unique()
    if len(lengths) != 1 or not lengths[0]:
        return None
    unit = np.full((len(vectors), int(lengths[0])), np.nan, np.float32)
    there = vectors.is_not_null().to_numpy()
    flat = vectors.drop_nulls().explode().to_numpy()
    unit[there] = flat.reshape(-1, unit.shape[1])
    norms = np.linalg.norm(unit, axis=1, keepdims=True)
    return np.divide(unit, norms, out=np.full_like(unit, np.nan), where=norms > 0)
