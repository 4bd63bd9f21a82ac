"""A Bento around a release: the folder that BentoML serves, ships and can put into an image.

`bentoml build` runs in a child process, because it changes the working folder and its store is
chosen by an environment variable; into a scratch store, from which the finished Bento is moved.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import orjson

from sluice.child import ROOT, child_command
from sluice.data.atomic import sync_folder, write_atomically
from sluice.environment import allowed
from sluice.errors import IntegrityError, SluiceError
from sluice.serving.bento_code import PACKAGE, RELEASES, ignored, read_code
from sluice.serving.custody import check_bytes
from sluice.serving.manifest import Manifest
from sluice.settings import TELEMETRY_OFF

SERVICE = "sluice.serving.service:RankingService"
VERSION_DIGITS = 16
"""Of the release's digest, that make the Bento's version."""
REQUIREMENTS = (
    "bentoml", "cryptography", "lightgbm", "numba", "numpy", "orjson", "polars", "prometheus-client", "pyarrow",
    "pydantic", "scikit-learn", "scipy", "starlette",
)  # fmt: skip
"""What that code imports; an image gets the versions installed here."""

_INSTRUCTIONS = "bentofile.yaml"
_BUILD_SECONDS = 300
_SHOWN_LINES = 15


@dataclass(frozen=True)
class Bento:
    """A built Bento in a store."""

    home: Path
    """BENTOML_HOME."""
    surface: str
    release: str
    """Digest."""

    @property
    def version(self) -> str:
        return self.release[:VERSION_DIGITS]

    @property
    def tag(self) -> str:
        return f"{self.surface}:{self.version}"

    @property
    def folder(self) -> Path:
        return self.home / "bentos" / self.surface / self.version

    @property
    def source(self) -> Path:
        """The folder the service runs in."""
        return self.folder / "src"

    @property
    def packaged(self) -> Path:
        """The release inside."""
        return self.source / RELEASES / self.release


def build_bento(release: Path, digest: str, home: Path) -> Bento:
    """Build the Bento of a release, or return the one that is in the store already.

    Raises:
        NotFound: no such release.
        IntegrityError: the release, or the one in the Bento that is there, is not what its digest
            says, or the code is another than it was packaged with.
        SluiceError: BentoML could not build it; shows its last lines.
    """
    manifest = check_bytes(release, digest)
    bento = Bento(home.resolve(), manifest.provenance.surface, digest)
    if bento.folder.exists():
        check_bento(bento)
        return bento
    bento.home.mkdir(parents=True, exist_ok=True)
    # The context lies elsewhere: BentoML refuses one below a hidden folder, which our home may be.
    with (
        tempfile.TemporaryDirectory(prefix="sluice-bento-") as context,
        tempfile.TemporaryDirectory(dir=bento.home, prefix=".build.") as store,
    ):
        scratch = Bento(Path(store), bento.surface, digest)
        _stage(Path(context), release, scratch)
        _run_build(Path(context), scratch)
        (scratch.source / _INSTRUCTIONS).unlink()  # BentoML's copy; nothing reads it again
        check_bento(scratch)
        _move(scratch, bento)
    return bento


def check_bento(bento: Bento) -> Manifest:
    """The manifest of the release in a Bento, whose release and code are what it says.

    Who starts the Bento must ask this from outside: code that was changed cannot be trusted to find it.

    Raises:
        NotFound: there is no such Bento.
        IntegrityError: a file of either is changed, missing or added; names it.
    """
    manifest = check_bytes(bento.packaged, bento.release)
    read_code(bento.source, manifest.service)
    return manifest


def bento_environment(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for BentoML's own programs: its store, no telemetry, our programs first."""
    programs = Path(sys.executable).parent
    return {
        **allowed(environ),
        **TELEMETRY_OFF,
        "BENTOML_HOME": str(home),
        "PATH": f"{programs}{os.pathsep}{environ.get('PATH', os.defpath)}",
    }


def _stage(context: Path, release: Path, bento: Bento) -> None:
    """Lay out what the Bento is built from: the code, the release and BentoML's instructions."""
    shutil.copytree(ROOT / PACKAGE, context / PACKAGE, ignore=ignored)
    shutil.copytree(release, context / RELEASES / bento.release)
    instructions = {
        "service": SERVICE,
        "name": bento.surface,
        "description": f"Release {bento.release} of the surface {bento.surface}.",
        "include": ["*"],
        # Locking asks a package index; the versions are exact as they stand.
        "python": {
            "packages": [f"{name}=={version(name)}" for name in REQUIREMENTS],
            "lock_packages": False,
        },
    }
    # JSON is YAML too.
    (context / _INSTRUCTIONS).write_bytes(orjson.dumps(instructions))


def _run_build(context: Path, bento: Bento) -> None:
    done = subprocess.run(
        child_command("bentoml", "build", ".", "--version", bento.version),
        cwd=context,
        env={**bento_environment(bento.home, os.environ), **_uncompiled(bento.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0 or not bento.source.is_dir():
        shown = "\n".join(done.stdout.splitlines()[-_SHOWN_LINES:])
        raise SluiceError(
            f"bentoml build of {bento.tag} failed, exit code {done.returncode}:\n{shown}"
        )


def _uncompiled(scratch: Path) -> dict[str, str]:
    """Variables that keep what is compiled while it is built out of the Bento."""
    return {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(scratch / "compiled")}


def _move(built: Bento, bento: Bento) -> None:
    bento.folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        built.folder.rename(bento.folder)
    except OSError as error:
        # Another process was first, with the same release; anything else is a fault.
        if not bento.folder.is_dir():
            raise IntegrityError(
                f"{bento.tag} cannot be moved into its store: {error}"
            ) from error
    sync_folder(bento.folder.parent)
    write_atomically(bento.folder.parent / "latest", bento.version.encode())
