"""The one form in which commands are given a time."""

import click

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"])
"""Of a moment, in UTC; the time of day may be left out."""
