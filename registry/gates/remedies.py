"""What would have to change for a gate to let a version on, read from the evidence it left."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from sluice.store.records import Outcome

Evidence = Mapping[str, Any]


def remedies(gate: str, outcome: Outcome, evidence: Evidence) -> tuple[str, ...]:
    """What would have to change, one sentence each; empty where it passed or nothing is known."""
    if outcome is Outcome.PASS:
        return ()
    return tuple(_OF.get(gate, _nothing)(evidence))


def interval_remedy(found: Evidence) -> str | None:
    """How far an interval is from its threshold, and what evidence would bring it there.

    Its half-width shrinks with the square root of the requests, so from half-width h to the d that
    the measured difference leaves takes (h / d)² times as many. None where a figure is missing.
    """
    figures = [found.get(name) for name in ("difference", "low", "threshold", "requests")]
    difference, low, threshold, requests = figures
    if difference is None or low is None or threshold is None or requests is None:
        return None
    if found.get("rule") == "equivalence":
        return _equivalence(found)
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


def _equivalence(found: Evidence) -> str | None:
    difference, bound, requests = (
        found["difference"],
        abs(found["threshold"]),
        found["requests"],
    )
    low, high = found.get("low"), found.get("high")
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


def _thin(found: Evidence, limits: Evidence) -> list[str]:
    """How many more requests and users the rule asks."""
    asks = (("requests", "min_requests", "requests"), ("clusters", "min_users", "users"))
    return [
        f"{limits[least] - found[name]:,.0f} more judged {what} ({found[name]:,.0f} of {limits[least]:,})"
        for name, least, what in asks
        if found.get(name) is not None and least in limits and found[name] < limits[least]
    ]


def _quality(found: Evidence) -> list[str]:
    if found.get("too_good"):
        return [
            f"a gain of at most {found['believable']:.0%} of what the reference lacks, or a reviewer who "
            "says why it is none of a leak: sluice gates waive"
        ]
    labels = found.get("labels")
    if labels and found.get("difference") is None:
        return [
            f"judged requests with a {labels['kind']}, where {labels['labelled']:,} of {labels['judged']:,} "
            f"have one and the last came at {labels['last'] or 'no time'}: ingest what has come since, and "
            "run the lifecycle again"
        ]
    if found.get("pooled"):
        return [_in_days(found["pooled"])]
    return _compared(found)


def _in_days(pooled: Evidence) -> str:
    """What more traffic would say of a configuration that is judged over its windows together."""
    left, lost = pooled["days_left"], f"{pooled['margin']:.1%}"
    if left is None:
        return f"another configuration: no traffic shows whether this one loses {lost}"
    if not left:
        return (
            f"another configuration: over {pooled['days']:.1f} days this one lost, by {pooled['low']:+.4f} "
            f"to {pooled['high']:+.4f}"
        )
    return (
        f"traffic of {ceil(left)} more days like these: run the lifecycle on each, and its window is judged "
        f"with those before it until a loss of {lost} is shown or ruled out"
    )


def _compared(found: Evidence) -> list[str]:
    said = interval_remedy(found)
    thin = _thin(found, found.get("limits", {}))
    if said is None and not thin:
        return ["a comparison with finite figures on enough requests"]
    return [*([said] if said else []), *thin]


def _slices(found: Evidence) -> list[str]:
    held = [each for each in found.get("slices", ()) if each["outcome"] != "pass"]
    lines = []
    for each in held:
        said, thin = interval_remedy(each), _thin(each, found["limits"])
        parts = [*([said] if said else []), *thin]
        lines.append(f"{each['name']}: {'; '.join(parts) or each['reason']}")
    return lines or ["a slice of requests in every declared dimension"]


def _calibration(found: Evidence) -> list[str]:
    lines = [
        _ratio(each, found["limits"])
        for each in found.get("objectives", ())
        if each["outcome"] != "pass"
    ]
    return lines or [
        "a family whose objectives are calibrated probabilities, such as multitask"
    ]


def _ratio(each: Evidence, limits: Evidence) -> str:
    name, positives = each["name"], each["positives"]
    if None in (each["ratio"], each["low"], each["high"], positives):
        return (
            f"{name}: judged rows with positives, for an interval of expected over observed"
        )
    if positives < limits["min_positives"] or each["users"] < limits["min_users"]:
        return (
            f"{name}: {limits['min_positives']:,} judged positives of {limits['min_users']:,} users, "
            f"where there are {positives:,} of {each['users']:,}"
        )
    bounds = f"{limits['floor']:g} to {limits['ceiling']:g}"
    said = f"{name}: the interval {each['low']:.3f} to {each['high']:.3f} must lie within {bounds}"
    if each["outcome"] == "fail" and each["ratio"]:
        return f"{said}; what it promises is {each['ratio']:.3f} times what comes: calibrate it anew"
    return f"{said}; it is narrower with more positives than the {positives:,} there are"


def _churn(found: Evidence) -> list[str]:
    if not found.get("pairs"):
        return ["two refits of the configuration at least, for the noise floor"]
    limits, choices = found["limits"], found.get("requests_with_a_choice") or 0
    if choices < limits["min_requests"]:
        return [
            f"{limits['min_requests']:,} judged requests with more than {limits['k']} candidates, "
            f"where there are {choices:,}, or a smaller k"
        ]
    return _compared(found)


def _ecosystem(found: Evidence) -> list[str]:
    if found.get("metric") is None:
        return ["items of two providers at least, as the log knows them"]
    return _compared(found)


def _freshness(found: Evidence) -> list[str]:
    limit = found["limits"]["max_age"]
    return [
        f"events received within {limit} of the judgement: ingest what was logged since "
        f"{found.get('newest') or 'the start'} and run the lifecycle, which makes another version"
    ]


def _coverage(found: Evidence) -> list[str]:
    least, asked = found["limits"]["min_share"], found["limits"]["min_rows"]
    gone = [
        f"{each}: {least:.0%} of the share that was fitted is the least"
        for each in found.get("gone", ())
    ]
    return gone or [
        f"{asked:,} fitted and {asked:,} judged rows with a known share of each feature"
    ]


def _served(found: Evidence) -> list[str]:
    limits, requests = found["limits"], found.get("requests") or 0
    if found.get("report") is None or requests < limits["min_requests"]:
        return [
            f"a parity report of a window that ended within {limits['max_age']} of the judgement, with "
            f"{limits['min_requests']:,} answers of the champion, where there are {requests:,}: run "
            "`sluice parity` after it has served so many"
        ]
    if found["share"] < limits["min_identical"]:
        needed = ceil(limits["min_identical"] * requests)
        return [
            f"{needed:,} of {requests:,} answers must be the same when computed again, "
            f"{found['identical']:,} are: `sluice parity` names those that are not"
        ]
    if found.get("delay_p95_s") is None:
        return [
            "events that come in live, through /events, so that their delay is measured"
        ]
    return [
        f"events within the embargo of {found['embargo']}, where 95 % are there within "
        f"{found['delay_p95_s']:,.1f} s: bring them sooner, or declare a longer features.embargo; and a "
        f"window that ended within {limits['max_age']} of the judgement"
    ]


def _data(found: Evidence) -> list[str]:
    failing = [
        f"{each['suite']}: mend {', '.join(each['failing'])} in the log, and take another snapshot"
        for each in found.get("suites", ())
        if each["failing"]
    ]
    return failing or ["every suite of checks has to run and pass over the snapshot"]


def _leakage(found: Evidence) -> list[str]:
    moved = found.get("moved")
    if moved:
        return [f"{', '.join(moved)} must know only what was received before the request"]
    columns = [
        f"{each}: leave it out, or show that it is known before the ranking is asked for"
        for each in found.get("too_well", ())
    ]
    revised = [
        f"{each}: file what is known later under the time from which it is known, or leave it out"
        for each in found.get("revised", ())
    ]
    unsent = [
        f"{each}: let clients send it and say so in serving.context, or leave it out of the log"
        for each in found.get("unsent", ())
    ]
    return [*columns, *revised, *unsent] or [
        "a mutation audit with probes, rows and no unnamed change, judged requests with a label, and a "
        "look at the context that is sent"
    ]


def _replay(found: Evidence) -> list[str]:
    limits = found["limits"]
    over = [
        f"{what} is {found[name]:,.1f} and may be {limits[least]:,}"
        for name, least, what in (
            ("p99_ms", "p99_ms", "p99 in ms"),
            ("memory_mb", "memory_mb", "memory in MB"),
        )
        if found.get(name) is not None and found[name] > limits[least]
    ]
    wrong = [
        f"{found[name]:,} {what} must be none"
        for name, what in (
            ("mismatches", "answers unlike the model's"),
            ("errors", "requests without an answer"),
        )
        if found.get(name)
    ]
    return [*over, *wrong] or [
        f"a replay of {limits['requests']:,} requests with every figure"
    ]


def _nothing(_found: Evidence) -> list[str]:
    return []


_OF: Mapping[str, Callable[[Evidence], list[str]]] = {
    "data": _data,
    "leakage": _leakage,
    "quality": _quality,
    "slices": _slices,
    "calibration": _calibration,
    "churn": _churn,
    "ecosystem": _ecosystem,
    "freshness": _freshness,
    "coverage": _coverage,
    "served": _served,
    "replay": _replay,
}
