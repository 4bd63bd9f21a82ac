"""`sluice world`: a closed loop whose truth is known, and what a policy does in it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_json, print_line, print_table, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import ConfigError

if TYPE_CHECKING:
    from sluice.world.twin import Arms

_MEASURES = ("clicks", "clicks_per_visit", "active", "dwell", "publishing", "revenue")


@click.group()
def world() -> None:
    """Worlds with a known truth: people who tire, providers who leave, a ranker that learns from its own log.

    \b
    Example:
      sluice world list
      sluice world run tiring --spacing 0
    """


@world.command("list")
@with_home
def list_worlds(home: Path | None, as_json: bool) -> None:
    """Name the worlds there are, and the sign that each was made to show.

    \b
    Example:
      sluice world list
    """
    del home
    from sluice.world.named import WORLDS

    if as_json:
        print_json({name: world_.shows for name, world_ in WORLDS.items()})
        return
    print_table(
        "Worlds",
        ["name", "shows"],
        [[name, world_.shows] for name, world_ in WORLDS.items()],
    )
    click.echo("next: sluice world run tiring --spacing 0")


@world.command()
@click.argument("name")
@with_home
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=14,
    show_default=True,
    help="After the branch.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 200),
    default=4,
    show_default=True,
    help="Worlds of this kind.",
)
@click.option(
    "--people",
    type=click.IntRange(20, 200_000),
    default=1_000,
    show_default=True,
    help="In each.",
)
@click.option(
    "--spacing", type=click.FloatRange(0, 1), help="Weight of spacing in the changed arm."
)
@click.option(
    "--floor", type=click.FloatRange(0, 1), help="Provider floor in the changed arm."
)
@click.option(
    "--family",
    help="Ranker family of both arms, e.g. lambdamart; the world's own where not given.",
)
@click.option(
    "--log",
    "logged",
    is_flag=True,
    help="Write the unchanged arm of the first seed as the event log of a new home.",
)
def run(
    name: str,
    home: Path | None,
    as_json: bool,
    days: int,
    seeds: int,
    people: int,
    spacing: float | None,
    floor: float | None,
    family: str | None,
    logged: bool,
) -> None:
    """Run twins of world NAME: one keeps its policy, the other is changed; print what that did.

    Both arms branch from one state after ten days and meet the same chance. The last week is compared with
    the first day, since what a request shows at once and what people do about it are different questions.

    \b
    Example:
      sluice world run tiring --spacing 0
      sluice world run scarce --floor 0.9 --days 84
      sluice world run tiring --days 3 --log --home a-world
    """
    from dataclasses import replace

    from sluice.world.named import named
    from sluice.world.twin import twins

    chosen = named(name)
    spec = replace(chosen.spec, people=people)
    policy = (
        chosen.policy
        if family is None
        else replace(chosen.policy, family=family, parameters={})
    )
    changes = {"spacing": spacing, "floor": floor}
    changed = replace(
        policy, **{key: value for key, value in changes.items() if value is not None}
    )
    arms = (
        {"unchanged": policy}
        if changed == policy
        else {"unchanged": policy, "changed": changed}
    )
    if len(arms) == 1 and not logged:
        raise ConfigError(
            "nothing is changed and nothing logged; give --spacing, --floor or --log"
        )
    target = _empty_log(home) if logged else None
    steps = Quiet() if as_json else Steps(seeds * (len(arms) > 1) + logged)
    lived = []
    for seed in range(seeds if len(arms) > 1 else 0):
        with steps.step(f"seed {seed}"):
            lived.append(twins(spec, arms, seed, days))
    written = None
    if target is not None:
        with steps.step("log"):
            written = _write(target, name, people, policy, days)
    _show(name, days, lived, written, as_json=as_json)


def _empty_log(home: Path | None) -> Path:
    """Where to write a world to: ids of worlds are alike, and none may mix with events of people."""
    from sluice.data.event_log import EventLog

    log = settings_at(home).log
    if EventLog(log).surfaces():
        raise ConfigError(
            f"cannot log a world to {log} because it holds events; give --home a new folder"
        )
    return log


def _write(log: Path, name: str, people: int, policy: Any, days: int) -> dict[str, Any]:
    """Write the log of the first seed, and put the truth beside it."""
    from dataclasses import replace

    from sluice.data.event_log import EventLog
    from sluice.world.loop import BURN_IN, World
    from sluice.world.named import named
    from sluice.world.recording import record

    world_ = World(replace(named(name).spec, people=people), policy, 0)
    world_.run(BURN_IN)
    recorded = record(world_, days)
    EventLog(log).append(recorded.tables, at=datetime.now(UTC))
    truth = log.parent / f"{name}-truth.parquet"
    recorded.truth.write_parquet(truth)
    return {"log": str(log), "truth": str(truth), "exposures": len(recorded.truth)}


def _figures(days: int, lived: "list[Arms]") -> list[dict[str, Any]]:
    from sluice.world.twin import effect

    week = min(days, 7)
    spans = {"day 1": slice(0, 1), f"last {week} days": slice(days - week, days)}
    rows = []
    for measure in _MEASURES:
        for span, days_of in spans.items():
            measured = effect(lived, "changed", "unchanged", measure, days_of)
            rows.append(
                {
                    "measure": measure, "span": span, "change": measured.mean,
                    "error": measured.error if len(lived) > 1 else None,
                    "up": measured.ups, "down": measured.downs, "seeds": len(lived),
                }
            )  # fmt: skip
    return rows


def _show(
    name: str,
    days: int,
    lived: "list[Arms]",
    written: dict[str, Any] | None,
    *,
    as_json: bool,
) -> None:
    rows = _figures(days, lived) if lived else []
    if as_json:
        print_json({"world": name, "days": days, "effects": rows, "written": written})
        return
    if rows:
        cells = [
            [row["measure"], row["span"], f"{row['change']:+.1%}",
             None if row["error"] is None else f"{row['error']:.1%}", row["up"], row["down"]]
            for row in rows
        ]  # fmt: skip
        print_table(
            f"{name}: the changed arm against its twin, {len(lived)} seeds, {days} days",
            ["measure", "span", "change", "std. error", "seeds up", "seeds down"],
            cells,
        )
    if written:
        print_line(
            f"{written['exposures']:,} exposures in {written['log']}; truth in {written['truth']}"
        )
        click.echo("next: sluice run lifecycle for_you")
