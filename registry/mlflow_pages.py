"""Where MLflow's pages about the surfaces are; its front page is about language models."""

from collections.abc import Collection

from sluice.registry.mlflow_candidate import candidates_model

_UNUSED = "Default"
"""MLflow makes an experiment of this name and shows it whether it is used or not."""
_TRAINING = "workflowType=machine_learning"
_SECONDS = 30.0


def run_pages(url: str) -> dict[str, str]:
    """Address of each surface's runs, as the MLflow server at `url` knows them.

    Raises:
        httpx.HTTPError: it does not answer.
    """
    import httpx

    answer = httpx.post(
        f"{url}/api/2.0/mlflow/experiments/search",
        json={"max_results": 1_000},
        trust_env=False,
        timeout=_SECONDS,
    )
    answer.raise_for_status()
    return {
        experiment[
            "name"
        ]: f"{url}/#/experiments/{experiment['experiment_id']}/runs?{_TRAINING}"
        for experiment in answer.json().get("experiments", [])
        if experiment["name"] != _UNUSED
    }


def candidate_pages(url: str, surfaces: Collection[str]) -> dict[str, str]:
    """Address of each surface's candidates, where they are reviewed."""
    return {
        surface: f"{url}/#/models/{candidates_model(surface)}?{_TRAINING}"
        for surface in surfaces
    }
