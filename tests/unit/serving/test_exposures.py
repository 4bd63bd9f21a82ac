"""The prediction log as exposures of the event log."""

from datetime import UTC, datetime

from serving.exposures import served_exposures
from serving.prediction_log import Prediction
from serving.prediction_reader import PredictionsRead

AT = 1_767_225_600_000_000


def test_a_prediction_is_one_exposure_a_candidate_from_the_top_down():
    said = Prediction(
        "r1", AT, "u1", ("i2", "i1"), (1, 2), (0.9, 0.1), (1.0, 0.5), "f" * 64, "1a" * 32
    )
    shown = served_exposures(PredictionsRead((said,), missing=0, torn=0), "for_you")

    assert shown.rows(named=True) == [
        {
            "request_id": "r1", "user_id": "u1", "surface": "for_you",
            "ts": datetime(2026, 1, 1, tzinfo=UTC), "item_id": item, "position": slot,
            "propensity": propensity, "score": score, "release": "1a" * 32,
        }
        for item, slot, score, propensity in (("i2", 1, 0.9, 1.0), ("i1", 2, 0.1, 0.5))
    ]  # fmt: skip


def test_no_prediction_is_no_exposure():
    assert served_exposures(PredictionsRead((), missing=0, torn=0), "for_you").is_empty()
