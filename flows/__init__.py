"""Prefect flows: tasks wrap functions and decide nothing."""

if __name__ == "flows":
    # The checkout's root is on an editable install's path: a second module would have classes of its own.
    raise ImportError(
        "import sluice.flows: the folder's code belongs to the package sluice"
    )
