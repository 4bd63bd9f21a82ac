"""`sluice demo`: the whole lifecycle over one log, from raw events to a served, watched champion."""

import hashlib
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.approval import Approval, Desk, give
from sluice.cli.demo_report import show_report
from sluice.cli.ingest import GENERATED, append, read_tables
from sluice.cli.installation import settings_at, surface_of
from sluice.cli.output import conclude, print_json, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.data.durations import parse_duration
from sluice.errors import Held

if TYPE_CHECKING:
    from sluice.settings import Settings

REVIEWER = "demo-reviewer"
_STEPS = 14


@click.command()
@with_home
@click.option("--source", default=GENERATED, show_default=True,
              help="feed (generated), ebnerd, mind, open_bandit, movielens or letor.")  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the source's files."
)
@click.option("--surface", default="for_you", show_default=True)
def demo(
    home: Path | None,
    as_json: bool,
    source: str,
    data: Path | None,
    surface: str,
) -> None:
    """Run the lifecycle over a generated feed, or over a real log.

    Ingests, validates, trains, weighs the candidate at the gates, packages, replays, approves in
    the name of demo-reviewer, promotes, shows a ranking of the packaged service, and measures the
    next day's drift. Run twice, the second run finds everything done.

    \b
    Example:
      sluice demo
      sluice demo --source ebnerd --data path/to/ebnerd/train
    """
    settings = settings_at(home or _home(source, data))
    surface_of(settings, surface)  # a name that is wrong is told before anything is done
    began = perf_counter()
    from sluice.flows.prefect_api import prefect_api
    from sluice.flows.reporting import reported_to, step
    from sluice.flows.workplace import at_home

    reporter = Quiet() if as_json else Steps(_STEPS)
    with reported_to(reporter) as seconds, prefect_api(settings) as await_api:
        with step("ingest"):
            append(settings.log, read_tables(source, data, surface))
        await_api()
        with at_home(settings):
            results = _lifecycle(settings, surface, source)
    seconds["total"] = perf_counter() - began
    results["seconds"] = {name: round(taken, 2) for name, taken in seconds.items()}
    results["home"] = str(settings.home)
    if as_json:
        print_json(results)
    else:
        show_report(results, REVIEWER)
    if reason := _held(results):
        conclude(Held(reason), as_json=as_json)


def _home(source: str, data: Path | None) -> Path:
    """A home of its own for each log, so that no demonstration meets another's events."""
    if data is None:
        return Path(".sluice/demo") / source
    mark = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]
    return Path(".sluice/demo") / f"{source}-{mark}"


def _lifecycle(settings: "Settings", surface: str, source: str) -> dict[str, Any]:
    from sluice.flows.lifecycle import decided, lifecycle
    from sluice.flows.memory import document
    from sluice.flows.monitor import monitor
    from sluice.flows.package import replay
    from sluice.flows.workplace import open_workplace
    from sluice.registry.moves import version_of

    workplace = open_workplace(surface)
    until = _until(workplace, source)
    done = lifecycle(surface, until)
    retrained, packaged = done["retrain"], done.get("package")
    if packaged and packaged["state"] == "in_review":
        # Between flows, as a person would: no flow approves anything.
        seen = packaged["version"], REVIEWER, packaged["release"]
        give(Desk.open(settings, surface), Approval(surface, *seen, "demonstration"))
        done |= decided(surface, packaged["version"], until)
    evaluation = document(workplace, retrained["evaluation"])
    results: dict[str, Any] = {
        "surface": surface,
        "snapshot": done["validate"]["snapshot"],
        "version": retrained["version"],
        "state": (packaged or retrained)["state"],
        "data_checks": done["validate"]["suites"],
        "metrics": evaluation["metrics"],
        "comparisons": evaluation["comparisons"],
        "counts": evaluation["counts"],
        "gates": [*retrained["gates"], *(packaged["gates"] if packaged else [])],
        "release": packaged["release"] if packaged else None,
        "evidence_page": packaged["page"] if packaged else retrained.get("page"),
        "ranking": None,
        "drift": None,
        "bakes_until": None,
    }
    if "promote" in done:
        version = version_of(workplace.store, surface, results["version"])
        results["ranking"] = replay(workplace, version, results["release"])["example"]
        results["drift"] = monitor(surface)
        results["state"] = results["drift"]["state"]
        results["bakes_until"] = results["drift"]["bakes_until"]
    return results


def _until(workplace: Any, source: str) -> datetime | None:
    """A generated feed keeps its last day back, to be the next day; a real log is taken whole."""
    if source != GENERATED:
        return None
    return workplace.log.window().end - parse_duration(workplace.surface.monitors.window)


def _held(figures: dict[str, Any]) -> str | None:
    if figures["state"] != "blocked":
        return None
    reasons = "; ".join(
        gate["reason"] for gate in figures["gates"] if gate["verdict"] != "pass"
    )
    return f"version {figures['version']} of {figures['surface']} is held: {reasons}"
