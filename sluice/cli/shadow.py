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
    found = report(shadow_folder(settings.home, surface, release))
    if as_json:
        facts = {"surface": surface, "version": version, "release": release}
        print_json({**facts, **found.body()})
    else:
        _show(f"Shadow version {version} of {surface}", found, int(top))
    if not found.requests:
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


def _show(title: str, found: "ShadowReport", k: int) -> None:
    counts = found.counts
    facts = [
        ("requests", found.requests),
        ("from", found.since and found.since.isoformat(timespec="seconds")),
        ("to", found.until and found.until.isoformat(timespec="seconds")),
        ("answered by", ", ".join(each[:12] for each in found.answered_by) or None),
        *found.figures.items(),
        ("offered", counts.offered),
        ("dropped", counts.dropped),
        ("failed", counts.failed),
    ]
    print_facts(title, facts)
    head = ("name", "entered", "share", "left", "share")
    for dimension in sorted({group.dimension for group in found.groups}):
        groups = [
            each for each in found.groups if (each.dimension, each.k) == (dimension, k)
        ]
        rows = [
            (
                each.name, each.entered, f"{each.entered_share:.1%}", each.left,
                f"{each.left_share:.1%}",
            )
            for each in groups[:_SHOWN]
        ]  # fmt: skip
        print_table(f"Top {k} by {dimension}", head, rows)
