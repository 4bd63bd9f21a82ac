"""The `sluice` command: parses, calls, prints. Everything heavy is imported inside the commands."""

import os
import sys

import click

from sluice.cli.alert import alert, alerts
from sluice.cli.audit import audit
from sluice.cli.backup import backup, restore
from sluice.cli.canary import canary
from sluice.cli.champion import champion
from sluice.cli.demo import demo
from sluice.cli.deploy import deploy
from sluice.cli.doctor import doctor
from sluice.cli.ecosystem import ecosystem
from sluice.cli.explain import explain
from sluice.cli.gates import gates
from sluice.cli.house import down, status, up
from sluice.cli.ingest import ingest
from sluice.cli.logs import logs
from sluice.cli.missing_extra import missing_extra
from sluice.cli.new import new
from sluice.cli.output import print_json, show_error
from sluice.cli.parity import parity
from sluice.cli.release import release
from sluice.cli.review import review
from sluice.cli.run import run
from sluice.cli.serve import serve
from sluice.cli.shadow import shadow
from sluice.cli.tradeoffs import tradeoffs
from sluice.cli.ui import ui
from sluice.cli.world import world
from sluice.data.private_files import OTHERS
from sluice.errors import SluiceError, mendable

__all__ = ["entrypoint", "main"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="sluice")
def main() -> None:
    """Take a ranker from the event log to a served, monitored champion.

    Every command takes --home DIR (or SLUICE_HOME; default .sluice) and --json.

    \b
    Exit codes: 0 done · 2 bad input or configuration · 3 held by a gate or a reviewer ·
    4 somebody else was first · 5 bytes are not what their digest says · 6 refused by the rules ·
    7 too old, or from the future

    \b
    Example:
      sluice demo
    """


for _command in (
    demo,
    run,
    ingest,
    gates,
    review,
    canary,
    champion,
    audit,
    backup,
    restore,
    release,
    explain,
    tradeoffs,
    ecosystem,
    serve,
    parity,
    shadow,
    alerts,
    alert,
    ui,
    new,
    up,
    status,
    logs,
    deploy,
    down,
    doctor,
    world,
):
    main.add_command(_command)


def entrypoint() -> None:
    """Run the command line; a known error is one message and an exit code, never a traceback."""
    # Other tools' databases and pages are made with the mode that this leaves.
    os.umask(OTHERS)
    machine = "--json" in sys.argv
    try:
        code = main.main(standalone_mode=False, prog_name="sluice")
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        if machine:
            print_json({"error": error.format_message(), "kind": type(error).__name__})
        else:
            error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("stopped; run the same command again to go on where it was\n")
        code = 130
    except (SluiceError, OSError, ModuleNotFoundError) as error:
        code = _told(error, machine=machine)
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: SluiceError | OSError | ModuleNotFoundError, *, machine: bool) -> int:
    """Tell what a person can mend, and return its exit code; anything else goes on as it came."""
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, ModuleNotFoundError):
        extra = missing_extra(error)
    else:
        extra = error if isinstance(error, SluiceError) else mendable(error)
    if extra is None:
        raise error
    show_error(extra, machine=machine)
    return extra.exit_code
