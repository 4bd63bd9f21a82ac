"""A gate's evidence as a few lines that a person reads in a minute."""

from collections.abc import Mapping
from typing import Any

_INTERVAL = ("difference", "low", "high")
_SHOWN = 12
_LONG = (
    "slices",
    "objectives",
    "features",
    "suites",
    "limits",
    "reason",
    "report",
    "alone",
    "gone",
)


def figure_rows(gate: str, evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each figure; tables inside the evidence as a line for each of their rows."""
    rows = [
        (name.replace("_", " "), _told(value))
        for name, value in evidence.items()
        if name not in (*_LONG, *_INTERVAL) and not isinstance(value, dict)
    ]
    if evidence.get("difference") is not None:
        rows.append(("difference", _interval(evidence)))
    inner = _INNER.get(gate)
    return rows + (inner(evidence) if inner else [])


def _slices(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (each["name"], f"{each['outcome']}, {_interval(each)}")
        for each in evidence.get("slices", ())
    ]


def _objectives(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            each["name"],
            f"{each['outcome']}, expected over observed {_told(each['ratio'])} "
            f"({_told(each['low'])} to {_told(each['high'])})",
        )
        for each in evidence.get("objectives", ())
    ]


def _features(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The features that lost most, where any did."""
    known = [
        (name, each["fitted"], each["judged"])
        for name, each in evidence.get("features", {}).items()
        if None not in each.values() and each["judged"] < each["fitted"]
    ]
    worst = sorted(known, key=lambda each: each[2] - each[1])[:_SHOWN]
    return [
        (name, f"known {fitted:.1%} fitted, {judged:.1%} judged")
        for name, fitted, judged in worst
    ]


def _alone(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The columns that rank best by themselves."""
    return [
        (f"{each['name']} alone", f"AUC {_told(each['auc'])}")
        for each in evidence.get("alone", ())[:_SHOWN]
    ]


def _suites(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            each["suite"],
            f"{each['outcome']}, {each['checks']} checks, failing: "
            f"{', '.join(each['failing']) or 'none'}",
        )
        for each in evidence.get("suites", ())
    ]


def _ages(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"age of the {name}", f"{seconds / 3600:,.1f} h")
        for name, seconds in evidence.get("age_s", {}).items()
    ]


def _gini(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"Gini of exposure, {who}", _told(value))
        for who, value in evidence.get("gini", {}).items()
    ]


def _interval(found: Mapping[str, Any]) -> str:
    if any(found.get(name) is None for name in _INTERVAL):
        return "no interval"
    difference, low, high = (found[name] for name in _INTERVAL)
    return f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"


def _told(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


_INNER = {
    "leakage": _alone,
    "slices": _slices,
    "calibration": _objectives,
    "coverage": _features,
    "data": _suites,
    "freshness": _ages,
    "ecosystem": _gini,
}
