"""The coverage gate: what the candidate learned to read is there where it is asked."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sluice.features.state.frame import RankingFrame
from sluice.gates.base import Evidence, Gate
from sluice.gates.case import Case
from sluice.gates.figures import Row
from sluice.gates.judgement import Judgement, count, finite
from sluice.gates.outcome import Outcome
from sluice.gates.scene import Scene

_SHOWN = 8
_LISTED = 12


class CoverageGate(Gate):
    """Are the features that it learned from there where it is judged?"""

    name: ClassVar[str] = "coverage"
    question: ClassVar[str] = "Is what it learned to read still there where it is asked?"
    position: ClassVar[int] = 90
    laxest_tier: ClassVar = "critical"
    measured_as: ClassVar[str | None] = "coverage"
    always_measured: ClassVar[bool] = True
    not_plain: ClassVar[frozenset[str]] = frozenset({"features", "gone"})

    min_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.95
    """Of each feature's known values: least share, relative to that among the rows it was fitted on."""
    min_rows: int = Field(default=500, ge=1)

    def measure(self, scene: Scene) -> dict[str, Any]:
        return coverage(scene.fitted, scene.judged)

    def judge(self, case: Case) -> Judgement:
        return self.decide(case.evaluation["coverage"])

    def decide(self, shares: Mapping[str, Any] | None) -> Judgement:
        """Judge every feature's share of known values, judged rows against fitted ones.

        Relative, because a value may be unknown by right: a new person has no last click. A feature
        that was known while fitting and is not while serving is what offline figures do not show.
        One that was never known in fitting has taught the candidate nothing and cannot go missing.

        Args:
            shares: `features` (by name, the known share `fitted` and `judged`), `fitted_rows`,
                `judged_rows` and `complete`, the share of judged rows that know every feature.
        """
        by_name = shares or {}
        rows = {name: count(by_name.get(name)) for name in ("fitted_rows", "judged_rows")}
        features = {
            name: _shares(share) for name, share in by_name.get("features", {}).items()
        }
        evidence = {
            "limits": self.model_dump(mode="json"),
            **rows,
            "complete": finite(by_name.get("complete")),
            "features": features,
        }
        if lacking := _lacking(rows, features, self):
            reason = f"Nothing is known about coverage: {lacking}."
            return Judgement(self.name, Outcome.INCONCLUSIVE, reason, evidence)
        gone = [
            f"{name} ({fitted:.1%} to {judged:.1%})"
            for name, (fitted, judged) in _figures(features).items()
            if judged < self.min_share * fitted
        ]
        evidence["gone"] = gone
        if gone:
            more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
            reason = (
                f"{len(gone)} of {len(features)} features are known for less than {self.min_share:.0%} of "
                f"what they were fitted on: {', '.join(gone[:_SHOWN])}{more}."
            )
            return Judgement(self.name, Outcome.FAIL, reason, evidence)
        reason = (
            f"All {len(features)} features are as known as where they were fitted "
            f"({self.min_share:.0%} of it or more, over {rows['judged_rows']:,} rows)."
        )
        return Judgement(self.name, Outcome.PASS, reason, evidence)

    @classmethod
    def tables(cls, evidence: Evidence) -> list[Row]:
        """The features that lost most, where any did."""
        lost = [
            (name, share["fitted"], share["judged"])
            for name, share in evidence.get("features", {}).items()
            if None not in share.values() and share["judged"] < share["fitted"]
        ]
        worst = sorted(lost, key=lambda row: row[2] - row[1])[:_LISTED]
        return [
            (name, f"known {fitted:.1%} fitted, {judged:.1%} judged")
            for name, fitted, judged in worst
        ]

    @classmethod
    def to_pass(cls, evidence: Evidence) -> list[str]:
        least, needed = evidence["limits"]["min_share"], evidence["limits"]["min_rows"]
        gone = [
            f"{feature}: {least:.0%} of the share that was fitted is the least"
            for feature in evidence.get("gone", ())
        ]
        return gone or [
            f"{needed:,} fitted and {needed:,} judged rows with a known share of each feature"
        ]


def coverage(fitted: RankingFrame, judged: RankingFrame) -> dict[str, Any]:
    """Share of known values of each feature, where it was fitted and where it is judged."""
    present = [~np.isnan(part.features) for part in (fitted, judged)]
    shares = [_share(part) for part in present]
    return {
        "fitted_rows": fitted.rows,
        "judged_rows": judged.rows,
        "complete": float(present[1].all(axis=1).mean()) if judged.rows else None,
        "features": {
            name: {"fitted": shares[0][at], "judged": shares[1][at]}
            for at, name in enumerate(judged.names)
        },
    }


def _share(present: NDArray[np.bool_]) -> list[float | None]:
    if not len(present):
        return [None] * present.shape[1]
    return [float(share) for share in present.mean(axis=0)]


def _shares(feature: Mapping[str, Any]) -> dict[str, float | None]:
    return {part: finite(feature.get(part)) for part in ("fitted", "judged")}


def _figures(
    features: Mapping[str, Mapping[str, float | None]],
) -> dict[str, tuple[float, float]]:
    return {
        name: (shares["fitted"] or 0.0, shares["judged"] or 0.0)
        for name, shares in features.items()
    }


def _lacking(
    rows: Mapping[str, Any], features: Mapping[str, Mapping[str, Any]], rule: CoverageGate
) -> str | None:
    for part, many in rows.items():
        if (many or 0) < rule.min_rows:
            name = part.replace("_", " ")
            return f"there are {many or 0} {name}, the rule asks {rule.min_rows}"
    if not features:
        return "no feature was looked at"
    unknown = [name for name, shares in features.items() if None in shares.values()]
    return f"no share for {', '.join(unknown[:_SHOWN])}" if unknown else None
