"""The leakage gate: no feature moved when what lay at or after its request was changed."""

from collections.abc import Sequence

from registry.gates.judgement import Judgement, count, finite, missing
from sluice.store.records import Outcome


def judge_leakage(
    *,
    probes: int | None,
    rows: int | None,
    moved: Sequence[str] | None,
    worst: float | None,
) -> Judgement:
    """Judge a mutation audit.

    Args:
        probes: instants at which everything later was perturbed and the features recomputed.
        rows: candidate rows whose features were compared.
        moved: features that changed, though only the future had.
        worst: largest absolute change of any feature.
    """
    figures = {"probes": count(probes), "rows": count(rows), "worst": finite(worst)}
    evidence = {**figures, "moved": None if moved is None else list(moved)}
    if moved:
        reason = (
            f"{len(moved)} features changed when only later events were perturbed, "
            f"so they leak the future: {', '.join(moved)}."
        )
        return Judgement("leakage", Outcome.FAIL, reason, evidence)
    unproven = _unproven({**figures, "moved": None if moved is None else 0})
    if unproven:
        reason = f"Nothing is proven about leakage: {unproven}."
        return Judgement("leakage", Outcome.INCONCLUSIVE, reason, evidence)
    reason = f"No feature moved over {rows:,} rows at {probes} probes of the future."
    return Judgement("leakage", Outcome.PASS, reason, evidence)


def _unproven(figures: dict[str, float | None]) -> str | None:
    absent = missing(figures)
    if absent:
        return f"the audit gave no figure for {', '.join(absent)}"
    if not figures["probes"] or not figures["rows"]:
        return f"the audit probed {figures['probes']} instants and {figures['rows']} rows"
    if figures["worst"]:
        return f"a feature moved by {figures['worst']:g}, but the audit names none"
    return None
