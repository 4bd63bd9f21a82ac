"""How figures and moments are written for a reader of the evidence."""

from datetime import datetime

from sluice.gates.judgement import finite

NONE = "–"
"""Stands for a figure that there is not."""


def figure(value: float | None) -> str:
    number = finite(value)
    return NONE if number is None else f"{number:.4f}"


def signed(value: float | None) -> str:
    number = finite(value)
    return NONE if number is None else f"{number:+.4f}"


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
