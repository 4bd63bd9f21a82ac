"""The known sources by name."""

from collections.abc import Callable
from pathlib import Path

from sluice.data.adapters import ebnerd, letor, mind, movielens, open_bandit
from sluice.data.tables import LogTables
from sluice.errors import ConfigError, DataError

_READERS: dict[str, Callable[[Path, str], LogTables]] = {
    "ebnerd": ebnerd.read,
    "letor": letor.read,
    "mind": mind.read,
    "movielens": movielens.read,
    "open_bandit": open_bandit.read,
}
SOURCES = tuple(_READERS)


def read_source(name: str, folder: Path, surface: str = "for_you") -> LogTables:
    """Read a public data set as the three tables.

    Args:
        name: one of SOURCES.
        folder: holds the set's own files, unpacked.
        surface: under which name its rankings are logged; none of these sets names several.

    Raises:
        ConfigError: no such source; lists those there are.
        DataError: a file is missing or damaged; names it and what would do.
    """
    if name not in _READERS:
        raise ConfigError(f"no source {name!r}; there are: {', '.join(SOURCES)}")
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; give the one that holds the {name} files"
        )
    return _READERS[name](folder, surface)
