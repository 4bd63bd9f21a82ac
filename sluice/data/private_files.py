"""Files that nobody but their owner reads: secrets that are drawn once, and logs."""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from sluice.errors import ConfigError

OTHERS = 0o077
"""What the group and everybody else may do; the mask of whatever this installation writes."""


def secret_in(path: Path) -> str:
    """The secret in the file; whichever process comes first draws it.

    Raises:
        ConfigError: others may read the file, so that what stands there is no secret.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(file.name, path)
    if stat.S_IMODE(path.stat().st_mode) & OTHERS:
        raise ConfigError(
            f"Cannot use the secret in {path} because others may read it; remove the file, and the "
            "next start draws another"
        )
    return path.read_text(encoding="utf-8").strip()


def kept_secret(path: Path) -> str:
    """The secret that somebody put into the file.

    Raises:
        ConfigError: there is none, or others may read it, so that what stands there is no secret.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read().strip()
    except OSError as error:
        raise ConfigError(
            f"Cannot read the secret in {path} because of: {error.strerror}; write it there with mode 600"
        ) from error
    if mode & OTHERS:
        raise ConfigError(
            f"Cannot use the secret in {path} because others may read it; run chmod 600 on it, and "
            "draw another secret"
        )
    if not secret:
        raise ConfigError(f"Cannot use the secret in {path} because the file is empty")
    return secret


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def private_log(path: Path) -> IO[bytes]:
    """An empty log, opened for a program's output; one that others could read is closed to them."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)
    return os.fdopen(handle, "wb")


def close_to_others(paths: Iterable[Path]) -> None:
    """Take from others what they may do with files and folders that are there, and are ours."""
    for path in paths:
        with suppress(FileNotFoundError):
            state = path.stat()
            if state.st_uid == os.geteuid() and state.st_mode & OTHERS:
                path.chmod(stat.S_IMODE(state.st_mode) & ~OTHERS)
