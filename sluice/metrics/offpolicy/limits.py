"""Where an estimate is flagged, and where none is given."""

from dataclasses import dataclass

from sluice.metrics.offpolicy.diagnostics import Diagnostics


@dataclass(frozen=True)
class Limits:
    """The rule that turns diagnostics into a verdict.

    *Refused* is what no interval can mend. Few effective decisions: the error is then computed
    from the same few and is itself worth nothing (the mean weight alone would not tell, since
    its standard error is as swollen: 3.2 ± 2.3 on Open Bandit's women, effective size 2). And
    probability that is missing by more than a tenth: rewards never seen, a bias of unknown sign.

    *Flagged* is what an interval covers by theory only. A largest share of 1 %: the normal limit
    needs every single weight to vanish beside the rest (Lindeberg), while one decision more or
    less here moves the estimate by a hundredth of the reward's range, as much as whole click
    rates are apart. Shares are refused from 10 % on by the first rule, as the effective size is
    never above 1 / share².

    Of rewards that are never negative, such as clicks, an interval over a factor of ten leaves the
    size itself open: refused, as its middle would be read as a rate (LinUCB on Open Bandit: .0003 to
    .0189). Three equal clicks have such an exact interval (Garwood 1936); under ten, whose interval is
    still a factor of four wide, the estimate is flagged.
    """

    least_effective: float = 100.0
    """Fewer effective decisions are refused."""
    least_effective_share: float = 0.01
    """Fewer than this share of all decisions are refused too."""
    weight_errors: float = 3.0
    """The mean weight is off from this many standard errors on; that flags."""
    refused_gap: float = 0.1
    """Probability missing (by overlap, or by a mean weight that is off) from which on to refuse."""
    flagged_gap: float = 0.01
    """Probability missing by overlap from which on to flag."""
    flagged_share: float = 0.01
    """Largest weight's share of the sum from which on to flag."""
    widest_factor: float = 10.0
    """Upper over lower bound, of rewards that are never negative, above which to refuse."""
    least_rewarded: float = 10.0
    """Fewer effective rewarded decisions flag."""

    def refusals(self, diagnostics: Diagnostics) -> tuple[str, ...]:
        """Why no number may be given, a sentence each; empty where one may."""
        needed = max(
            self.least_effective, self.least_effective_share * diagnostics.decisions
        )
        reasons = []
        if diagnostics.effective_sample_size < needed:
            reasons.append(
                f"effective sample size {diagnostics.effective_sample_size:,.0f} of "
                f"{diagnostics.decisions:,} decisions, {needed:,.0f} are needed (largest weight: "
                f"{diagnostics.largest_share:.0%} of the sum)"
            )
        if self._off(diagnostics) and abs(diagnostics.mean_weight - 1) > self.refused_gap:
            reasons.append(_mean_weight(diagnostics))
        if diagnostics.overlap is not None and diagnostics.overlap < 1 - self.refused_gap:
            reasons.append(_overlap(diagnostics.overlap))
        return tuple(reasons)

    def warnings(self, diagnostics: Diagnostics) -> tuple[str, ...]:
        """What to mistrust in a number that may be given, a sentence each."""
        reasons = []
        if diagnostics.largest_share > self.flagged_share:
            reasons.append(
                f"one decision has {diagnostics.largest_share:.1%} of all weight"
            )
        if self._off(diagnostics):
            reasons.append(_mean_weight(diagnostics))
        if diagnostics.overlap is not None and diagnostics.overlap < 1 - self.flagged_gap:
            reasons.append(_overlap(diagnostics.overlap))
        if diagnostics.effective_rewarded < self.least_rewarded:
            reasons.append(
                f"it rests on {diagnostics.effective_rewarded:.1f} effective rewarded decisions, "
                f"{self.least_rewarded:g} are needed"
            )
        return tuple(reasons)

    def too_wide(self, low: float, high: float) -> tuple[str, ...]:
        """Why bounds of a mean that cannot be negative say nothing of its size, if they do not."""
        if high / self.widest_factor <= max(low, 0.0):
            return ()
        return (
            f"the interval, {low:.2g} to {high:.2g}, spans more than a factor of "
            f"{self.widest_factor:g}: too few rewards, or too heavy weights",
        )

    def _off(self, diagnostics: Diagnostics) -> bool:
        # Rounding alone puts the mean of an on-policy log, whose error is 0, off 1 by some 1e-16.
        slack = self.weight_errors * diagnostics.mean_weight_error + 1e-9
        return abs(diagnostics.mean_weight - 1) > slack


def _mean_weight(diagnostics: Diagnostics) -> str:
    return (
        f"mean weight {diagnostics.mean_weight:.3f} ± {diagnostics.mean_weight_error:.3f} instead of 1: "
        "the propensities are not those of the policy that logged, or it could not show all "
        "that the target shows"
    )


def _overlap(overlap: float) -> str:
    return f"the log shows {overlap:.1%} only of what the target would show"
