"""`python -m sluice.cli.house_server PORT MLFLOW PREFECT`: Evidently's dashboards and the page of the house.

One process and one key for both: another server for one page would cost more than it shows.
"""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sluice.door import HOST

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from sluice.settings import Settings


def house_app(settings: "Settings", mlflow: str, prefect: str) -> "ASGIApp":
    """The page, made anew for each who asks; for behind a door."""
    from starlette.concurrency import run_in_threadpool

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        response = await run_in_threadpool(answered, settings, mlflow, prefect)
        await response(scope, receive, send)

    return app


def answered(settings: "Settings", mlflow: str, prefect: str) -> "Response":
    """The page as it is now, or why there is none."""
    from starlette.responses import HTMLResponse, PlainTextResponse

    from sluice.cli.house_facts import reach_of, surface_parts
    from sluice.cli.house_page import HEADERS, page
    from sluice.cli.installation import declared_surfaces
    from sluice.errors import SluiceError

    try:
        names = [surface.name for surface in declared_surfaces(settings)]
        reach = reach_of(settings, mlflow, prefect)
        parts = surface_parts(settings, names, reach)
    except SluiceError as error:
        return PlainTextResponse(f"{error}\n", 503, HEADERS)
    services = {f"service {name}": f"{url}/docs" for name, url in reach.services.items()}
    links = {"MLflow": mlflow, "Prefect": f"{prefect}/runs", "Evidently": "/", **services}
    return HTMLResponse(page(parts, links, datetime.now(UTC)), headers=HEADERS)


def main(port: int, mlflow: int, prefect: int) -> None:
    """Serve on loopback until stopped, over the home that the environment names."""
    from sluice.monitors.evidently_server import serve
    from sluice.settings import apply_environment, load_settings

    settings = load_settings(os.environ)
    apply_environment(settings)
    house = house_app(settings, f"http://{HOST}:{mlflow}", f"http://{HOST}:{prefect}")
    serve(settings.evidently, port, settings.evidently_key, house)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
