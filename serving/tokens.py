"""Who may ask: bearer tokens from a file that only its owner can read.

The file has one `name:token` a line; empty lines and those that begin with # count for nothing. It
is read again when it changes. In memory a token is its SHA-256 alone.
"""

import hashlib
import hmac
import logging
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from sluice.errors import ConfigError
from sluice.serving.problem import Rejected
from sluice.serving.reply import error_reply

MIN_TOKEN_CHARACTERS = 24
"""A token is drawn, not thought of: `openssl rand -hex 32`."""
MAX_FILE_BYTES = 1 << 20
OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""What everybody may ask; without a token /readyz tells the status alone."""

_STRANGER = "sluice.stranger"
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="sluice"'),)
_LOOK_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tokens:
    """The digests of one reading of the file, and which file that was."""

    digests: tuple[bytes, ...]
    file: tuple[int, int, int]
    """Inode, size and time of change, to see when it is another."""

    def includes(self, token: bytes) -> bool:
        """Whether it is one of them; takes as long whichever it is."""
        digest, matched = hashlib.sha256(token).digest(), False
        for candidate in self.digests:
            matched |= hmac.compare_digest(candidate, digest)
        return matched


def read_tokens(path: Path) -> Tokens:
    """Read and check a file of tokens.

    Raises:
        ConfigError: it cannot be read, others may read it, or a line is no `name:token`.
    """
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        )
    except OSError as error:
        raise ConfigError(
            f"Cannot read the tokens because {path}: {error.strerror}; make the file with mode 600"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        _check_private(path, state)
        text = file.read(MAX_FILE_BYTES + 1)
    return Tokens(_digests(path, text), _identity(state))


def is_stranger(scope: Scope) -> bool:
    """Whether the one who asks showed no token where one is needed."""
    return bool(scope.get(_STRANGER, False))


class TokenCheck:
    """Lets requests with a token through, and all to the few open paths."""

    def __init__(self, app: ASGIApp, path: Path) -> None:
        """Read the tokens.

        Raises:
            ConfigError: see `read_tokens`.
        """
        self._app, self._path = app, path
        self._tokens = read_tokens(path)
        self._look_at = time.monotonic() + _LOOK_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to who shows no token."""
        if scope["type"] != "http" or self._current().includes(_bearer(scope)):
            await self._app(scope, receive, send)
        elif scope["path"] in OPEN_PATHS:
            await self._app({**scope, _STRANGER: True}, receive, send)
        else:
            error = Rejected(401, "send Authorization: Bearer with a token of this service")
            await error_reply(error, _CHALLENGE).send(send, head=scope["method"] == "HEAD")

    def _current(self) -> Tokens:
        """The tokens, read again when the file is another; looked at once a second."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            try:
                if _identity(self._path.lstat()) != self._tokens.file:
                    self._tokens = read_tokens(self._path)
            except (OSError, ConfigError) as error:
                # Nobody is let in by a file that cannot be read; mending it lets them in again.
                self._tokens = Tokens((), (0, 0, 0))
                _LOG.error("no token is valid: %s", error)
        return self._tokens


def _bearer(scope: Scope) -> bytes:
    """The token sent; empty, which is never valid, where there is none or more than one."""
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(sent) != 1:
        return b""
    scheme, _, token = sent[0].partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _check_private(path: Path, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(f"Cannot read the tokens because {path} is no plain file")
    if state.st_mode & 0o077:
        raise ConfigError(
            f"Cannot use the tokens because others may read {path}; chmod 600 it, and draw new ones"
        )
    if state.st_size > MAX_FILE_BYTES:
        raise ConfigError(f"Cannot read the tokens because {path} is over 1 MB")


def _digests(path: Path, text: bytes) -> tuple[bytes, ...]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    rows = [(number, line) for number, line in lines if line and not line.startswith(b"#")]
    for number, line in rows:
        name, colon, token = line.partition(b":")
        if not (name and colon and len(token) >= MIN_TOKEN_CHARACTERS):
            raise ConfigError(
                f"Cannot use the tokens because line {number} of {path} is no name:token with "
                f"{MIN_TOKEN_CHARACTERS} characters or more; draw one with openssl rand -hex 32"
            )
    if not rows:
        raise ConfigError(
            f"Cannot use the tokens because {path} has none; add name:token lines"
        )
    return tuple(hashlib.sha256(line.partition(b":")[2]).digest() for _, line in rows)


def _identity(state: os.stat_result) -> tuple[int, int, int]:
    return state.st_ino, state.st_size, state.st_mtime_ns
