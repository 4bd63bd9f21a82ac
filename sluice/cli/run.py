"""`sluice run`: one flow over one surface, without a server."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.child import import_own_code
from sluice.cli.installation import settings_at
from sluice.cli.moment import MOMENT
from sluice.cli.output import conclude, print_facts, print_json, print_table, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.cli.usual_tables import show_usual
from sluice.errors import ConfigError, Held, NotFound

if TYPE_CHECKING:
    from sluice.flows.workplace import Workplace

FLOWS = {
    "validate": 3,
    "retrain": 5,
    "package": 4,
    "promote": 2,
    "monitor": 3,
    "lifecycle": 11,
}
"""Each flow, and how many steps a person sees of it."""


@click.command()
@click.argument("flow", type=click.Choice(list(FLOWS)))
@click.argument("surface")
@with_home
@click.option("--until", type=MOMENT,
              help="UTC end of the window; the log's end where not given.")  # fmt: skip
@click.option("--snapshot", help="Digest, for retrain; the newest where not given.")
@click.option(
    "--version", type=int, help="For package and promote; the next in line where not given."
)
@click.option(
    "--schedule",
    is_flag=True,
    help="For lifecycle: it, monitor and parity, at the surface's own times, until stopped.",
)
def run(
    flow: str,
    surface: str,
    home: Path | None,
    as_json: bool,
    until: datetime | None,
    snapshot: str | None,
    version: int | None,
    schedule: bool,
) -> None:
    """Run FLOW (validate, retrain, package, promote, monitor or lifecycle) over SURFACE.

    Rerunning with the same inputs changes nothing, also after a crash.

    \b
    Example:
      sluice run lifecycle for_you
      PREFECT_API_URL=http://127.0.0.1:4200/api sluice run lifecycle for_you --schedule
    """
    from sluice.flows.prefect_api import prefect_api
    from sluice.flows.reporting import reported_to
    from sluice.flows.workplace import at_home, open_workplace

    settings = settings_at(home)
    # What is refused is refused before anything is started.
    workplace = open_workplace(surface, str(settings.home))
    if schedule:
        with at_home(settings):
            _keep_schedule(flow, workplace)
        return
    moment = until.replace(tzinfo=UTC) if until else None
    arguments = {
        "validate": lambda: (moment,),
        "retrain": lambda: (snapshot or _newest(workplace),),
        "package": lambda: (version or _gated(workplace),),
        "promote": lambda: (version,),
        "monitor": lambda: (moment,),
        "lifecycle": lambda: (moment,),
    }[flow]()
    reporter = Quiet() if as_json else Steps(FLOWS[flow])
    with reported_to(reporter), prefect_api(settings) as await_api:
        await_api()
        with at_home(settings):
            figures = _flow(flow)(surface, *arguments)
    if as_json:
        print_json(figures)
    else:
        _show(flow, surface, figures)
    if reason := _held(flow, surface, figures):
        conclude(Held(reason), as_json=as_json)


def _flow(name: str) -> Callable[..., dict[str, Any]]:
    from importlib import import_module

    return getattr(import_module(f"sluice.flows.{name}"), name)


def _keep_schedule(flow: str, workplace: "Workplace") -> None:
    if flow != "lifecycle":
        raise ConfigError(
            f"--schedule is for the lifecycle, and serves monitor and parity with it; {flow} is not served"
        )
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        raise ConfigError(
            "--schedule needs a Prefect server that stays up: run `sluice ui`, and name its API with "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    from sluice.flows.prefect_api import admitted, ensure_admitted

    times = workplace.surface.schedule
    with admitted(workplace.settings, address):
        ensure_admitted(address)
        click.echo(
            f"{workplace.name}: lifecycle at {times.cron}, monitor at {times.monitor}, parity at "
            f"{times.parity}, canary at {times.canary} {times.timezone}; Ctrl-C stops"
        )
        import_own_code()  # and so does every run that this process starts
        # Prefect reads its address and the credential when it is imported.
        from sluice.flows.worker import serve_surface

        serve_surface(workplace.surface)


def _newest(workplace: "Workplace") -> str:
    from sluice.store.records import SnapshotRecord

    surface = workplace.name
    taken = workplace.store.find(SnapshotRecord, surface=surface)
    if not taken:
        raise NotFound(
            f"no snapshot of {surface}; run `sluice run validate {surface}` first"
        )
    return max(taken, key=lambda snapshot: (snapshot.end, snapshot.created_at)).digest


def _gated(workplace: "Workplace") -> int:
    from sluice.store.records import Position, State

    positions = workplace.store.find(Position, surface=workplace.name)
    gated = [
        position.version
        for position in positions
        if position.state in {State.GATED, State.PACKAGED}
    ]
    if not gated:
        raise NotFound(
            f"no version of {workplace.name} waits to be packaged; "
            f"run `sluice run retrain {workplace.name}` first"
        )
    return max(gated)


def _show(flow: str, surface: str, figures: dict[str, Any]) -> None:
    parts = figures if flow == "lifecycle" else {flow: figures}
    for name, part in parts.items():
        plain = {
            key: value
            for key, value in part.items()
            if isinstance(value, str | int | float)
        }
        print_facts(f"{name} {surface}", plain.items())
        if usual := part.get("usual"):
            show_usual(usual)
        if gates := part.get("gates"):
            rows = [(gate["name"], gate["verdict"], gate["reason"]) for gate in gates]
            print_table("Gates", ("gate", "verdict", "why"), rows)
    if figures.get("package", {}).get("state") == "in_review":
        click.echo(f"next: sluice review show {surface} {figures['package']['version']}")


def _held(flow: str, surface: str, figures: dict[str, Any]) -> str | None:
    """Why the candidate is held, which a scheduler sees as an exit code."""
    last = figures.get("package") or figures.get("retrain") or figures
    if last.get("state") == "blocked":
        return f"version {last['version']} of {surface} is held by a gate: see the reasons above"
    if flow == "monitor" and figures["outcome"] == "fail":
        return f"the champion of {surface} is not served what it was judged on: {figures['reason']}"
    if flow == "validate" and figures["outcome"] != "pass":
        failing = [check for suite in figures["suites"] for check in suite["failing"]]
        return f"the snapshot's data checks are {figures['outcome']}: {', '.join(failing)}"
    return None
