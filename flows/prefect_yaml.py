"""`python -m sluice.flows.prefect_yaml SURFACES`: the deployments as `prefect deploy --all` reads them.

The same that `sluice deploy` writes, for who deploys with Prefect's own command. No step pulls code: the
worker runs the flows of its own installation, and refuses a deployment that brings others.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sluice.flows.deployments import POOL, TAG, Deployment, deployments
from sluice.surface import Surface, load_surface

_HEAD = """# Written by `python -m sluice.flows.prefect_yaml surfaces > prefect.yaml`, and compared with that by a test.
# `sluice deploy` does the same and removes what is no longer declared.
"""


def prefect_yaml(surfaces: Iterable[Surface]) -> str:
    """The file's text."""
    import yaml

    declared = [_entry(each) for surface in surfaces for each in deployments(surface)]
    project: dict[str, Any] = {"name": "sluice", "pull": [], "deployments": declared}
    return _HEAD + yaml.safe_dump(project, sort_keys=False, width=100)


def _entry(declared: Deployment) -> dict[str, Any]:
    return {
        "name": declared.surface,
        "description": declared.description,
        "entrypoint": declared.entrypoint,
        "parameters": declared.parameters,
        "enforce_parameter_schema": True,
        "tags": [TAG, declared.surface],
        "concurrency_limit": 1,
        "schedules": [{"cron": declared.cron, "timezone": declared.timezone}],
        "pull": [],
        "work_pool": {"name": POOL},
    }


def declared_in(folder: Path) -> tuple[Surface, ...]:
    """The surfaces of a folder, by name."""
    return tuple(load_surface(file) for file in sorted(folder.glob("*.toml")))


if __name__ == "__main__":
    sys.stdout.write(prefect_yaml(declared_in(Path(sys.argv[1]))))
