"""What sets two versions apart: declaration, data, code, metrics, verdicts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sluice.registry.evidence import Evidence

ABSENT = None
"""Stands for what one of the two has not."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both."""

    about: str
    """data, code, parameters, features, gates, metrics or verdicts."""
    what: str
    """E.g. ranker.parameters.trees."""
    first: Any
    second: Any


def differences(
    first: Evidence,
    second: Evidence,
    declared: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> tuple[Difference, ...]:
    """All that differs between two versions of a surface, in the order of the lifecycle.

    Metrics of different snapshots were taken on different requests: they are shown, but say nothing
    about which version ranks better. The paired comparison in the evidence does.

    Args:
        first: all that is known about one.
        second: and about the other.
        declared: the declaration that each was trained and judged under.
    """
    compared = (
        *_pairs("data", _data(first), _data(second)),
        *_pairs("code", {"code": first.code}, {"code": second.code}),
        *_declared(*declared),
        *_pairs("metrics", first.metrics.get("candidate", {}), second.metrics.get("candidate", {})),
        *_pairs("verdicts", _verdicts(first), _verdicts(second)),
        *_pairs("bytes", _bytes(first), _bytes(second)),
    )  # fmt: skip
    return tuple(
        difference for difference in compared if difference.first != difference.second
    )


def _pairs(
    about: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Difference]:
    for what in dict.fromkeys((*first, *second)):
        yield Difference(about, what, first.get(what, ABSENT), second.get(what, ABSENT))


def _data(evidence: Evidence) -> dict[str, Any]:
    return {
        "snapshot": evidence.snapshot,
        "start": evidence.start.isoformat(),
        "end": evidence.end.isoformat(),
        **evidence.counts,
    }


def _declared(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for pair in _pairs("", dict(_flat(first)), dict(_flat(second))):
        head = pair.what.split(".", 1)[0]
        about = "parameters" if head == "ranker" else head
        yield Difference(about, pair.what, pair.first, pair.second)


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _verdicts(evidence: Evidence) -> dict[str, str]:
    return {judgement.gate: str(judgement.outcome) for judgement in evidence.judgements}


def _bytes(evidence: Evidence) -> dict[str, Any]:
    return {"model": evidence.model, "release": evidence.release}
