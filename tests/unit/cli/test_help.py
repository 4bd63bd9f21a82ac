"""Every command explains itself with an example, at once and without a platform."""

import json
import subprocess
import sys

import click
import pytest

from sluice.cli import main

HEAVY = (
    "mlflow", "prefect", "bentoml", "evidently", "great_expectations", "lightgbm", "polars",
    "numba", "pandas", "numpy", "pyarrow", "sqlalchemy", "httpx", "rich", "pydantic",
)  # fmt: skip
"""Nothing of this is needed to explain a command."""

ASKED = """
import json, sys
from sluice.cli import main
try:
    main.main({arguments!r}, prog_name="sluice")
except SystemExit as stop:
    assert not stop.code, stop.code
print()
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


def commands(group: click.Group, path=()):
    """Every command that does something, by the words that call it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(main))


def test_the_commands_are_those_that_are_documented():
    assert {" ".join(path) for path in COMMANDS} == {
        "audit acknowledge-key", "audit export", "audit protect", "audit verify", "parity",
        "canary judge", "canary show", "canary start", "canary stop",
        "release keygen", "release keys", "release revoke", "release verify",
        "champion as-of", "champion baseline", "champion diff", "champion history", "champion mirror", "champion rollback",
        "champion show", "demo", "doctor",
        "ecosystem", "explain", "gates explain", "gates waive", "ingest", "review account", "review approve", "review keygen", "review keys", "review list", "review reject",
        "review revoke", "review rules", "review show", "review trust", "run", "serve",
        "shadow", "tradeoffs", "ui", "new surface", "up", "down", "status", "logs", "deploy", "alerts", "alert test", "alert silence", "world list", "world run", "backup", "restore",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_and_speaks_json(path):
    command = COMMANDS[path]
    text = command.get_help(click.Context(command, info_name=" ".join(("sluice", *path))))
    _, _, example = text.partition("Example")

    assert f"sluice {' '.join(path)}" in example
    assert "--json" in text
    assert "--home" in text
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or option.name == "surface", option.name


def test_groups_say_what_their_commands_do():
    for name in ("audit", "champion", "gates", "review"):
        assert main.commands[name].help

    assert "Exit codes: 0 done" in (main.help or "")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["review", "approve", "-h"]]
)
def test_help_imports_no_platform(arguments):
    told = subprocess.run(
        [sys.executable, "-c", ASKED.format(arguments=arguments, heavy=HEAVY)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.startswith("Usage: sluice")
    assert json.loads(told.stdout.splitlines()[-1]) == []
