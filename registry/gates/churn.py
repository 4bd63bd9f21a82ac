"""The churn gate: people see no more change than refits of one configuration would make."""

from collections.abc import Mapping
from typing import Any

from sluice.gate_spec import ChurnGate
from sluice.metrics.comparison import PairedComparison
from sluice.registry.gates.judgement import Judgement, count, finite
from sluice.registry.gates.paired import figures, settled
from sluice.store.records import Outcome


def judge_churn(
    comparison: PairedComparison | None,
    rule: ChurnGate,
    *,
    champion: bool,
    pairs: int | None,
    requests: int | None,
) -> Judgement:
    """Judge the overlap of candidate and champion against that of refits, on the same requests.

    Without a champion it passes: that nothing serves is known, not missing, so nothing that anybody
    sees now can change; and promotion holds the version if a champion stands there by then. With
    one, a missing figure is inconclusive as everywhere.

    Args:
        comparison: overlap@k between candidate and champion, against its mean between refits.
        rule: what the surface asks.
        champion: whether the surface had one when the candidate was judged.
        pairs: of refits that the noise floor is a mean of.
        requests: judged requests with more than k candidates; the others always overlap.
    """
    evidence = {
        "limits": rule.model_dump(mode="json"),
        "champion": champion,
        "pairs": count(pairs),
        "requests_with_a_choice": count(requests),
        **({} if comparison is None else figures(comparison)),
    }
    if not champion:
        reason = "There is no champion yet, so nothing that anybody sees now can change."
        return Judgement("churn", Outcome.PASS, reason, evidence)
    if lacking := _lacking(evidence, rule):
        reason = f"Churn cannot be told from noise: {lacking}."
        return Judgement("churn", Outcome.INCONCLUSIVE, reason, evidence)
    decision = settled(comparison, f"overlap@{rule.k}", rule, "non_inferiority")
    if comparison is None or decision.threshold is None:
        reason = f"Churn cannot be told from noise: {decision.reason}."
        return Judgement("churn", Outcome.INCONCLUSIVE, reason, evidence)
    reason = (
        f"{comparison.candidate:.1%} of the first {rule.k} are the champion's, where "
        f"{comparison.reference:.1%} are shared by refits of one configuration: {decision.reason}."
    )
    evidence["threshold"] = finite(decision.threshold)
    return Judgement("churn", Outcome(decision.outcome), reason, evidence)


def _lacking(evidence: Mapping[str, Any], rule: ChurnGate) -> str | None:
    if not evidence["pairs"]:
        return "no refits of the configuration were compared"
    requests = evidence["requests_with_a_choice"]
    if (requests or 0) < rule.min_requests:
        return (
            f"{requests} judged requests had more than {rule.k} candidates, "
            f"the rule asks {rule.min_requests}"
        )
    return None
