"""Whether what is about to serve is still what was approved: the release's bytes, and its Bento's."""

from pathlib import Path

from sluice.errors import IntegrityError
from sluice.serving.bento import Bento, check_bento
from sluice.serving.custody import check_bytes


def ensure_intact(releases: Path, bentos: Path, surface: str, release: str) -> None:
    """Let a release pass whose every byte is as packaged, in its folder and in its Bento.

    Args:
        releases: folder of all releases.
        bentos: BentoML's home; a release that has no Bento there is judged by its folder alone.
        surface: whose release.
        release: its digest.

    Raises:
        NotFound: there is no such release folder.
        IntegrityError: a file is changed, missing or added, or the release is another surface's;
            names it.
    """
    manifest = check_bytes(releases / release, release)
    if manifest.provenance.surface != surface:
        raise IntegrityError(
            f"release {release[:12]} is of the surface {manifest.provenance.surface}, not of {surface}"
        )
    bento = Bento(bentos, surface, release)
    if bento.folder.exists():
        check_bento(bento)
