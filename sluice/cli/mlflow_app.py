"""Where `mlflow server --app-name sluice` begins: the entry point of the group `mlflow.app`."""

import os
from typing import TYPE_CHECKING

from sluice.cli.installation import accounts_of
from sluice.data.private_files import OTHERS

if TYPE_CHECKING:
    from fastapi import FastAPI


def create() -> "FastAPI":
    """The app of the installation that the environment names."""
    from sluice.registry.mlflow_app import Desk, create_app
    from sluice.registry.review_keys import ReviewKeys
    from sluice.settings import apply_environment, load_settings

    os.umask(OTHERS)
    settings = load_settings(os.environ)
    apply_environment(settings)
    return create_app(
        Desk(
            accounts_of(settings),
            settings.database_url,
            settings.surfaces,
            ReviewKeys(settings.review_keys),
            heads=settings.heads,
            head_keys=settings.keys,
        )
    )
