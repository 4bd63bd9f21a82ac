"""Two rectified hidden layers and one output, fitted in NumPy by Adam on the listwise loss."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sluice.rankers.listwise import Lists

_Array = NDArray[np.floating]
_FIRST, _SECOND = 0.9, 0.999
"""Adam's decay of both moments (Kingma & Ba 2015)."""
_EPSILON = 1e-8
_DRAWS = 1 << 16
"""Values of the two bytes by which a unit is left out."""
_RISE = 0.3
"""Share of the steps over which the learning rate rises; then it falls by a cosine."""


@dataclass(frozen=True)
class Settings:
    """How a network is fitted."""

    hidden: tuple[int, int]
    epochs: int
    batch: int
    """Requests a step."""
    learning_rate: float
    """The highest, reached after _RISE of the steps."""
    weight_decay: float
    dropout: tuple[float, float]
    """Share of the units of each hidden layer that a step leaves out."""


@dataclass(frozen=True)
class Network:
    """Weights, [in, out] and [out] of each layer in turn, float32."""

    weights: tuple[_Array, ...]

    @classmethod
    def drawn(cls, width: int, hidden: Sequence[int], rng: np.random.Generator) -> Self:
        """Before the fit: He's normal weights, no bias."""
        sizes = [width, *hidden, 1]
        weights: list[_Array] = []
        for nth, (entering, leaving) in enumerate(pairwise(sizes)):
            scale = ((1.0 if nth == len(hidden) else 2.0) / entering) ** 0.5
            drawn = rng.normal(size=(entering, leaving)) * scale
            weights += [drawn.astype(np.float32), np.zeros(leaving, np.float32)]
        return cls(tuple(weights))

    def scores(self, inputs: _Array) -> _Array:
        """Outputs, [rows], by BLAS: for the fit alone, as its bits hang on the number of rows."""
        first_w, first_b, second_w, second_b, last_w, last_b = self.weights
        first = np.maximum(inputs @ first_w + first_b, 0)
        second = np.maximum(first @ second_w + second_b, 0)
        return (second @ last_w)[:, 0] + last_b

    def slopes(
        self,
        inputs: _Array,
        lists: Lists,
        dropout: Sequence[float],
        rng: np.random.Generator,
    ) -> list[_Array]:
        """Derivatives of the loss by each weight, with units left out at random."""
        first_w, first_b, second_w, second_b, last_w, last_b = self.weights
        first = inputs @ first_w + first_b
        first_kept = _kept(first, dropout[0], rng)
        first *= first_kept
        second = first @ second_w + second_b
        second_kept = _kept(second, dropout[1], rng)
        second *= second_kept
        out = lists.slope((second @ last_w)[:, 0] + last_b)[:, None]
        by_second = (out @ last_w.T) * second_kept
        by_first = (by_second @ second_w.T) * first_kept
        return [
            inputs.T @ by_first, by_first.sum(axis=0), first.T @ by_second,
            by_second.sum(axis=0), second.T @ out, out.sum(axis=0),
        ]  # fmt: skip


def _kept(before: _Array, dropout: float, rng: np.random.Generator) -> _Array:
    """Factor of each unit: 0 where it is not active or left out, else what makes up for those."""
    # Two bytes a unit: floats would take a fifth of the fit.
    drawn = np.frombuffer(rng.bytes(2 * before.size), "<u2").reshape(before.shape)
    alive = (before > 0) & (drawn >= round(dropout * _DRAWS))
    return alive * np.float32(1 / (1 - dropout))


def trained(
    inputs: _Array, lists: Lists, settings: Settings, rng: np.random.Generator
) -> Iterator[Network]:
    """The network after each epoch; the rate falls towards the last, which is the fit."""
    network = Network.drawn(inputs.shape[1], settings.hidden, rng)
    moments = [
        (np.zeros_like(weights), np.zeros_like(weights)) for weights in network.weights
    ]
    requests = len(lists.sizes)
    steps = settings.epochs * -(-requests // settings.batch)
    step = 0
    for _ in range(settings.epochs):
        order = rng.permutation(requests)
        for start in range(0, requests, settings.batch):
            rows, batch = lists.take(order[start : start + settings.batch])
            slopes = network.slopes(inputs[rows], batch, settings.dropout, rng)
            step += 1
            rate = settings.learning_rate * _rate(step / steps)
            network = _stepped(
                network, slopes, moments, (step, rate, settings.weight_decay)
            )
        yield network


def _rate(done: float) -> float:
    """Share of the highest learning rate, after a share of the steps."""
    if done < _RISE:
        return done / _RISE
    falling = (done - _RISE) / (1 - _RISE)
    return max(0.5 * (1 + float(np.cos(np.pi * falling))), 1e-3)


def _stepped(
    network: Network,
    slopes: Sequence[_Array],
    moments: Sequence[tuple[_Array, _Array]],
    step: tuple[int, float, float],
) -> Network:
    """One step of AdamW; the moments are changed in place."""
    nth, rate, decay = step
    gradients: list[_Array] = []
    for weight, slope, (mean, square) in zip(network.weights, slopes, moments, strict=True):
        mean[...] = _FIRST * mean + (1 - _FIRST) * slope
        square[...] = _SECOND * square + (1 - _SECOND) * slope * slope
        spread = np.sqrt(square / (1 - _SECOND**nth)) + _EPSILON
        change = mean / (1 - _FIRST**nth) / spread + decay * weight
        gradients.append(weight - np.float32(rate) * change.astype(np.float32))
    return Network(tuple(gradients))
