"""Off-policy evaluation: what another policy would have earned, from a log of decisions.

`estimate` gives an `Estimate` with its interval, or a `Refusal`, which holds no number at all.
"""

from sluice.metrics.offpolicy.cascade import CascadeDoublyRobust
from sluice.metrics.offpolicy.contributions import Contributions, Estimator
from sluice.metrics.offpolicy.cross_fit import cross_fitted
from sluice.metrics.offpolicy.diagnostics import Diagnostics, diagnose
from sluice.metrics.offpolicy.doubly_robust import DoublyRobust
from sluice.metrics.offpolicy.estimate import Estimate, Refusal, Verdict, estimate
from sluice.metrics.offpolicy.from_tables import logged_decisions, logged_slates
from sluice.metrics.offpolicy.ips import Ips
from sluice.metrics.offpolicy.limits import Limits
from sluice.metrics.offpolicy.logged import LoggedDecisions
from sluice.metrics.offpolicy.predicted import Predicted
from sluice.metrics.offpolicy.slate_ips import IndependentIps, RewardInteractionIps
from sluice.metrics.offpolicy.slates import LoggedSlates, SlotProbability
from sluice.metrics.offpolicy.slot_policy import SlotPolicy, slot_frequencies
from sluice.metrics.offpolicy.snips import Snips
from sluice.metrics.offpolicy.switch import SwitchDoublyRobust

__all__ = [
    "CascadeDoublyRobust",
    "Contributions",
    "Diagnostics",
    "DoublyRobust",
    "Estimate",
    "Estimator",
    "IndependentIps",
    "Ips",
    "Limits",
    "LoggedDecisions",
    "LoggedSlates",
    "Predicted",
    "Refusal",
    "RewardInteractionIps",
    "SlotPolicy",
    "SlotProbability",
    "Snips",
    "SwitchDoublyRobust",
    "Verdict",
    "cross_fitted",
    "diagnose",
    "estimate",
    "logged_decisions",
    "logged_slates",
    "slot_frequencies",
]
