"""Registered models of MLflow and their versions, found by the tags that Sluice put on them."""

from collections.abc import Mapping
from typing import Any


def registered_model(client: Any, name: str) -> Any | None:
    """The registered model, or None; MLflow's own getter raises for one that is not there."""
    search_registered_models = client.search_registered_models(
        f"name = '{name}'", max_results=1
    )
    return search_registered_models[0] if search_registered_models else None


def ensure_registered(client: Any, name: str, description: str) -> None:
    """Make the registered model where there is none yet."""
    if registered_model(client, name) is None:
        client.create_registered_model(name, description=description)


def versions_with(client: Any, name: str, tags: Mapping[str, str]) -> list[Any]:
    """Versions of a registered model that carry all the tags."""
    return list(client.search_model_versions(f"name = '{name}' and {with_tags(tags)}"))


def with_tags(tags: Mapping[str, str]) -> str:
    """The filter that MLflow's searches take."""
    return " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
