"""How far an interval is from its threshold, and what evidence would bring it there."""

from collections.abc import Mapping
from math import ceil
from typing import Any

Evidence = Mapping[str, Any]


def interval_remedy(evidence: Evidence) -> str | None:
    """How far an interval is from its threshold, and what evidence would bring it there.

    Its half-width shrinks with the square root of the requests, so from half-width h to the d that
    the measured difference leaves takes (h / d)² times as many. None where a figure is missing.
    """
    figures = [
        evidence.get(name) for name in ("difference", "low", "threshold", "requests")
    ]
    difference, low, threshold, requests = figures
    if difference is None or low is None or threshold is None or requests is None:
        return None
    if evidence.get("rule") == "equivalence":
        return _equivalence(evidence)
    short = f"the lower bound is {low:+.4f} and must be above {threshold:+.4f}: {threshold - low:.4f} more"
    room = difference - threshold
    if room <= 0:
        return (
            f"{short}; the measured difference of {difference:+.4f} is itself not above it and has to be "
            f"more than {-room:.4f} better: more requests of the same would not help"
        )
    if low > threshold:
        return None
    return f"{short}; {_more(requests, difference - low, room)}"


def _equivalence(evidence: Evidence) -> str | None:
    difference, bound, requests = (
        evidence["difference"],
        abs(evidence["threshold"]),
        evidence["requests"],
    )
    low, high = evidence.get("low"), evidence.get("high")
    if low is None or high is None:
        return None
    both = f"the interval {low:+.4f} to {high:+.4f} must lie within ±{bound:.4f}"
    room = bound - abs(difference)
    if room <= 0:
        return f"{both}; the measured difference of {difference:+.4f} is outside it already"
    return f"{both}; {_more(requests, max(difference - low, high - difference), room)}"


def _more(requests: float, half_width: float, room: float) -> str:
    needed = ceil(requests * (half_width / room) ** 2)
    return (
        f"if the difference is truly as measured, about {needed:,} judged requests would show it "
        f"({max(needed - int(requests), 0):,} more than the {int(requests):,} there are)"
    )


def too_few(evidence: Evidence, limits: Evidence) -> list[str]:
    """How many more requests and users the rule asks."""
    asks = (("requests", "min_requests", "requests"), ("clusters", "min_users", "users"))
    return [
        f"{limits[least] - evidence[name]:,.0f} more judged {what} ({evidence[name]:,.0f} of {limits[least]:,})"
        for name, least, what in asks
        if evidence.get(name) is not None
        and least in limits
        and evidence[name] < limits[least]
    ]


def compared_remedies(evidence: Evidence) -> list[str]:
    """What a paired comparison lacks: room to its threshold, or requests and users."""
    short = interval_remedy(evidence)
    thin = too_few(evidence, evidence.get("limits", {}))
    if short is None and not thin:
        return ["a comparison with finite figures on enough requests"]
    return [*([short] if short else []), *thin]
