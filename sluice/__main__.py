"""`python -m sluice`: the command line."""

from sluice.cli import entrypoint

entrypoint()
