"""Evidence as a few lines that a person reads in a minute."""

from collections.abc import Collection, Mapping
from typing import Any

Row = tuple[str, str]
"""Name of a figure, and its value as a reader sees it."""
_INTERVAL = ("difference", "low", "high")
_NEVER_PLAIN = ("limits", "reason")


def plain_rows(evidence: Mapping[str, Any], left_out: Collection[str] = ()) -> list[Row]:
    """Name and value of each figure by itself, and the interval where there is one."""
    rows = [
        (name.replace("_", " "), shown(value))
        for name, value in evidence.items()
        if name not in (*_NEVER_PLAIN, *_INTERVAL, *left_out)
        and not isinstance(value, dict)
    ]
    if evidence.get("difference") is not None:
        rows.append(("difference", interval(evidence)))
    return rows


def interval(figures: Mapping[str, Any]) -> str:
    """A difference between its bounds."""
    if any(figures.get(name) is None for name in _INTERVAL):
        return "no interval"
    difference, low, high = (figures[name] for name in _INTERVAL)
    return f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"


def shown(value: Any) -> str:
    """One value of a JSON document."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
