"""Exploration: some slots are filled by chance, with the probabilities written down.

Without it a log knows nothing of what it never showed. It comes last: the order that the mechanisms
left is changed among its organic items only, and an ad stays in the slot that it was put into.
"""

import hashlib
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

_LEAST = -1e300
_SHORTEST = 2.0**-60
"""Of the waiting times in a race: the logarithm of none at all would be no number."""
Slot = Annotated[int, Field(ge=1)]
"""1 the top; as shown, ads among them."""


@dataclass(frozen=True)
class Explored:
    """An order with what chance had to do with it."""

    order: NDArray[np.int64]
    """[shown]; rows from the top slot down."""
    propensities: NDArray[np.float64]
    """[shown]; probability of this item in this slot, given the items above it; 1 without chance."""


class _Stream(threading.local):
    """One Philox a thread, put to the start of the stream that is asked for.

    A new one reads the system's entropy although it is given a key, which takes ten times as long.
    """

    def __init__(self) -> None:
        self._bits = Philox(key=0)
        self._start: Any = self._bits.state
        self._generator = Generator(self._bits)

    def numbers(self, key: NDArray[np.uint64], count: int) -> NDArray[np.float64]:
        self._start["state"]["key"] = key
        self._bits.state = self._start
        return self._generator.random(count)


_STREAM = _Stream()


class Exploration(BaseModel, ABC):
    """What every way to explore declares and can do."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    seed: int = Field(default=0, ge=0, lt=1 << 63)
    """Of the draws, no secret: with the request id it gives the same answer again."""

    def chances(self, request_id: str, count: int) -> NDArray[np.float64]:
        """The randomness of one request: uniform numbers of 0 up to 1, [count].

        From a counter-based stream of its own (Philox: Salmon et al. 2011), keyed by seed and id: a
        request asked again under its id is answered by the same chance, on every replica.
        """
        key = hashlib.blake2b(
            request_id.encode(), digest_size=16, salt=self.seed.to_bytes(16, "little")
        )
        return _STREAM.numbers(np.frombuffer(key.digest(), "<u8"), count)

    @abstractmethod
    def explore(
        self,
        order: NDArray[np.int64],
        scores: NDArray[np.float64],
        fixed: NDArray[np.bool_] | None,
        chances: NDArray[np.float64],
    ) -> Explored:
        """Change the order by chance.

        Args:
            order: [shown]; rows from the top slot down.
            scores: [shown]; what each slot's item is worth, along `order`, descending but for the
                fixed ones.
            fixed: [shown]; slots whose items stay, along `order`: ads; None for none.
            chances: [2 × shown]; of the request, see `chances`.
        """


class EpsilonSlots(Exploration):
    """Each declared slot is, with probability ε, filled by any of the items that are left.

    "Left" are the organic items that no slot above holds, the one whose turn it is among them: it has
    1 - ε + ε / n of n, every other ε / n. Ties of chance are none: an item stands once.
    """

    kind: Literal["epsilon"]
    epsilon: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, strict=False)]

    @field_validator("slots")
    @classmethod
    def _each_once(cls, declared: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(declared)) != len(declared):
            raise ValueError("names a slot twice; once is enough")
        return tuple(sorted(declared))

    def explore(
        self,
        order: NDArray[np.int64],
        scores: NDArray[np.float64],  # noqa: ARG002
        fixed: NDArray[np.bool_] | None,
        chances: NDArray[np.float64],
    ) -> Explored:
        """See `Exploration.explore`."""
        propensities = np.ones(len(order))
        organic = _movable(len(order), fixed)
        places = {slot: place for place, slot in enumerate(organic.tolist())}
        left = order[organic].tolist()
        for slot in self.slots:
            place = places.get(slot - 1)
            if place is None:
                continue
            # Items above `place` are fixed by now; those from it on are still in their old order.
            count = len(left) - place
            taken = 0
            if chances[2 * place] < self.epsilon:
                taken = int(chances[2 * place + 1] * count)
            left.insert(place, left.pop(place + taken))
            kept = 0.0 if taken else 1 - self.epsilon
            propensities[slot - 1] = kept + self.epsilon / count
        explored = order.copy()
        explored[organic] = left
        return Explored(explored, propensities)


class PlackettLuce(Exploration):
    """The first slots are drawn one after the other, each by softmax of score / temperature.

    Drawn at once, as a race: item i comes in after an exponential time of rate e^(score / T), which
    is the Gumbel top-k trick (Yellott 1977; Kool, van Hoof & Welling 2019).
    An item's score is that of the slot where the mechanisms had put it, on the ranker's scale.
    Items below the first slots keep their order.
    """

    kind: Literal["plackett_luce"]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """In the ranker's unit: at a difference of one temperature, the better is e times as likely."""
    slots: Slot = 10
    """The first so many; those that hold ads are not drawn."""

    def explore(
        self,
        order: NDArray[np.int64],
        scores: NDArray[np.float64],
        fixed: NDArray[np.bool_] | None,
        chances: NDArray[np.float64],
    ) -> Explored:
        """See `Exploration.explore`."""
        organic = _movable(len(order), fixed)
        drawn = np.count_nonzero(organic < self.slots)
        propensities = np.ones(len(order))
        if not drawn:
            return Explored(order, propensities)
        logits = _logits(scores[organic], self.temperature)
        waits = np.maximum(-np.log1p(-chances[: len(logits)]), _SHORTEST)
        best = (np.log(waits) - logits).argsort(kind="stable")[:drawn]
        rest = np.ones(len(logits), np.bool_)
        rest[best] = False
        turns = np.concatenate([best, rest.nonzero()[0]])
        # Sums of what is left, from the last item up and in logarithms: nothing is ever taken away
        # from a sum that it dominates.
        left = np.logaddexp.accumulate(logits[turns[::-1]])[::-1][:drawn]
        propensities[organic[:drawn]] = np.exp(np.minimum(logits[best] - left, 0.0))
        explored = order.copy()
        explored[organic] = order[organic][turns]
        return Explored(explored, propensities)


ExplorationSpec = Annotated[EpsilonSlots | PlackettLuce, Field(discriminator="kind")]


def _movable(shown: int, fixed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    return np.arange(shown) if fixed is None else np.flatnonzero(~fixed)


def _logits(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Scores below the best in temperatures, never so many that a number could overflow."""
    with np.errstate(over="ignore"):
        return np.maximum((scores - scores.max()) / temperature, _LEAST)
