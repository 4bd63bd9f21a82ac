"""`sluice ingest`: a public data set, or a generated feed, into the event log."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_json, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from sluice.data.event_log import Appended
    from sluice.data.tables import LogTables

GENERATED = "feed"
"""Source that needs no folder."""
SERVED = "served"
"""Source that is the installation's own prediction log."""


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

    `served` is what SURFACE's own servers have answered, from their prediction log.
    Rows that break a rule are refused with a count and a reason; ingesting twice changes nothing.

    \b
    Example:
      sluice ingest ebnerd path/to/ebnerd/train
    """
    settings = settings_at(home)
    steps = Quiet() if as_json else Steps(2)
    with steps.step("read"):
        if source == SERVED:
            tables, lost = read_served(settings.predictions / surface, surface)
        else:
            tables, lost = read_tables(source, folder, surface), {}
    with steps.step("append"):
        appended = append(settings.log, tables, quarantine=quarantine)
    found = {**describe(appended), **lost}
    if as_json:
        print_json(found)
        return
    counts = ", ".join(
        f"{count} {name}" for name, count in found.items() if name != "quarantined"
    )
    click.echo(f"{counts} in {settings.log}")
    for rule, count in found["quarantined"].items():
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
            f"no source {source!r}; there are: {', '.join((GENERATED, SERVED, *SOURCES))}"
        )
    if folder is None:
        raise ConfigError(f"source {source} needs a folder: sluice ingest {source} FOLDER")
    return read_source(source, folder, surface)


def read_served(folder: Path, surface: str) -> "tuple[LogTables, dict[str, int]]":
    """The exposures in a surface's prediction log, and how many predictions are lost to it.

    Raises:
        NotFound: nothing was served yet.
    """
    from serving.exposures import served_exposures
    from serving.prediction_reader import read_predictions
    from sluice.data.frames import empty_frame
    from sluice.data.tables import LogTables

    read = read_predictions(folder)
    if not read.predictions:
        raise NotFound(
            f"no prediction in {folder}; `sluice serve {surface}` logs them there"
        )
    exposures = served_exposures(read, surface)
    tables = LogTables(exposures, empty_frame("feedback"), empty_frame("items"))
    return tables, {"missing": read.missing, "torn": read.torn}


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
