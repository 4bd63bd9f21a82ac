"""Promotion: gates, reviews, the state machine, the MLflow mirror."""

if __name__ == "registry":
    # The checkout's root is on an editable install's path: a second module would have classes of its own.
    raise ImportError(
        "import sluice.registry: the folder's code belongs to the package sluice"
    )
