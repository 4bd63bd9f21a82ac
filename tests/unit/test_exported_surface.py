"""What each package gives to others; whatever else it has is its own."""

import importlib
import subprocess
import sys

import pytest

SURFACES = {
    "sluice.cli": {"entrypoint", "main"},
    "sluice.data.adapters": {"SOURCES", "read_source"},
    "sluice.mechanisms": {"Utility", "rank_by"},
    "sluice.metrics": {
        "DEFAULT", "Auc", "AveragePrecision", "Calibration", "CalibrationRule",
        "Decision", "Evaluation", "HitRate", "Metric", "Minimum", "Ndcg", "Paired",
        "PairedComparison", "Predictions", "Recall", "ReciprocalRank", "SliceReport", "SliceRule",
        "WeightedAuc", "calibrations", "compare", "compare_pairs", "compare_slices", "decide",
        "evaluate", "likeness", "measure_calibration", "noise_floor", "pair",
        "parse_metric", "predictions_of",
    },
    "sluice.metrics.offpolicy": {
        "CascadeDoublyRobust", "Contributions", "Diagnostics", "DoublyRobust", "Estimate",
        "Estimator", "IndependentIps", "Ips", "Limits", "LoggedDecisions", "LoggedSlates",
        "Predicted", "Refusal", "RewardInteractionIps", "SlotPolicy", "SlotProbability",
        "Snips", "SwitchDoublyRobust", "Verdict", "cross_fitted", "diagnose", "estimate",
        "logged_decisions", "logged_slates", "slot_frequencies",
    },
    "sluice.rankers": {"FAMILIES", "Ranker", "load_ranker", "make_ranker", "save_ranker"},
    "sluice.store": {"open_store"},
}  # fmt: skip
BARE = (
    "sluice", "sluice.data", "sluice.features", "sluice.features.declaration",
    "sluice.features.engine", "sluice.features.state", "sluice.features.strings", "sluice.flows",
    "sluice.gates", "sluice.monitors", "sluice.registry", "sluice.serving",
)  # fmt: skip
"""Packages whose modules are imported by their own names."""
PLATFORMS = (
    "bentoml", "evidently", "great_expectations", "lightgbm", "matplotlib", "mlflow", "prefect",
    "sklearn", "sqlalchemy",
)  # fmt: skip


@pytest.mark.parametrize("package", SURFACES)
def test_a_package_exports_exactly_its_surface(package):
    module = importlib.import_module(package)

    assert set(module.__all__) == SURFACES[package]
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("package", BARE)
def test_a_bare_package_has_a_docstring_and_nothing_else(package):
    module = importlib.import_module(package)

    assert module.__doc__
    assert not hasattr(module, "__all__")


@pytest.mark.parametrize("package", [*SURFACES, *BARE])
def test_a_package_is_imported_without_a_platform(package):
    asked = f"import sys, {package}; print([name for name in {PLATFORMS!r} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"
