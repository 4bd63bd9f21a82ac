"""Candidate folders, content-addressed, written whole or not at all.

`<models>/<digest>/` holds `model/`, `state/` and `arrangement.json`.
"""

import shutil
import tempfile
from pathlib import Path

from sluice.data.atomic import folder_atomically
from sluice.data.digest import folder_digest
from sluice.errors import IntegrityError, NotFound
from sluice.features.state.feature_state import FeatureState
from sluice.mechanisms.arrangement import BY_SCORE, Arrangement
from sluice.rankers import Ranker, save_ranker


def keep_candidate(
    models: Path, ranker: Ranker, state: FeatureState, arrangement: Arrangement = BY_SCORE
) -> str:
    """Save a ranker with the feature state and the mechanisms it goes with; returns the folder's digest."""
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".candidate.") as name:
        draft = Path(name)
        (draft / "model").mkdir()
        (draft / "state").mkdir()
        save_ranker(ranker, draft / "model")
        state.save(draft / "state")
        arrangement.save(draft)
        digest = folder_digest(draft)
        with folder_atomically(models / digest) as folder:
            shutil.copytree(draft, folder, dirs_exist_ok=True)
    return digest


def candidate_folder(models: Path, digest: str) -> Path:
    """Folder of a candidate whose bytes are still what its digest says.

    Raises:
        NotFound: there is none.
        IntegrityError: a byte changed since it was trained.
    """
    folder = models / digest
    if not folder.is_dir():
        raise NotFound(
            f"no candidate {digest[:12]} in {models}; run the retrain flow again"
        )
    if folder_digest(folder) != digest:
        raise IntegrityError(
            f"candidate {folder}: its bytes are not those that were trained"
        )
    return folder
