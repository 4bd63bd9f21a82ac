"""MLflow's experiments, models and pages written again from the store, after they were deleted there."""

from dataclasses import dataclass

from sluice.errors import SluiceError
from sluice.flows.dossier import publish
from sluice.flows.workplace import Workplace
from sluice.store.records import Version


@dataclass(frozen=True)
class Rebuilt:
    """Which versions MLflow shows again, and why it does not show the others."""

    versions: tuple[int, ...]
    missing: dict[int, str]
    """By version, the reason."""


def rebuild(workplace: Workplace) -> Rebuilt:
    """Write every version's page, run, model and place in the registry again; oldest first.

    What a version lacks to be shown (an evaluation, its model's files) does not keep back the others.
    """
    shown, missing = [], {}
    for version in workplace.store.find(Version, surface=workplace.name):
        try:
            publish(workplace, version, anew=True)
        except SluiceError as error:
            missing[version.number] = str(error)
        else:
            shown.append(version.number)
    return Rebuilt(tuple(shown), missing)
