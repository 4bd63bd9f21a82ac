"""What every family that LightGBM fits lets a surface set, and LightGBM's own name for it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from sluice.errors import DataError
from sluice.rankers.boosted_trees import ScorerChoice
from sluice.rankers.parameters import Parameters

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class BoostingParameters(Parameters):
    """Of one boosted model; each stands for a LightGBM parameter in `lightgbm_settings`."""

    trees: int = Field(default=300, ge=1, le=20_000)
    leaves: int = Field(default=31, ge=2, le=4096)
    learning_rate: float = Field(default=0.05, gt=0, le=1, allow_inf_nan=False)
    min_rows_per_leaf: int = Field(default=20, ge=1)
    l2: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Penalty on leaf values."""
    feature_fraction: Share = 1.0
    """Of the columns, drawn anew for each tree."""
    bagging_fraction: Share = 1.0
    """Of the requests, or of the rows where each counts alone, drawn every `bagging_every` trees."""
    bagging_every: int = Field(default=1, ge=1)
    bins: int = Field(default=255, ge=2, le=65_535)
    quantised: bool = False
    """Gradients in a few bits: about 0.85 of the time, but LightGBM 4.7 gives up some fits so."""
    num_threads: int = Field(default=2, ge=1)
    scorer: ScorerChoice = "auto"
    """`auto`: the kernel where it gives LightGBM's bits, else LightGBM; `kernel`: refuse where it
    does not; `lightgbm`: never the kernel."""


def lightgbm_settings(parameters: BoostingParameters, seed: int) -> dict[str, Any]:
    """LightGBM's parameters; whatever it draws follows from `seed`."""
    bagged = parameters.bagging_fraction < 1
    return {
        "num_leaves": parameters.leaves,
        "learning_rate": parameters.learning_rate,
        "min_data_in_leaf": parameters.min_rows_per_leaf,
        "lambda_l2": parameters.l2,
        "feature_fraction": parameters.feature_fraction,
        "bagging_fraction": parameters.bagging_fraction,
        "bagging_freq": parameters.bagging_every if bagged else 0,
        "max_bin": parameters.bins,
        # Else the bins would depend on `min_rows_per_leaf`, and no other fit could use them.
        "feature_pre_filter": False,
        "use_quantized_grad": parameters.quantised,
        "quant_train_renew_leaf": parameters.quantised,
        "num_threads": parameters.num_threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def train(
    settings: Mapping[str, Any], data: "Dataset", parameters: BoostingParameters
) -> "Booster":
    """Fit the declared number of trees.

    Raises:
        DataError: LightGBM gave up; some settings do not go with its quantised gradients.
    """
    import lightgbm

    try:
        return lightgbm.train(dict(settings), data, num_boost_round=parameters.trees)
    except lightgbm.basic.LightGBMError as error:
        hint = "; set quantised = false" if parameters.quantised else ""
        raise DataError(f"LightGBM gave up the fit: {error}{hint}") from error


def positional(names: tuple[str, ...]) -> list[str]:
    """Names for LightGBM, which refuses JSON's special characters; ours have dots and brackets."""
    return [f"f{position}" for position in range(len(names))]
