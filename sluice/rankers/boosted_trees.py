"""A fitted LightGBM model: scored, explained, saved as its text and loaded again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from sluice.data.atomic import write_atomically
from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.rankers.booster_text import check_booster_text
from sluice.rankers.tree_scorer import TreeScorer
from sluice.rankers.tree_text import UnscorableModel

if TYPE_CHECKING:
    from lightgbm import Booster

ScorerChoice = Literal["auto", "kernel", "lightgbm"]
_PARALLEL_ROWS = 4096
"""LightGBM scores fewer rows before a second thread has woken."""


@dataclass(frozen=True)
class BoostedTrees:
    """The model as LightGBM knows it, and the kernel that gives the same bits sooner."""

    booster: "Booster"
    scorer: TreeScorer | None
    """None where LightGBM itself scores."""
    why: str = ""
    """Why LightGBM itself scores; empty where the kernel does."""

    @classmethod
    def of(cls, booster: "Booster", choice: ScorerChoice) -> Self:
        """Decide who scores.

        Raises:
            UnscorableModel: the kernel is demanded, and does not give LightGBM's bits.
        """
        if choice == "lightgbm":
            return cls(booster, None, "the parameters say so")
        try:
            return cls(booster, TreeScorer.of(booster))
        except UnscorableModel as error:
            if choice == "kernel":
                raise
            return cls(booster, None, str(error))

    def score(self, features: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
        """Raw scores, [rows]; `threads` at most, where LightGBM scores many rows."""
        if len(features) == 0:  # some LightGBM versions abort on no rows
            return np.zeros(0)
        if self.scorer is not None:
            return self.scorer.score(features)
        threads = threads if len(features) >= _PARALLEL_ROWS else 1
        scores = self.booster.predict(features, raw_score=True, num_threads=threads)
        return np.asarray(scores, dtype=np.float64)

    def contributions(
        self, features: NDArray[np.float32], threads: int
    ) -> NDArray[np.float64]:
        """SHAP values, [rows, features + 1]: what each feature adds, and last what all rows have.

        They sum to the raw score (TreeSHAP, Lundberg et al. 2018; LightGBM's `pred_contrib`).
        """
        if len(features) == 0:
            return np.zeros((0, features.shape[1] + 1))
        contributions = self.booster.predict(
            features, pred_contrib=True, num_threads=threads
        )
        return np.asarray(contributions, dtype=np.float64)

    def gain(self, names: tuple[str, ...]) -> dict[str, float]:
        """Loss reduction by all splits on each feature, by name, in column order."""
        gains = self.booster.feature_importance(importance_type="gain")
        return dict(zip(names, gains.tolist(), strict=True))

    def save(self, path: Path) -> None:
        text = self.booster.model_to_string(num_iteration=-1)
        write_atomically(path, text.encode())

    @classmethod
    def load(cls, files: Files, name: str, columns: int, choice: ScorerChoice) -> Self:
        """Read what `save` wrote.

        Raises:
            IntegrityError: it is missing, is no such model, or has another number of columns.
            UnscorableModel: see `of`.
        """
        import lightgbm

        content, path = files.read(name), files.path(name)
        check_booster_text(content, columns, path)
        try:
            booster = lightgbm.Booster(model_str=content.decode())
        except (UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
            raise IntegrityError(f"{path}: not a saved ranker: {error}") from error
        return cls.of(booster, choice)
