"""By what requests can be cut into segments: facts of the request or of its person."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.frames import context_columns
from sluice.ecosystem.encoding import Encoded
from sluice.errors import ConfigError
from sluice.metrics.slice_labels import activity_labels, hour_labels, quantile_labels

_MOST = 12
"""Values of a context column up to which each is a segment; more are quartered."""
_ALWAYS = ("activity", "hour", "weekday")
_DAYS = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])


def dimensions(encoded: Encoded) -> tuple[str, ...]:
    """Names that `labels` takes."""
    names = context_columns(encoded.requests)
    if encoded.requests["release"].null_count() < encoded.requests.height:
        names.append("release")
    return (*_ALWAYS, *names)


def labels(encoded: Encoded, dimension: str) -> NDArray[np.str_]:
    """The segment of each request, [requests]; `unknown` where the log does not say.

    `activity` counts a person's requests in the window, `hour` and `weekday` are UTC, `release` is the
    first twelve digits of what ranked, and `context_*` what clients sent.

    Raises:
        ConfigError: the log has no such dimension.
    """
    if dimension not in dimensions(encoded):
        raise ConfigError(
            f"Cannot cut by {dimension!r} because the log does not have it; "
            f"take one of {', '.join(dimensions(encoded))}"
        )
    if dimension == "activity":
        return activity_labels(encoded.exposures.person)
    if dimension == "hour":
        return hour_labels(encoded.exposures.moment)
    if dimension == "weekday":
        return _DAYS[encoded.requests["ts"].dt.weekday().to_numpy() - 1]
    column = encoded.requests[dimension]
    if dimension == "release":
        return np.array(column.str.slice(0, 12).fill_null("unknown").to_list())
    return _context(column)


def _context(column: pl.Series) -> NDArray[np.str_]:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) > _MOST:
        return quantile_labels(values)
    names = ["unknown" if np.isnan(value) else f"{value:g}" for value in distinct]
    return np.array(names)[place]
