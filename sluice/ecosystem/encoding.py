"""From the event log's tables to numbers: strings are read once, here."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.data.tables import LogTables, Window
from sluice.ecosystem.catalogue import UNKNOWN, Catalogue, catalogue
from sluice.ecosystem.exposures import KINDS, Answers, Exposures
from sluice.ecosystem.settings import Stated
from sluice.errors import TooLittleData
from sluice.mechanisms.exposure import position_weights


@dataclass(frozen=True)
class Encoded:
    """Exposures as numbers, and the names by which they are cut into segments."""

    exposures: Exposures
    requests: pl.DataFrame
    """`request_id`, `ts`, `user_id`, `release` and the context of each request's first row."""
    unsaid: tuple[str, ...]
    """What the log does not say, and what that means for the figures; one sentence each."""


def encode(tables: LogTables, surface: str, window: Window, stated: Stated) -> Encoded:
    """Read a surface's exposures of a window, and what came of them.

    Args:
        tables: of a log, in its order; exposures of other surfaces and times are left out.
        surface: whose.
        window: of the exposures; feedback counts where it was received before its end.
        stated: settings.

    Raises:
        TooLittleData: no exposure, or of fewer people than may be spoken of.
    """
    within = tables.between(window)
    shown = within.exposures.filter(pl.col("surface") == surface).with_columns(
        request=pl.col("request_id").rle_id().cast(pl.Int64)
    )
    requests = shown.unique("request", keep="first", maintain_order=True)
    people = requests.select(pl.col("user_id").unique(maintain_order=True)).with_row_index(
        "person"
    )
    _enough(people.height, surface, window, stated)
    listed, codes = catalogue(
        within.items, shown["item_id"].unique(), window, stated.lifetime
    )
    item = _coded(shown["item_id"], codes, "item_id", "code")
    request = shown["request"].to_numpy().copy()
    weight, has_slots = _weights(shown["position"])
    exposures = Exposures(
        catalogue=listed,
        start=_micros(window.start),
        end=_micros(window.end),
        item=item,
        request=request,
        weight=weight,
        popularity=_popularity(item, len(listed)),
        person=_coded(requests["user_id"], people, "user_id", "person"),
        moment=requests["ts"].dt.timestamp("us").to_numpy().copy(),
        answers=_answers(within.feedback, requests, codes),
        answered=frozenset(
            FeedbackKind(kind) for kind in within.feedback["kind"].unique().to_list()
        ),
        interests=_interests(within.feedback, window, people, codes, listed),
        stated=stated,
    )
    return Encoded(exposures, requests, _unsaid(exposures, has_slots=has_slots))


def _enough(people: int, surface: str, window: Window, stated: Stated) -> None:
    if people < stated.min_people:
        raise TooLittleData(
            f"Cannot make a scorecard of {surface} because fewer than {stated.min_people} people were "
            f"shown anything from {window.start.isoformat()} to {window.end.isoformat()}; "
            "take a longer window, or see that its events are ingested"
        )


def _micros(moment: object) -> int:
    return int(pl.Series([moment], dtype=pl.Datetime("us", "UTC")).dt.timestamp("us")[0])


def _coded(names: pl.Series, codes: pl.DataFrame, on: str, code: str) -> NDArray[np.int64]:
    """Code of each name, UNKNOWN where it has none, in the names' order."""
    joined = (
        names.alias(on).to_frame().join(codes, on=on, how="left", maintain_order="left")
    )
    return joined[code].cast(pl.Int64).fill_null(UNKNOWN).to_numpy().copy()


def _weights(position: pl.Series) -> tuple[NDArray[np.float64], bool]:
    # A slot that is known for some rows only would make the others look unseen.
    if position.null_count():
        return np.ones(len(position)), False
    slots = position.to_numpy()
    return position_weights(int(slots.max(initial=1)))[slots - 1], True


def _popularity(item: NDArray[np.int64], items: int) -> NDArray[np.float64]:
    """(earlier exposures of the item + 1) / (earlier exposures + items), [rows]."""
    order, counts = grouped(item, items), np.bincount(item, minlength=items)
    before = np.empty(len(item), np.int64)
    before[order] = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    return (before + 1) / (np.arange(len(item)) + items)


def grouped(codes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Rows by their code, 0 .. count - 1, and as they came where it is the same, [rows]."""
    # NumPy sorts two bytes by radix, which is several times faster.
    narrow = codes.astype(np.uint16) if count <= np.iinfo(np.uint16).max else codes
    return np.argsort(narrow, kind="stable")


def _answers(
    feedback: pl.DataFrame, requests: pl.DataFrame, codes: pl.DataFrame
) -> Answers:
    order = {kind: place for place, kind in enumerate(KINDS)}
    rows = (
        feedback.filter(pl.col("request_id").is_not_null())
        .join(requests.select("request_id", "request"), on="request_id")
        .join(codes, on="item_id")
        .sort("request", "code", "kind", "ts", "value")
    )
    kind = rows["kind"].replace_strict(order, return_dtype=pl.Int64)
    return Answers(
        rows["request"].to_numpy().copy(), rows["code"].cast(pl.Int64).to_numpy().copy(),
        kind.to_numpy().copy(), rows["value"].to_numpy().copy(),
    )  # fmt: skip


def _interests(
    feedback: pl.DataFrame,
    window: Window,
    people: pl.DataFrame,
    codes: pl.DataFrame,
    listed: Catalogue,
) -> NDArray[np.float64]:
    clicks = feedback.filter(
        (pl.col("kind") == FeedbackKind.CLICK)
        & (pl.col("received_ts") < pl.lit(window.start))
    )
    clicked = clicks.join(people, on="user_id").join(codes, on="item_id")
    category = listed.category[clicked["code"].to_numpy()]
    whose = clicked["person"].cast(pl.Int64).to_numpy()[category != UNKNOWN]
    shape = (people.height, listed.categories)
    flat = whose * listed.categories + category[category != UNKNOWN]
    return (
        np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    )


def _unsaid(exposures: Exposures, *, has_slots: bool) -> tuple[str, ...]:
    sentences = [
        "whether a row was an ad or an exploring slot: all rows count as shown content",
        "whether a logged row was seen: every row counts as shown",
    ]
    if not has_slots:
        sentences.append("slots: every exposure weighs 1 instead of its slot's worth")
    if not exposures.catalogue.listed:
        sentences.append(
            "a list of items: what was never seen is missing among the unequal"
        )
    elif exposures.stated.lifetime is None:
        sentences.append(
            "when items end: all that were ever published count as the catalogue; "
            "declare ecosystem.lifetime"
        )
    return tuple(sentences)
