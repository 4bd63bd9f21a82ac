"""When people get other vectors: at the start of a span, with the sums of items made anew in their space.

Requests of a span know the vectors of what was known before it began. A server never refits: it has
the vectors of its release, dated by their span, and adds to the sums what comes.
"""

import numpy as np
from numpy.typing import NDArray

from sluice.data.durations import microseconds
from sluice.errors import ConfigError
from sluice.features.declaration.layout import ITEM, USER
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.engine.alike import add_vectors
from sluice.features.engine.counters import CLICK, EXPOSURE, Requests
from sluice.features.state.alike_vectors import Clicks, Fit
from sluice.features.state.feature_state import FeatureState


def refuse_parts(spec: FeatureSpec) -> None:
    """Refuse to compute a log in parts whose features need the whole of it.

    Raises:
        ConfigError: they do.
    """
    if spec.alike is not None:
        raise ConfigError(
            "Cannot compute features.alike from a part of a log because people's vectors are made of all "
            "clicks before it; replay the whole log at once, or declare no features.alike"
        )


def fold_in_spans(
    state: FeatureState, requests: Requests, context: NDArray[np.float32], vectors: Fit
) -> NDArray[np.float32]:
    """As `FeatureState.fold`, with people's vectors made anew at the start of every span.

    Args:
        state: was pushed the whole log and has counted nothing.
        requests: in time order.
        context: [rows, context columns].
        vectors: makes them.
    """
    alike = state.spec.alike
    if alike is None:
        return state.fold(requests, context)
    features = np.empty((len(requests.items), len(state.names)), np.float32)
    span = requests.ts // microseconds(alike.refit)
    begins = np.flatnonzero(np.diff(span, prepend=span[:1] - 1))
    for first, last in zip(begins, np.append(begins[1:], len(span)), strict=True):
        refit(state, int(span[first]) * microseconds(alike.refit), vectors)
        offsets = requests.offsets[first : last + 1]
        rows = slice(int(offsets[0]), int(offsets[-1]))
        part = Requests(
            requests.ts[first:last], offsets - offsets[0], requests.users[first:last],
            requests.items[rows],
        )  # fmt: skip
        features[rows] = state.fold(part, context[rows])
    return features


def refit(state: FeatureState, ts: int, vectors: Fit) -> None:
    """Give people the vectors of what is known before `ts` (µs), and items the sums of these.

    Nothing that the state counted may have been let go of.
    """
    state.advance(ts)
    alike, queue = state.known.alike, state.known.queue
    first, applied = queue.first.tolist(), queue.applied.tolist()
    counted = slice(first[CLICK], applied[CLICK])
    clicks = Clicks(queue.codes[USER, counted], queue.codes[ITEM, counted])
    fitted = vectors(clicks, len(alike.vectors), alike.vectors.shape[1])
    sums = np.zeros_like(alike.sums)
    for kind in (EXPOSURE, CLICK):
        add_vectors(
            fitted, sums, queue.codes[ITEM], queue.codes[USER], kind, first[kind], applied[kind]
        )  # fmt: skip
    state.known = state.known._replace(
        alike=alike._replace(since=ts, vectors=fitted, sums=sums)
    )
