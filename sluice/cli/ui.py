"""`sluice ui`: MLflow, Prefect and Evidently over one installation, started and stopped together."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.installation import settings_at
from sluice.cli.output import print_json, print_table, with_home
from sluice.cli.progress import Quiet, Steps
from sluice.errors import NotFound, SluiceError

if TYPE_CHECKING:
    from sluice.settings import Settings

HOST = "127.0.0.1"
_READY_SECONDS = 180.0
_POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Program:
    """One server: how it starts, and where it says that it is up."""

    name: str
    shows: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    port: int
    health: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@click.command()
@with_home
@click.option("--mlflow-port", type=int, default=5000, show_default=True)
@click.option("--prefect-port", type=int, default=4200, show_default=True)
@click.option("--evidently-port", type=int, default=8000, show_default=True)
def ui(
    home: Path | None, as_json: bool, mlflow_port: int, prefect_port: int, evidently_port: int  # noqa: FBT001 - a flag
) -> None:
    """Open MLflow, Prefect and Evidently over what was made; Ctrl-C stops all three.

    Everything binds to 127.0.0.1, and no tool reports to anybody.

    \b
    Example:
      sluice ui --home .sluice/demo/feed
    """
    settings = settings_at(home)
    if not settings.mlflow.is_dir():
        raise NotFound(f"nothing to show in {settings.home}; run `sluice demo`, or name its --home")
    programs = _programs(settings, mlflow_port, prefect_port, evidently_port)
    steps = Quiet() if as_json else Steps(len(programs))
    with _running(programs, settings) as started:
        for program in programs:
            with steps.step(program.name):
                _await(program, started)
        if as_json:
            print_json({program.name: program.url for program in programs})
        else:
            rows = [(program.name, program.url, program.shows) for program in programs]
            print_table("open in a browser", ("tool", "address", "shows"), rows)
            click.echo("Ctrl-C stops all three")
        _watch(started)


def _programs(settings: "Settings", mlflow: int, prefect: int, evidently: int) -> list[Program]:
    from monitors.dashboard import ui_command

    return [
        Program(
            "mlflow", "runs, candidates, champions, evidence",
            ("-m", "mlflow", "server", "--host", HOST, "--port", str(mlflow), "--workers", "1",
             "--backend-store-uri", settings.mlflow_uri,
             "--artifacts-destination", str(settings.mlflow / "artifacts")),
            {}, mlflow, "/health",
        ),
        Program(
            "prefect", "flow runs and schedules",
            ("-m", "prefect", "server", "start", "--host", HOST, "--port", str(prefect)),
            {"PREFECT_UI_API_URL": f"http://{HOST}:{prefect}/api",
             "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{prefect}/api"},
            prefect, "/api/health",
        ),
        Program(
            "evidently", "drift dashboards", ui_command(settings.evidently, evidently),
            {}, evidently, "/api/version",
        ),
    ]  # fmt: skip


@contextmanager
def _running(
    programs: Sequence[Program], settings: "Settings"
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    from serving.processes import end, tree

    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    started: dict[str, subprocess.Popen[bytes]] = {}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        for program in programs:
            with (logs / f"{program.name}.log").open("wb") as log:
                started[program.name] = subprocess.Popen(
                    [sys.executable, *program.arguments],
                    env={**settings.child_environment(), **program.environ},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        yield started
    finally:
        for process in started.values():
            end(tree(process.pid), 20.0)
            process.wait()


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


def _await(program: Program, started: Mapping[str, subprocess.Popen[bytes]]) -> None:
    import httpx

    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end:
        _ensure_alive(started)
        try:
            if httpx.get(program.url + program.health, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(_POLL_SECONDS)
    raise SluiceError(f"{program.name} was not up after {_READY_SECONDS:g} s; see its log")


def _ensure_alive(started: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in started.items():
        if process.poll() is not None:
            raise SluiceError(
                f"{name} ended with exit code {process.returncode}; its log is logs/{name}.log under "
                "the home folder. Is its port taken? Another one: see `sluice ui --help`"
            )


def _watch(started: Mapping[str, subprocess.Popen[bytes]]) -> None:
    while True:
        _ensure_alive(started)
        time.sleep(1.0)
