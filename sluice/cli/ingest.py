"""`sluice ingest`: a public data set, or a generated feed, into the event log."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_json, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import ConfigError

if TYPE_CHECKING:
    from sluice.data.event_log import Appended
    from sluice.data.tables import LogTables

GENERATED = "feed"
"""Source that needs no folder."""


@click.command()
@click.argument("source")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@with_home
@click.option("--surface", default="for_you", show_default=True, help="Where it was shown.")
@click.option(
    "--quarantine", is_flag=True, help="Set bad rows aside, counted, and take the rest."
)
def ingest(
    source: str,
    folder: Path | None,
    home: Path | None,
    as_json: bool,
    surface: str,
    quarantine: bool,
) -> None:
    """Read SOURCE (ebnerd, mind, open_bandit, letor, movielens; or feed) from FOLDER.

    Rows that break a rule are refused with a count and a reason; ingesting twice changes nothing.

    \b
    Example:
      sluice ingest ebnerd path/to/ebnerd/train
    """
    settings = settings_at(home)
    steps = Quiet() if as_json else Steps(2)
    with steps.step("read"):
        tables = read_tables(source, folder, surface)
    with steps.step("append"):
        appended = append(settings.log, tables, quarantine=quarantine)
    counts = describe(appended)
    if as_json:
        print_json(counts)
        return
    listed = ", ".join(
        f"{count} {name}" for name, count in counts.items() if name != "quarantined"
    )
    click.echo(f"{listed} in {settings.log}")
    for rule, count in counts["quarantined"].items():
        click.echo(f"  quarantined: {count} rows, {rule}")
    click.echo(f"next: sluice run lifecycle {surface}")


def read_tables(source: str, folder: Path | None, surface: str) -> "LogTables":
    """The event tables of a source.

    Raises:
        ConfigError: the source is unknown, or needs a folder.
    """
    if source == GENERATED:
        from sluice.data.generated import FeedConfig, generate

        return generate(FeedConfig()).tables
    from sluice.data.adapters import SOURCES, read_source

    if source not in SOURCES:
        raise ConfigError(
            f"no source {source!r}; there are: {', '.join((GENERATED, *SOURCES))}"
        )
    if folder is None:
        raise ConfigError(f"source {source} needs a folder: sluice ingest {source} FOLDER")
    return read_source(source, folder, surface)


def append(log: Path, tables: "LogTables", *, quarantine: bool = False) -> "Appended":
    """Add the tables to the event log."""
    from sluice.data.event_log import EventLog

    return EventLog(log).append(tables, quarantine=quarantine, at=datetime.now(UTC))


def describe(appended: "Appended") -> dict[str, Any]:
    """What was written, skipped and set aside."""
    return {
        "exposures": appended.exposures,
        "feedback": appended.feedback,
        "items": appended.items,
        "skipped": appended.skipped,
        "quarantined": appended.quarantined,
    }
