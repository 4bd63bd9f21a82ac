"""Feature rows grouped by request: what a ranker fits and what a metric judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sluice.errors import DataError


@dataclass(frozen=True)
class RankingFrame:
    """Requests in time order, each a run of consecutive rows, one row a candidate."""

    names: tuple[str, ...]
    """Of the feature columns."""
    features: NDArray[np.float32]
    """[rows, features]; NaN where unknown."""
    labels: NDArray[np.float64]
    """[rows]; gain grade of the declared label, 0 where none was received."""
    offsets: NDArray[np.int64]
    """[requests + 1]; request r owns rows offsets[r] to offsets[r + 1]."""
    ts: NDArray[np.int64]
    """[requests]; µs since the epoch, UTC, ascending."""
    request_ids: NDArray[np.str_]
    """[requests]."""
    users: NDArray[np.int64]
    """[requests]; a number for the person, the cluster of every interval: the same in every frame."""
    item_ids: NDArray[np.str_]
    """[rows]."""
    positions: NDArray[np.int32]
    """[rows]; shown slot, 1 the top, 0 where unknown."""
    feedback: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """[rows] by `FeedbackKind` value, for the kinds asked for: largest value received, 0 for none."""

    def __post_init__(self) -> None:
        rows = len(self.labels)
        if self.features.shape != (rows, len(self.names)):
            raise DataError(
                f"features are {self.features.shape}, expected ({rows}, {len(self.names)})"
            )
        if int(self.offsets[-1]) != rows or int(self.offsets[0]) != 0:
            raise DataError(
                f"request sizes sum to {int(self.offsets[-1])}, the frame has {rows} rows"
            )
        for kind, values in self.feedback.items():
            if values.shape != (rows,):
                raise DataError(
                    f"feedback {kind} is {values.shape}, the frame has {rows} rows"
                )

    @property
    def requests(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> int:
        return len(self.labels)

    def column(self, name: str) -> NDArray[np.float32]:
        """Values of one feature, [rows].

        Raises:
            DataError: no such feature; the message lists those there are.
        """
        if name not in self.names:
            raise DataError(f"no feature {name!r}; there are: {', '.join(self.names)}")
        return self.features[:, self.names.index(name)]

    def take(self, first: int, last: int) -> "RankingFrame":
        """Requests `first` up to, not including, `last`."""
        low, high = int(self.offsets[first]), int(self.offsets[last])
        return RankingFrame(
            names=self.names,
            features=self.features[low:high],
            labels=self.labels[low:high],
            offsets=self.offsets[first : last + 1] - low,
            ts=self.ts[first:last],
            request_ids=self.request_ids[first:last],
            users=self.users[first:last],
            item_ids=self.item_ids[low:high],
            positions=self.positions[low:high],
            feedback={kind: values[low:high] for kind, values in self.feedback.items()},
        )

    def split_at(self, ts: int) -> tuple["RankingFrame", "RankingFrame"]:
        """The requests before `ts` (µs), and those from it on."""
        cut = int(np.searchsorted(self.ts, ts, side="left"))
        return self.take(0, cut), self.take(cut, self.requests)
