"""Reading the prediction log back, with what is missing from it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from serving.prediction_log import SUFFIX, Prediction
from sluice.errors import IntegrityError

_SEQUENCES = ("item_ids", "positions", "scores", "propensities")


@dataclass(frozen=True)
class PredictionsRead:
    """All predictions of a folder, by process and sequence."""

    predictions: tuple[Prediction, ...]
    missing: int
    """Gaps in the sequence numbers: dropped, or lost when a process was killed. What such a process
    lost after its last line leaves no gap."""
    torn: int
    """Last lines that a killed process left unfinished."""


def read_predictions(folder: Path) -> PredictionsRead:
    """Read every segment of a surface's folder; none where there is no folder.

    Raises:
        IntegrityError: a finished line is not a prediction; names the file and the line.
    """
    sequences: dict[str, list[int]] = defaultdict(list)
    rows: list[tuple[str, int, Prediction]] = []
    torn = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        *lines, rest = path.read_bytes().split(b"\n")
        torn += bool(rest)
        for number, line in enumerate(lines, start=1):
            process, sequence, prediction = _parse(path, number, line)
            sequences[process].append(sequence)
            rows.append((process, sequence, prediction))
    rows.sort(key=lambda row: row[:2])
    missing = sum(_missing(numbers) for numbers in sequences.values())
    return PredictionsRead(tuple(row[2] for row in rows), missing, torn)


def _missing(numbers: Iterable[int]) -> int:
    there = set(numbers)
    return max(there) - len(there)


def _parse(path: Path, number: int, line: bytes) -> tuple[str, int, Prediction]:
    try:
        row: dict[str, Any] = orjson.loads(line)
        fields = row["prediction"] | {
            name: tuple(row["prediction"][name]) for name in _SEQUENCES
        }
        return row["process"], row["sequence"], Prediction(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path.name}, line {number}: not a prediction") from error
