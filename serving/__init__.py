"""Releases and the service that ranks with them."""

if __name__ == "serving":
    # The checkout's root is on an editable install's path: a second module would have classes of its own.
    raise ImportError(
        "import sluice.serving: the folder's code belongs to the package sluice"
    )
