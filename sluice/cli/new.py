"""`sluice new surface`: a commented surface file to begin from."""

import os
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

import click

from sluice.cli.output import print_json, with_home
from sluice.errors import ConfigError

_SURFACE = Template("""\
# The surface "$name". Every key is checked: an unknown one or an impossible threshold is refused with
# its path. What is left out has a default; docs/reference/surface.md lists all keys.

name = "$name"
owner = "$owner"            # author of the versions that the schedule trains
tier = "standard"         # critical, standard or experimental: the least gates, approvers and bake

[data]
label = "click"           # the feedback that counts as success
min_requests = 500        # with fewer, the lifecycle stops and says so

[features]
windows = ["1h", "6h", "24h"]
affinity = ["provider", "category"]
relative = ["rank"]
relative_of = ["item.click.24h", "item.ctr.24h"]

[ranker]
family = "lambdamart"
baseline = "popularity"   # every report shows it

[gates]                   # others: slices, calibration, churn, ecosystem, freshness, coverage, served
mandatory = ["data", "leakage", "quality", "replay"]

[gates.quality]           # against the champion; the first candidate meets the baseline
metric = "ndcg@10"
margin = 0.01             # a loss of 1 % is to be found

[review]
reviewers = ["$reviewer"]     # `sluice review account NAME` makes an account; nobody reviews own work

[serving]
# context = ["context_*"]   # what clients send with a request; a log's other context_* columns hold a version

[schedule]                # in Prefect, once `sluice deploy` or `sluice up` wrote it there
cron = "0 3 * * *"        # the lifecycle, nightly
monitor = "30 * * * *"
timezone = "UTC"
""")


@click.group()
def new() -> None:
    """Write a file to begin from."""


@new.command()
@click.argument("name")
@with_home
@click.option(
    "--owner", default="ranking-team", show_default=True, help="Who trains its versions."
)
@click.option(
    "--reviewer", default="reviewer", show_default=True, help="Who may approve them."
)
def surface(name: str, home: Path | None, as_json: bool, owner: str, reviewer: str) -> None:
    """Write surfaces/NAME.toml, commented and ready to be run.

    The folder is SLUICE_SURFACES, or `surfaces` here.

    \b
    Example:
      sluice new surface search --owner search-team --reviewer rita
      sluice ingest ebnerd path/to/ebnerd/train --surface search
      sluice up
    """
    from sluice.settings import load_settings
    from sluice.surface import load_surface

    folder = load_settings(os.environ, home).surfaces
    if "SLUICE_SURFACES" not in os.environ:
        folder = Path("surfaces").resolve()
    path = folder / f"{name}.toml"
    if path.exists():
        raise ConfigError(
            f"Cannot write {path} because it is there already; choose another name"
        )
    content = _SURFACE.substitute(name=name, owner=owner, reviewer=reviewer)
    folder.mkdir(parents=True, exist_ok=True)
    # Read before it is there: a wrong one must not break the others' commands.
    with TemporaryDirectory(dir=folder, prefix=".new-") as draft:
        written = Path(draft) / path.name
        written.write_text(content)
        load_surface(written)
        written.replace(path)
    if as_json:
        print_json({"surface": name, "file": str(path)})
    else:
        click.echo(f"{path} written; read it, then run `sluice doctor`")
