"""The demonstration's report: what was checked, compared, decided, served and watched."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from sluice.cli.output import print_facts, print_line, print_table
from sluice.cli.usual_tables import show_usual

_TOP = 5


def show_report(figures: dict[str, Any], reviewer: str) -> None:
    """Print everything that the demonstration found, where it lies, and what to type next."""
    _data(figures)
    for reference, rows in figures["comparisons"].items():
        _comparison(figures["version"], reference, rows)
    _gates(figures, reviewer)
    if figures["ranking"]:
        _ranking(figures["ranking"])
        _drift(figures["drift"])
    _seconds(figures["seconds"])
    _where(figures)


def _data(figures: dict[str, Any]) -> None:
    rows = [
        (
            suite["suite"],
            suite["checks"],
            suite["outcome"],
            ", ".join(suite["failing"]) or "none",
        )
        for suite in figures["data_checks"]
    ]
    print_table("Data checks", ("suite", "checks", "verdict", "failing"), rows)
    counts = [
        f"{count:,} {name.replace('_', ' ')}" for name, count in figures["counts"].items()
    ]
    print_line(f"snapshot {figures['snapshot'][:12]}: {', '.join(counts)}", style="dim")


def _comparison(version: int, reference: str, rows: list[dict[str, Any]]) -> None:
    shown = [
        (
            row["metric"], row["candidate"], row["reference"],
            f"{row['difference']:+.4f}", f"{row['low']:+.4f} to {row['high']:+.4f}",
        )
        for row in rows
    ]  # fmt: skip
    head = ("metric", "candidate", reference, "difference", f"{_confidence(rows)} interval")
    print_table(f"Version {version} against the {reference}", head, shown)


def _confidence(rows: list[dict[str, Any]]) -> str:
    return f"{rows[0]['confidence']:.0%}" if rows else ""


def _gates(figures: dict[str, Any], reviewer: str) -> None:
    rows = [(gate["name"], gate["verdict"], gate["reason"]) for gate in figures["gates"]]
    print_table("Gates", ("gate", "verdict", "why"), rows)
    if figures["release"]:
        print_line(f"release {figures['release']}", style="dim")
    if figures["ranking"]:
        print_line(f"approved as {reviewer}, because this is a demonstration", style="dim")


def _ranking(ranking: dict[str, Any]) -> None:
    items = ranking["response"]["items"]
    rows = [(item["position"], item["item_id"], item["score"]) for item in items[:_TOP]]
    print_table(
        f"A ranking over HTTP by the packaged service: the first {len(rows)} of {len(items)}",
        ("position", "item", "score"),
        rows,
    )


def _drift(drift: dict[str, Any]) -> None:
    features = sorted(drift["features"], key=lambda feature: -(feature["psi"] or 0.0))[
        :_TOP
    ]
    rows = [
        (feature["name"], feature["psi"], feature["ks"])
        for feature in (drift["score"], *features)
    ]
    start, end = (_moment(text) for text in drift["watched"])
    print_table(f"Drift, {start} to {end} UTC", ("column", "PSI", "KS"), rows)
    show_usual(drift["usual"])
    print_line(f"{drift['outcome']}: {drift['reason']}", style="dim")
    print_line(f"confirmation: {drift['confirmation']}", style="dim")


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M}"


def _seconds(seconds: Mapping[str, float]) -> None:
    steps = {name: taken for name, taken in seconds.items() if name != "total"}
    longest = sorted(steps.items(), key=lambda step: -step[1])[:_TOP]
    click.echo()
    print_line(
        f"took {seconds['total']:.0f} s, most of it in "
        + ", ".join(f"{name} {taken:.0f}" for name, taken in longest),
        style="dim",
    )


def _where(figures: dict[str, Any]) -> None:
    home, surface = shlex.quote(figures["home"]), figures["surface"]
    rows = [
        ("home", figures["home"]),
        ("reviewer's page", figures["evidence_page"]),
        ("look around", f"sluice ui --home {home}"),
    ]
    if figures["ranking"]:
        rows.append(("ask it", f"sluice serve {surface} --home {home}"))
    if figures["bakes_until"]:
        confirm = f"sluice run monitor {surface} --home {home}"
        rows.append(("confirm it", f"{confirm}   # bakes until {figures['bakes_until']}"))
    past = [row for row in rows if row[1] is not None]
    print_facts(f"{surface} version {figures['version']}: {figures['state']}", past)
