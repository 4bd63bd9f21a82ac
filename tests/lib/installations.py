"""Small installations: a generated feed in the log, a light surface, and the command line over both.

Every command runs in a process of its own, as a person would start it.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sluice.data.digest import file_digest
from sluice.data.event_log import EventLog
from sluice.data.generated import FeedConfig, generate
from sluice.data.journal import FILE, Journal
from sluice.flows.prefect_api import API_URL, AUTH
from sluice.settings import load_settings
from sluice.store import open_store
from sluice.store.content import KINDS
from sluice.store.records import Record

FEED = FeedConfig(
    days=5, requests_per_day=400, users=150, items_per_day=80, candidates=10, providers=12
)
"""Enough for every gate of the surface below, and a fit in a blink."""
LATER = datetime(2027, 1, 1, tzinfo=UTC)
"""A time at which no event of the feed lies in the future."""
SECONDS = 400

SURFACE = """
name = "for_you"
owner = "ranking-team"
tier = "experimental"     # without a bake: a story is told in a minute

[data]
min_requests = 100

[features]
windows = ["1h", "24h"]
affinity = ["category"]
relative = ["rank"]
relative_of = ["item.click.24h", "item.ctr.24h"]

[ranker.parameters]
trees = 20
leaves = 7
num_threads = 1

[gates.quality]
margin = 0.08
min_requests = 50
min_users = 20

[gates.replay]
requests = 10
p99_ms = 500.0

[review]
reviewers = ["demo-reviewer", "rita"]

[serving]
context = ["context_*"]

[monitors]
psi_limit = 5.0
max_drifted_share = 1.0
min_rows = 100
"""


def day(number: int) -> str:
    """Midnight before the feed's day, as --until takes it; day 0 is the first."""
    return (FEED.start + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output; anything else there fails."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True)
class Installation:
    """A home, its surfaces, and the variables its commands are run with."""

    home: Path
    surfaces: Path
    environ: dict[str, str] = field(default_factory=dict)

    def start(
        self, *arguments: str, program: Sequence[str] = ("sluice",), **options: Any
    ) -> "subprocess.Popen[str]":
        """A command in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", *program, *arguments, "--home", str(self.home)],
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def sluice(self, *arguments: str, program: Sequence[str] = ("sluice",)) -> Done:
        """A command, until it has ended."""
        with self.start(*arguments, program=program) as process:
            out, err = process.communicate(timeout=SECONDS)
        return Done(process.returncode, out, err)

    def must(self, *arguments: str) -> dict[str, Any]:
        """A command's JSON; it has to succeed and say nothing else."""
        done = self.sluice(*arguments, "--json")
        assert done.code == 0, f"sluice {' '.join(arguments)}: {done.err or done.out}"
        assert done.err == ""
        return done.json

    def variables(self) -> dict[str, str]:
        ours = {"SLUICE_SURFACES": str(self.surfaces), "COLUMNS": "100"}
        theirs = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLUICE_", "PREFECT_", "PYTEST", "MLFLOW_"))
        }
        return {**theirs, **ours, **self._admission(), **self.environ}

    def _admission(self) -> dict[str, str]:
        """The credential of the session's own Prefect, for who is pointed to it."""
        shared = os.environ.get(API_URL)
        pointed = shared is not None and self.environ.get(API_URL) == shared
        return {AUTH: os.environ[AUTH]} if pointed else {}


def empty_installation(folder: Path, **environ: str) -> Installation:
    """No event yet, one surface."""
    surfaces = folder / "surfaces"
    surfaces.mkdir(parents=True)
    (surfaces / "for_you.toml").write_text(SURFACE)
    return Installation(folder / "home", surfaces, environ)


def small_installation(folder: Path, **environ: str) -> Installation:
    """The small feed in the log, one surface, and nothing run."""
    installation = empty_installation(folder, **environ)
    EventLog(installation.home / "log").append(generate(FEED).tables, at=LATER)
    return installation


def records(installation: Installation) -> dict[str, tuple[Record, ...]]:
    """Every record of every kind in the store."""
    settings = load_settings(installation.variables(), installation.home)
    with open_store(settings.database_url) as store:
        return {kind.__name__: store.find(kind) for kind in KINDS}


def files(installation: Installation, *parts: str) -> dict[str, str]:
    """Digest of every file below those parts of the home, by its path.

    What is hidden was being built when its builder was killed, or is a lock. The event log's journal
    says when each batch came, so its bytes are never the same; `arrivals` compares what it says else.
    """
    return {
        path.relative_to(installation.home).as_posix(): file_digest(path)
        for part in parts
        for path in sorted((installation.home / part).rglob("*"))
        if path.is_file()
        and not path.name.startswith(FILE)
        and "/." not in str(path.relative_to(installation.home))
    }


def arrivals(installation: Installation) -> tuple[int, frozenset[str], tuple[str, ...]]:
    """What the event log's journal says but for times: batches, hidden parts, and the parts they name."""
    journal = Journal(installation.home / "log")
    cut = journal.cut()
    named = tuple(name for batch in journal.batches(0, -1) for name in batch.parts)
    return cut.position, cut.hidden, named


def mlflow_rows(installation: Installation) -> dict[str, int]:
    """Number of rows in each of MLflow's tables."""
    return _row_counts(installation.home / "mlflow" / "mlflow.db")


def flow_runs(installation: Installation) -> dict[str, list[str]]:
    """States of the runs in the installation's own Prefect, by flow or task; none without one."""
    if not (installation.home / "prefect" / "prefect.db").exists():
        return {}
    with closing(sqlite3.connect(installation.home / "prefect" / "prefect.db")) as database:
        rows = database.execute(
            "SELECT flow.name, flow_run.state_type FROM flow_run JOIN flow ON flow.id = flow_id "
            "UNION ALL SELECT substr(name, 1, instr(name, '-') - 1), state_type FROM task_run"
        ).fetchall()
    return {name: sorted(state for each, state in rows if each == name) for name, _ in rows}


def _row_counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in names.fetchall()
        }
