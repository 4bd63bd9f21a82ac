"""What a gate or a check can say."""

from enum import StrEnum


class Outcome(StrEnum):
    """Of a gate or a check. Only PASS lets a candidate on; 'no data' is INCONCLUSIVE."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
