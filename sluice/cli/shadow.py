"""`sluice shadow`: what a version would have shown instead of what was answered."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import existing_store, settings_at
from sluice.cli.output import conclude, print_facts, print_json, print_table, with_home
from sluice.errors import Held, NotFound

if TYPE_CHECKING:
    from sluice.serving.shadow_report import ShadowReport
    from sluice.store.port import Store

_SHOWN = 8
"""Groups of a dimension that are shown to a person; --json has all."""


@click.command()
@click.argument("surface")
@click.argument("version", type=int)
@with_home
@click.option("--top", type=click.Choice(["5", "10"]), default="10", show_default=True,
              help="Slots from the top that entering and leaving is about.")  # fmt: skip
def shadow(surface: str, version: int, home: Path | None, as_json: bool, top: str) -> None:
    """Show how the shadow VERSION of SURFACE would have ranked what was answered.

    Rows come from `sluice serve SURFACE --shadow VERSION`. Exit code 3 where there are none.

    \b
    Example:
      sluice shadow for_you 3
    """
    from sluice.serving.shadow_files import shadow_folder
    from sluice.serving.shadow_report import report

    settings = settings_at(home)
    release = release_of(existing_store(settings), surface, version)
    summary = report(shadow_folder(settings.home, surface, release))
    if as_json:
        facts = {"surface": surface, "version": version, "release": release}
        print_json({**facts, **summary.body()})
    else:
        _show(f"Shadow version {version} of {surface}", summary, int(top))
    if not summary.requests:
        why = (
            f"no request of {surface} has a row of shadow version {version}; "
            f"run `sluice serve {surface} --shadow {version}` and ask it"
        )
        conclude(Held(why), as_json=as_json)


def release_of(store: "Store", surface: str, version: int) -> str:
    """Digest of the release of a version, promoted or not.

    Raises:
        NotFound: there is no such version, or it was never packaged.
    """
    from sluice.registry.moves import position_of, version_of

    release = position_of(store, version_of(store, surface, version)).release
    if release is None:
        raise NotFound(
            f"version {version} of {surface} has no release; run "
            f"`sluice run package {surface} --version {version}`"
        )
    return release


def _show(title: str, shadow_report: "ShadowReport", k: int) -> None:
    counts = shadow_report.counts
    facts = [
        ("requests", shadow_report.requests),
        ("from", shadow_report.since and shadow_report.since.isoformat(timespec="seconds")),
        ("to", shadow_report.until and shadow_report.until.isoformat(timespec="seconds")),
        (
            "answered by",
            ", ".join(digest[:12] for digest in shadow_report.answered_by) or None,
        ),
        *shadow_report.figures.items(),
        ("offered", counts.offered),
        ("dropped", counts.dropped),
        ("failed", counts.failed),
    ]
    print_facts(title, facts)
    head = ("name", "entered", "share", "left", "share")
    for dimension in sorted({group.dimension for group in shadow_report.groups}):
        groups = [
            part
            for part in shadow_report.groups
            if (part.dimension, part.k) == (dimension, k)
        ]
        rows = [
            (
                part.name, part.entered, f"{part.entered_share:.1%}", part.left,
                f"{part.left_share:.1%}",
            )
            for part in groups[:_SHOWN]
        ]  # fmt: skip
        print_table(f"Top {k} by {dimension}", head, rows)
