"""Data validation, drift and dashboards."""

if __name__ == "monitors":
    # The checkout's root is on an editable install's path: a second module would have classes of its own.
    raise ImportError(
        "import sluice.monitors: the folder's code belongs to the package sluice"
    )
