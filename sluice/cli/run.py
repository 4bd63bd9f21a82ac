"""`sluice run`: one flow over one surface, without a server."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import print_json, print_table, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import Held, NotFound

FLOWS = ("validate", "retrain", "package", "promote", "monitor", "lifecycle")
_STEPS = 14


@click.command()
@click.argument("flow", type=click.Choice(FLOWS))
@click.argument("surface")
@with_home
@click.option("--until", type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]),
              help="UTC end of the window; the log's end where not given.")  # fmt: skip
@click.option("--snapshot", help="Digest, for retrain; the newest where not given.")
@click.option("--version", type=int, help="For package and promote; the next in line where not given.")
def run(
    flow: str,
    surface: str,
    home: Path | None,
    as_json: bool,  # noqa: FBT001 - a flag
    until: datetime | None,
    snapshot: str | None,
    version: int | None,
) -> None:
    """Run FLOW (validate, retrain, package, promote, monitor or lifecycle) over SURFACE.

    Rerunning with the same inputs changes nothing, also after a crash.

    \b
    Example:
      sluice run lifecycle for_you
    """
    settings = settings_at(home)
    moment = until.replace(tzinfo=UTC) if until else None
    place = str(settings.home)
    from flows.reporting import reported_to

    calls: Mapping[str, Callable[[], dict[str, Any]]] = {
        "validate": lambda: _flow("validate")(surface, moment, place),
        "retrain": lambda: _flow("retrain")(surface, snapshot or _newest(home, surface), place),
        "package": lambda: _flow("package")(surface, version or _gated(home, surface), place),
        "promote": lambda: _flow("promote")(surface, version, place),
        "monitor": lambda: _flow("monitor")(surface, moment, place),
        "lifecycle": lambda: _flow("lifecycle")(surface, moment, None, place),
    }
    with reported_to(Quiet() if as_json else Steps(_STEPS)):
        found = calls[flow]()
    if as_json:
        print_json(found)
    else:
        _show(flow, surface, found)
    _hold(flow, surface, found)


def _flow(name: str) -> Callable[..., dict[str, Any]]:
    from importlib import import_module

    return getattr(import_module(f"flows.{name}"), name)


def _newest(home: Path | None, surface: str) -> str:
    from sluice.store.records import SnapshotRecord

    taken = existing_store(settings_at(home)).find(SnapshotRecord, surface=surface)
    if not taken:
        raise NotFound(f"no snapshot of {surface}; run `sluice run validate {surface}` first")
    return max(taken, key=lambda each: (each.end, each.created_at)).digest


def _gated(home: Path | None, surface: str) -> int:
    from sluice.store.records import Position, State

    positions = existing_store(settings_at(home)).find(Position, surface=surface)
    gated = [each.version for each in positions if each.state in {State.GATED, State.PACKAGED}]
    if not gated:
        raise NotFound(f"no version of {surface} waits to be packaged; run retrain first")
    return max(gated)


def _show(flow: str, surface: str, found: dict[str, Any]) -> None:
    parts = found if flow == "lifecycle" else {flow: found}
    for name, part in parts.items():
        plain = {key: value for key, value in part.items() if isinstance(value, str | int | float)}
        print_table(f"{name} {surface}", ("", ""), list(plain.items()))
        if gates := part.get("gates"):
            rows = [(gate["name"], gate["verdict"], gate["reason"]) for gate in gates]
            print_table("gates", ("gate", "verdict", "why"), rows)
    if found.get("package", {}).get("state") == "in_review":
        click.echo(f"next: sluice review show {surface} {found['package']['version']}")


def _hold(flow: str, surface: str, found: dict[str, Any]) -> None:
    """A held candidate is an exit code that a scheduler can see."""
    last = found.get("package") or found.get("retrain") or found
    if last.get("state") == "blocked":
        raise Held(f"version {last['version']} of {surface} is held by a gate: see the reasons above")
    if flow == "validate" and found["outcome"] != "pass":
        failing = [check for suite in found["suites"] for check in suite["failing"]]
        raise Held(f"the snapshot's data checks are {found['outcome']}: {', '.join(failing)}")
