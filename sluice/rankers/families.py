"""The families a surface may declare, and their way to a folder and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice.data.files import Files
from sluice.errors import ConfigError, IntegrityError
from sluice.rankers.blend import MEMBERS, Blend
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.protocol import Ranker

FAMILIES: Mapping[str, type[Ranker]] = {**MEMBERS, Blend.family: Blend}
"""By the name a surface declares; each imports its library when it fits, scores or loads."""


def make_ranker(family: str, parameters: Mapping[str, Any]) -> Ranker:
    """An unfitted ranker.

    Raises:
        ConfigError: no such family or parameter (the message lists those there are), or a
            parameter of the wrong type or size.
    """
    if family not in FAMILIES:
        raise ConfigError(f"no ranker family {family!r}; there are: {', '.join(FAMILIES)}")
    return FAMILIES[family].make(parameters)


def save_ranker(ranker: Ranker, folder: Path) -> None:
    """Write a fitted ranker into `folder`, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    ranker.save(folder)


def load_ranker(source: Path | Files) -> Ranker:
    """Make of what `save_ranker` wrote, its folder or the bytes of its files, what was saved.

    Raises:
        IntegrityError: a file is missing, is not what was written, or names an unknown family.
    """
    files = Files.of(source)
    family = RankerManifest.read(files).family
    if family not in FAMILIES:
        names = ", ".join(FAMILIES)
        raise IntegrityError(
            f"{files.source}: ranker of family {family!r}; this code knows {names}"
        )
    return FAMILIES[family].load(files)
