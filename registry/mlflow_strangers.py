"""Model versions that somebody else put among a surface's candidates, where reviewers look."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.tracking import RUN, VERSION
from sluice.store.port import Store
from sluice.store.records import Version


@dataclass(frozen=True)
class Stranger:
    """A version under `<surface>-candidates` that no registered version stands behind."""

    surface: str
    number: str
    """MLflow's own."""
    claims: str
    """The version of ours that it says it is; empty where it says none."""
    run: str
    """MLflow's run that it names, as a hint to who made it."""

    def __str__(self) -> str:
        claimed = f"says it is version {self.claims}" if self.claims else "names no version"
        return (
            f"{candidates_model(self.surface)} version {self.number}, of run "
            f"{self.run or 'none'}, {claimed}, and Sluice did not make it"
        )


def strangers(client: Any, store: Store, surface: str) -> tuple[Stranger, ...]:
    """Every such version, oldest first.

    Tags can be copied, so of several versions that name one of ours only the first that MLflow
    numbered is it: only flows make versions of a model that has accounts, and they make one.
    """
    runs = {
        version.run: str(version.number) for version in store.find(Version, surface=surface)
    }
    model = candidates_model(surface)
    there = client.search_model_versions(f"name = '{model}'")
    claimants = defaultdict(list)
    for standing in sorted(there, key=lambda standing: int(standing.version)):
        claimants[standing.tags.get(RUN)].append(standing)
    foreign = []
    for run, claiming in claimants.items():
        own = next(
            (
                standing
                for standing in claiming
                if run in runs and standing.tags.get(VERSION) == runs[run]
            ),
            None,
        )
        foreign += [standing for standing in claiming if standing is not own]
    return tuple(
        Stranger(
            surface,
            str(standing.version),
            standing.tags.get(VERSION, ""),
            standing.run_id or "",
        )
        for standing in sorted(foreign, key=lambda standing: int(standing.version))
    )
