"""Predictions for tests, small and telling."""

from sluice.serving.prediction import Prediction

ONE = Prediction(
    request_id="r0",
    ts=0,
    user_id="u",
    candidates=("a", "b", "c"),
    scores=(0.1 + 0.2, -0.0, 0.7),
    order=(2, 0, 1),
    propensities=(1.0, 0.5, 0.25),
    release="e" * 64,
    features_digest="f" * 64,
    context={"context_hour": 7.0, "context_seen": (1.0, 2.0, 3.0)},
)


def prediction(number=0, **changes):
    """The one with this number, which is its time and in its request id."""
    return ONE._replace(**({"request_id": f"r{number}", "ts": number} | changes))
