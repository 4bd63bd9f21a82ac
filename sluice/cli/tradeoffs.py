"""`sluice tradeoffs`: what each mechanism gives to one party and takes from another."""

from pathlib import Path
from typing import Any

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import NONE, print_json, print_line, print_table, with_home
from sluice.cli.progress import Quiet, Steps

_STEPS = 9
"""As a person sees them: what is loaded, a step a mechanism, what is compared."""


@click.command()
@click.argument("surface")
@with_home
@click.option(
    "--version", type=int, help="Whose ranker scores; the newest where not given."
)
@click.option(
    "--all", "everything", is_flag=True,
    help="Try every mechanism by itself, not those that the surface declares.",
)  # fmt: skip
def tradeoffs(
    surface: str, home: Path | None, as_json: bool, version: int | None, everything: bool
) -> None:
    """Sweep the mechanisms of SURFACE over its judged requests: who gains, who pays, how surely.

    Every order is compared with the one by score, on the same requests, with intervals by user.
    A surface that declares no mechanism is shown what each would do. Writes a picture and a JSON
    file beside it.

    \b
    Example:
      sluice tradeoffs for_you
      sluice tradeoffs for_you --all
    """
    from sluice.flows.reporting import reported_to
    from sluice.flows.tradeoffs import keep, tradeoffs
    from sluice.flows.workplace import open_workplace

    settings = settings_at(home)
    existing_store(settings)
    workplace = open_workplace(surface, str(settings.home))
    with reported_to(Quiet() if as_json else Steps(_STEPS)):
        sweep = tradeoffs(workplace, version, everything=everything)
        files = keep(workplace, sweep)
    if as_json:
        print_json({**sweep, **files})
    else:
        _show(sweep, files)


def _show(document: dict[str, Any], files: dict[str, str]) -> None:
    print_line("")
    print_line(
        f"{document['surface']}, version {document['version']}: {document['requests']:,} judged requests of "
        f"{document['users']:,} users, {document['candidates']:,} candidates. Each value has the "
        f"{document['confidence']:.0%} interval of its change against the order by score; "
        "● is Pareto-optimal over the measures with *.",
    )
    measures = document["measures"]
    for party in dict.fromkeys(measure["party"] for measure in measures.values()):
        names = [name for name, measure in measures.items() if measure["party"] == party]
        head = [
            "mechanism",
            "setting",
            "front",
            *(_head(name, measures[name]) for name in names),
        ]
        title = "; ".join(
            f"{name}: {measures[name]['meaning']}, {measures[name]['better']} is better"
            for name in names
        )
        print_table(
            f"{party.capitalize()}. {title}",
            head,
            [_row(point, names) for point in document["points"]],
        )
    for name, why in document["left_out"].items():
        click.echo(f"left out: {name}, {why}")
    click.echo(f"\n  picture  {files['picture']}\n  figures  {files['figures']}")


def _head(name: str, measure: dict[str, Any]) -> str:
    return f"{name}*" if measure["headline"] else name


def _row(point: dict[str, Any], names: list[str]) -> list[str]:
    setting = NONE if point["value"] is None else f"{point['value']:g}"
    reference = point["mechanism"] == "score"
    cells = [_cell(point["measures"][name], bare=reference) for name in names]
    return [point["mechanism"], setting, "●" if point["pareto"] else "", *cells]


def _cell(measure: dict[str, float], *, bare: bool) -> str:
    value = f"{measure['value']:.3f}"
    return value if bare else f"{value} {measure['low']:+.3f}..{measure['high']:+.3f}"
