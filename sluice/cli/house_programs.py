"""The servers of an installation: MLflow, Prefect with its worker, Evidently, and a service a surface."""

from typing import TYPE_CHECKING

from sluice.cli.programs import HOST, Program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.settings import Settings

USUAL = {"mlflow": 5000, "prefect": 4200, "evidently": 8000}
"""Port of each server of pages, where it is free."""
FIRST_SERVICE = 3000
"""Port of the first surface's service, where it is free."""
WORKER = "worker"
_SERVICE = "service-"


def page_servers(
    settings: "Settings", ports: "Mapping[str, int]", *, auth: bool
) -> tuple[Program, ...]:
    """MLflow, Prefect and Evidently.

    Args:
        settings: of the installation.
        ports: by the names in `USUAL`.
        auth: whether MLflow asks who you are, which reviews need.
    """
    from sluice.cli import house_server
    from sluice.flows import prefect_server
    from sluice.monitors import evidently_server

    return (
        Program(
            "mlflow", "mlflow",
            ("server", "--host", HOST, "--port", str(ports["mlflow"]), "--workers", "1",
             "--backend-store-uri", settings.mlflow_uri,
             "--artifacts-destination", str(settings.mlflow / "artifacts"),
             *(("--app-name", "sluice") if auth else ())),
            ports["mlflow"], "/health", settings.own_variables(),
        ),
        Program(
            "prefect", prefect_server.__name__, (str(ports["prefect"]),),
            ports["prefect"], "/api/health", settings.own_variables(),
        ),
        Program(
            "evidently", house_server.__name__,
            (str(ports["evidently"]), str(ports["mlflow"]), str(ports["prefect"])),
            ports["evidently"], evidently_server.HEALTH, settings.own_variables(),
        ),
    )  # fmt: skip


def worker(settings: "Settings", prefect_port: int) -> Program:
    """What runs the flows that Prefect has due; it listens nowhere."""
    return Program(
        WORKER,
        "sluice.flows.worker_start",
        (str(prefect_port),),
        None,
        "",
        settings.own_variables(),
    )


def service(settings: "Settings", surface: str, port: int) -> Program:
    """The champion of a surface over HTTP; before there is one it waits, and says so."""
    return Program(
        service_name(surface),
        "sluice.serving.supervisor",
        ("--host", HOST, "--port", str(port)),
        port,
        "/livez",
        {**settings.own_variables(), "SLUICE_SURFACE": surface},
    )


def service_name(surface: str) -> str:
    """Of the program that serves the surface."""
    return f"{_SERVICE}{surface}"


def surface_served(name: str) -> str | None:
    """The surface whose service a program of this name is; None where it is another program."""
    return name.removeprefix(_SERVICE) if name.startswith(_SERVICE) else None
