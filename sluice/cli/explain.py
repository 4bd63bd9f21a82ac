"""`sluice explain`: what moves a version's scores, and why one request came out as it did."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_json, print_line, print_table, with_home
from sluice.cli.progress import Quiet, Steps

_REASONS = 3
"""Shown for each candidate."""
_FEATURES = 20
"""Shown for a version."""
_STEPS = 2


@click.command()
@click.argument("surface")
@with_home
@click.option("--version", type=int, help="Which; the champion where not given.")
@click.option(
    "--request", help="A request of its snapshot: why each item stands where it does."
)
def explain(
    surface: str, home: Path | None, as_json: bool, version: int | None, request: str | None
) -> None:
    """Show what moves the scores of a version of SURFACE, or of one request that it ranked.

    Values are SHAP values: how much a feature adds to a score, in the score's own unit.

    \b
    Example:
      sluice explain for_you
      sluice explain for_you --version 2 --request r-17
    """
    from sluice.flows.explain import explained
    from sluice.flows.reporting import reported_to
    from sluice.flows.workplace import open_workplace

    settings = settings_at(home)
    existing_store(settings)
    workplace = open_workplace(surface, str(settings.home))
    with reported_to(Quiet() if as_json else Steps(_STEPS)):
        document = explained(workplace, version, request)
    if as_json:
        print_json(document)
    elif request is None:
        _show_version(document)
    else:
        _show_request(document)


def _show_version(figures: Mapping[str, Any]) -> None:
    means = figures["importance"]
    total = sum(means.values()) or 1.0
    rows = [(name, mean, f"{mean / total:.1%}") for name, mean in means.items()][:_FEATURES]
    title = f"{figures['surface']} {figures['version']} ({figures['family']}): what moves its scores"
    print_table(title, ("feature", "mean |SHAP|", "share"), rows)
    if (more := len(means) - len(rows)) > 0:
        print_line(
            f"and {more} more; measured on {figures['rows']:,} rows judged later", "dim"
        )


def _show_request(figures: Mapping[str, Any]) -> None:
    title = f"{figures['surface']} {figures['version']}: request {figures['request']}"
    rows = [
        (
            standing["rank"],
            standing["item_id"],
            standing["score"],
            _reasons(standing["reasons"]),
            _reasons(standing["against_next"]),
        )
        for standing in figures["standings"]
    ]
    head = ("rank", "item", "score", "because of", "above the next by")
    print_table(title, head, rows)


def _reasons(reasons: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} {value:+.3f}" for name, value in [*reasons.items()][:_REASONS]
    )
