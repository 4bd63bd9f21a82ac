"""`sluice ecosystem`: how healthy a surface's content is, by the exposures that it logged."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import existing_store, settings_at, surface_of
from sluice.cli.moment import MOMENT
from sluice.cli.output import (
    NONE,
    conclude,
    print_facts,
    print_json,
    print_line,
    print_table,
    with_home,
)
from sluice.cli.progress import Quiet, Steps
from sluice.errors import Held, NotFound

if TYPE_CHECKING:
    from sluice.ecosystem.figure import Figure
    from sluice.ecosystem.spec import EcosystemSpec
    from sluice.flows.ecosystem import Scorecard, Successor
    from sluice.settings import Settings
    from sluice.store.port import Store

_STEPS = 3


@click.command()
@click.argument("surface")
@with_home
@click.option("--from", "start", type=MOMENT, help="UTC start; the log's where not given.")
@click.option("--to", "end", type=MOMENT, help="UTC end; the log's where not given.")
@click.option(
    "--by", "dimension",
    help="Cut by activity, hour, weekday, release or a context_ column; small segments are hidden.",
)  # fmt: skip
def ecosystem(
    surface: str,
    home: Path | None,
    as_json: bool,
    start: datetime | None,
    end: datetime | None,
    dimension: str | None,
) -> None:
    """Score the content ecosystem of SURFACE: what is seen of the catalogue, of whom, how new and varied, and what people have of it.

    Figures come with the interval that is right for each, or say why they have none; what the log
    cannot give is named, never zero. They are held against the targets under [ecosystem] in the
    surface's file, and against the champion before. Exits with 3 where a target is surely missed.

    \b
    Example:
      sluice ecosystem for_you
      sluice ecosystem for_you --from 2026-05-01 --to 2026-05-08 --by activity
    """
    from dataclasses import asdict

    from sluice.data.event_log import EventLog
    from sluice.flows.ecosystem import scorecard
    from sluice.flows.reporting import reported_to

    settings = settings_at(home)
    declared = surface_of(settings, surface)
    span = start and start.replace(tzinfo=UTC), end and end.replace(tzinfo=UTC)
    with reported_to(Quiet() if as_json else Steps(_STEPS)):
        card = scorecard(
            declared, EventLog(settings.log), _store(settings), span, dimension
        )
    if as_json:
        print_json(asdict(card))
    else:
        _show(card, declared.ecosystem)
    if card.missed:
        missed = ", ".join(card.missed)
        conclude(Held(f"{surface} misses its targets of {missed}"), as_json=as_json)


def _store(settings: "Settings") -> "Store | None":
    try:
        return existing_store(settings)
    except NotFound:  # an installation that has a log and no version yet
        return None


def _show(card: "Scorecard", spec: "EcosystemSpec") -> None:
    from sluice.ecosystem.registry import measures

    whole, stated = card.whole, card.stated
    print_line("")
    print_line(
        f"{card.surface}, {card.start:%Y-%m-%d %H:%M} to {card.end:%Y-%m-%d %H:%M} UTC: "
        f"{whole.exposures:,} exposures in {whole.requests:,} requests of {whole.people:,} people. "
        f"Values are of these exposures, {stated.confidence:.0%} intervals of what many more would show."
    )
    head = ["measure", "value", "interval", "better", "target", "", "meaning"]
    for party in dict.fromkeys(measure.party for measure in measures().values()):
        rows = [
            [name, _number(whole.figures[name].value), _interval(whole.figures[name]),
             measure.better, _target(spec, name), card.verdicts.get(name, ""), measure.meaning]
            for name, measure in measures().items()
            if measure.party is party
        ]  # fmt: skip
        print_table(party.capitalize(), head, rows)
    _show_segments(card)
    if card.successor:
        _show_successor(card.successor)
    _show_missing(card)


def _show_segments(card: "Scorecard") -> None:
    if card.segments is None:
        return
    cards = card.segments.cards
    names = next(iter(cards.values())).figures if cards else ()
    rows = [
        ["people", *(f"{part.people:,}" for part in cards.values())],
        *([name, *(_number(part.figures[name].value) for part in cards.values())] for name in names),
    ]  # fmt: skip
    hidden = card.segments.hidden
    print_table(
        f"By {card.segments.dimension}; hidden segments: {hidden}",
        ["measure", *cards],
        rows,
    )


def _show_successor(successor: "Successor") -> None:
    rows = [
        [name, _number(successor.now.figures[name].value), _number(successor.earlier.figures[name].value),
         f"{change.difference:+.4g} {change.low:+.4g}..{change.high:+.4g}"]
        for name, change in successor.changes.items()
    ]  # fmt: skip
    print_table(
        f"Version {successor.version} against version {successor.before} before it, told by {successor.told_by}",
        ["measure", "now", "before", "change of the estimate"],
        rows,
    )


def _show_missing(card: "Scorecard") -> None:
    reasons = [
        (name, figure.reason)
        for name, figure in card.whole.figures.items()
        if figure.reason
    ]
    if card.no_successor:
        reasons.append(("champion before", card.no_successor))
    print_facts("Not given, and why", reasons)
    print_facts("The log does not say", [("–", sentence) for sentence in card.unsaid])


def _interval(figure: "Figure") -> str:
    if figure.interval is None:
        return NONE
    return f"{_number(figure.interval.low)}..{_number(figure.interval.high)}"


def _target(spec: "EcosystemSpec", name: str) -> str:
    target = spec.targets.get(name)
    if target is None:
        return ""
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in (("≥", target.at_least), ("≤", target.at_most))
        if bound is not None
    ]
    return " and ".join(bounds)


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.4g}"
