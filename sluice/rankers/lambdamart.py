"""Gradient-boosted trees on the lambdarank loss, fitted by LightGBM."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sluice.data.atomic import write_atomically
from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.features.frame import RankingFrame
from sluice.rankers.booster_text import check_booster_text
from sluice.rankers.checks import check_columns, learnable_requests
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.parameters import Parameters

if TYPE_CHECKING:
    from lightgbm import Booster

MODEL = "model.txt"
MAX_GRADE = 30
MAX_CANDIDATES = 10_000
"""LightGBM refuses a longer request, and aborts the fit."""
_PARALLEL_ROWS = 4096
"""Fewer rows are scored before a second thread has woken."""

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class LambdaMartParameters(Parameters):
    """What a surface may set; LightGBM's own name stands behind each in `_lightgbm`."""

    trees: int = Field(default=300, ge=1, le=20_000)
    leaves: int = Field(default=31, ge=2, le=4096)
    learning_rate: float = Field(default=0.05, gt=0, le=1, allow_inf_nan=False)
    min_rows_per_leaf: int = Field(default=20, ge=1)
    l2: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Penalty on leaf values."""
    feature_fraction: Share = 1.0
    """Of the columns, drawn anew for each tree."""
    bagging_fraction: Share = 1.0
    """Of the requests, drawn anew every `bagging_every` trees."""
    bagging_every: int = Field(default=1, ge=1)
    truncation: int = Field(default=30, ge=1)
    """Only pairs with a member among so many first ranks move a score."""
    bins: int = Field(default=255, ge=2, le=65_535)
    quantised: bool = False
    """Gradients in a few bits: about 0.7 of the time."""
    num_threads: int = Field(default=2, ge=1)


@dataclass(frozen=True)
class LambdaMart:
    """LambdaMART (Burges 2010): pairs of one request weigh what swapping them moves nDCG.

    The gain of a grade is 2^grade - 1, as in `sluice.metrics.ndcg`.
    """

    family: ClassVar[str] = "lambdamart"

    parameters: LambdaMartParameters
    names: tuple[str, ...] = ()
    booster: "Booster | None" = None
    """None before `fit`."""
    requests_dropped: int = 0
    """Requests left out of the fit, as those of one class carry no gradient."""

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(LambdaMartParameters.parse(cls.family, parameters))

    def fit(self, frame: RankingFrame, rng: np.random.Generator) -> Self:
        """A fitted copy; every seed of LightGBM follows from one draw of `rng`.

        Raises:
            TooLittleData: no request has both a positive and a negative.
            DataError: a label is no whole grade, or a request is longer than LightGBM takes.
        """
        import lightgbm

        learnable = learnable_requests(frame)
        sizes = np.diff(frame.offsets)
        _check_fit(frame.labels, sizes)
        rows = np.repeat(learnable, sizes)
        labels = frame.labels[rows]
        seed = int(rng.integers(2**31 - 1))
        settings = _lightgbm(self.parameters, seed, top_grade=int(labels.max()))
        data = lightgbm.Dataset(
            frame.features[rows],
            label=labels,
            group=sizes[learnable],
            feature_name=_positional(frame.names),
            params=settings,
        )
        booster = lightgbm.train(settings, data, num_boost_round=self.parameters.trees)
        dropped = int((~learnable).sum())
        return replace(self, names=frame.names, booster=booster, requests_dropped=dropped)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        check_columns(features, self.names)
        if len(features) == 0:  # some LightGBM versions abort on no rows
            return np.zeros(0)
        threads = self.parameters.num_threads if len(features) >= _PARALLEL_ROWS else 1
        scores = self._fitted.predict(features, raw_score=True, num_threads=threads)
        return np.asarray(scores, dtype=np.float64)

    def feature_gain(self) -> dict[str, float]:
        """Loss reduction by all splits on each feature, by name, in column order."""
        gains = self._fitted.feature_importance(importance_type="gain")
        return dict(zip(self.names, gains.tolist(), strict=True))

    def save(self, directory: Path) -> None:
        text = self._fitted.model_to_string(num_iteration=-1)
        write_atomically(directory / MODEL, text.encode())
        manifest = RankerManifest(
            family=self.family,
            parameters=self.parameters.model_dump(),
            names=self.names,
            counts={"requests_dropped": self.requests_dropped},
        )
        manifest.write(directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        import lightgbm

        manifest = RankerManifest.read(directory)
        path = directory / MODEL
        if not path.is_file():
            raise IntegrityError(f"{path} is missing: {directory} holds no whole ranker")
        content = path.read_bytes()
        check_booster_text(content, len(manifest.names), str(path))
        try:
            parameters = LambdaMartParameters.parse(cls.family, manifest.parameters)
            booster = lightgbm.Booster(model_str=content.decode())
        except (ConfigError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
            raise IntegrityError(f"{directory}: not a saved ranker: {error}") from error
        return cls(
            parameters, manifest.names, booster, manifest.counts.get("requests_dropped", 0)
        )

    @property
    def _fitted(self) -> "Booster":
        if self.booster is None:
            raise DataError("the ranker is not fitted: call fit() or load() first")
        return self.booster


def _positional(names: tuple[str, ...]) -> list[str]:
    # LightGBM refuses names with JSON's special characters, and ours have dots and brackets.
    return [f"f{position}" for position in range(len(names))]


def _check_fit(labels: NDArray[np.float64], sizes: NDArray[np.int64]) -> None:
    whole = (labels >= 0) & (labels <= MAX_GRADE) & (labels == np.floor(labels))
    if odd := int((~whole).sum()):
        raise DataError(
            f"{odd} of {len(labels)} labels are no whole grade from 0 to {MAX_GRADE}"
        )
    if (longest := int(sizes.max())) > MAX_CANDIDATES:
        raise DataError(
            f"a request has {longest} candidates, lambdamart takes {MAX_CANDIDATES}"
        )


def _lightgbm(
    parameters: LambdaMartParameters, seed: int, top_grade: int
) -> dict[str, Any]:
    return {
        "objective": "lambdarank",
        "label_gain": [2**grade - 1 for grade in range(top_grade + 1)],
        "lambdarank_truncation_level": parameters.truncation,
        "num_leaves": parameters.leaves,
        "learning_rate": parameters.learning_rate,
        "min_data_in_leaf": parameters.min_rows_per_leaf,
        "lambda_l2": parameters.l2,
        "feature_fraction": parameters.feature_fraction,
        "bagging_fraction": parameters.bagging_fraction,
        "bagging_freq": parameters.bagging_every if parameters.bagging_fraction < 1 else 0,
        "bagging_by_query": True,
        "max_bin": parameters.bins,
        "use_quantized_grad": parameters.quantised,
        "quant_train_renew_leaf": parameters.quantised,
        "num_threads": parameters.num_threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
