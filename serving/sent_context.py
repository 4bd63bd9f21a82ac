"""Which context clients sent with the requests of a window, as the prediction log holds it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sluice.serving.prediction_reader import read_predictions


@dataclass(frozen=True)
class SentColumns:
    """How often each context column came along."""

    requests: int
    sent: dict[str, float]
    """By column, the share of the requests that sent it."""


def sent_columns(folder: Path, start: int, end: int) -> SentColumns:
    """Of the answers in a surface's folder of predictions, asked from `start` (µs) on, before `end`."""
    names = read_predictions(folder, start, end).frame["context_names"]
    times = Counter(names.explode().drop_nulls().to_list())
    return SentColumns(
        len(names), {name: many / len(names) for name, many in sorted(times.items())}
    )
