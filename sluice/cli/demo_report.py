"""The demonstration's table: what was checked, compared, decided, served and watched."""

from typing import Any

import click

from sluice.cli.output import print_table

_TOP = 5


def show_report(found: dict[str, Any], reviewer: str) -> None:
    """Print everything that the demonstration found, where it lies, and what to type next."""
    _data(found)
    _quality(found)
    gates = [(gate["name"], gate["verdict"], gate["reason"]) for gate in found["gates"]]
    print_table("gates", ("gate", "verdict", "why"), gates)
    if found["release"]:
        click.echo(f"release {found['release']}")
    if found["ranking"]:
        click.echo(f"approved in the name of {reviewer}, because this is a demonstration\n")
        _ranking(found["ranking"])
        _drift(found["drift"])
    _seconds(found["seconds"])
    _where(found)


def _data(found: dict[str, Any]) -> None:
    rows = [
        (suite["suite"], suite["checks"], suite["outcome"], ", ".join(suite["failing"]) or "–")
        for suite in found["data_checks"]
    ]
    print_table("data checks", ("suite", "checks", "verdict", "failing"), rows)
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found["counts"].items())
    click.echo(f"snapshot {found['snapshot'][:12]}: {counts}\n")


def _quality(found: dict[str, Any]) -> None:
    for reference, rows in found["comparisons"].items():
        shown = [
            (
                row["metric"], row["candidate"], row["reference"],
                f"{row['difference']:+.4f}", f"{row['low']:+.4f} … {row['high']:+.4f}",
            )
            for row in rows
        ]  # fmt: skip
        print_table(
            f"version {found['version']} against the {reference}",
            ("metric", "candidate", reference, "difference", "95 % interval"),
            shown,
        )


def _ranking(ranking: dict[str, Any]) -> None:
    items = ranking["response"]["items"]
    rows = [(item["position"], item["item_id"], item["score"]) for item in items[:_TOP]]
    title = f"a real ranking over HTTP: {_TOP} of {len(items)} candidates, by the packaged service"
    print_table(title, ("position", "item", "score"), rows)


def _drift(drift: dict[str, Any]) -> None:
    features = sorted(drift["features"], key=lambda each: -(each["psi"] or 0.0))[:_TOP]
    rows = [(each["name"], each["psi"], each["ks"]) for each in (drift["score"], *features)]
    title = f"drift, {drift['watched'][0]} to {drift['watched'][1]}: {drift['outcome']}"
    print_table(title, ("column", "PSI", "KS"), rows)
    click.echo(f"{drift['reason']}; the version is {drift['state']}\n")


def _seconds(seconds: dict[str, float]) -> None:
    longest = sorted(seconds.items(), key=lambda each: -each[1])
    click.echo("seconds: " + ", ".join(f"{name} {taken:.1f}" for name, taken in longest))


def _where(found: dict[str, Any]) -> None:
    home = found["home"]
    click.echo(f"\neverything lies in {home}")
    if found["evidence_page"]:
        click.echo(f"the reviewer's page: {found['evidence_page']}")
    click.echo(f'next: sluice ui --home "{home}"')
