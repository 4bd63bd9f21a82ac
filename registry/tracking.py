"""What MLflow is told of a candidate, as plain values in the forms that MLflow can hold."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluice.data.digest import json_digest
from sluice.gates.judgement import finite
from sluice.rankers import load_ranker
from sluice.rankers.lambdamart import LambdaMart
from sluice.registry.evidence import Evidence

if TYPE_CHECKING:
    from lightgbm import Booster

RUN = "sluice.run"
VERSION = "sluice.version"
RELEASE = "sluice.release"
EPOCH = "sluice.epoch"
CONTENT = "sluice.content"
"""Tag with the digest of all that was mirrored, written last."""


@dataclass(frozen=True)
class TrackedCandidate:
    """One candidate as it is mirrored."""

    evidence: Evidence
    run: str
    """Idempotency key of the version: one run and one model version stand for it."""
    declaration: Mapping[str, Any]
    """What the surface declares; becomes the run's parameters."""
    ranker: Path
    """Folder that `save_ranker` wrote."""
    page: str
    """The evidence page, HTML."""
    plots: Mapping[str, bytes]
    """PNG bytes by name."""

    @property
    def content(self) -> str:
        """Digest of what is mirrored: the same content need not be written twice."""
        return json_digest(
            [
                self.run,
                parameters(self.declaration),
                metrics(self.evidence),
                tags(self),
                self.page,
            ]
        )


def parameters(declaration: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """The declaration flattened to dotted keys; lists stand as JSON."""
    flat: dict[str, str] = {}
    for key, value in declaration.items():
        if isinstance(value, Mapping):
            flat.update(parameters(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def metrics(evidence: Evidence) -> dict[str, float]:
    """Means as `candidate/ndcg_at_10`, differences as `minus_champion/ndcg_at_10` and bounds."""
    return {
        key: number
        for key, value in _metrics(evidence)
        if (number := finite(value)) is not None
    }


def _metrics(evidence: Evidence) -> Iterator[tuple[str, float]]:
    for who, values in evidence.metrics.items():
        for name, value in values.items():
            yield f"{who}/{metric_name(name)}", value
    for kind, rows in evidence.comparisons.items():
        for row in rows:
            key = f"minus_{kind}/{metric_name(row.metric)}"
            yield from (
                (key, row.difference),
                (f"{key}_low", row.low),
                (f"{key}_high", row.high),
            )


def metric_name(name: str) -> str:
    """MLflow refuses the sign @, so ndcg@10 is ndcg_at_10 there."""
    return name.replace("@", "_at_")


def tags(candidate: TrackedCandidate) -> dict[str, str]:
    """What identifies the candidate, the same on run, logged model and model version."""
    evidence = candidate.evidence
    tagged = {
        RUN: candidate.run,
        VERSION: str(evidence.version),
        "sluice.surface": evidence.surface,
        "sluice.author": evidence.author,
        "sluice.family": evidence.family,
        "sluice.snapshot": evidence.snapshot,
        "sluice.code": evidence.code,
        "sluice.spec": evidence.spec,
        "sluice.model": evidence.model,
        "sluice.outcome": str(evidence.outcome),
    }
    return tagged if evidence.release is None else {**tagged, RELEASE: evidence.release}


def write_model(ranker: Path, into: Path) -> None:
    """Lay out an MLflow model: the ranker's own files, and a LightGBM flavour where it has one.

    So `mlflow.lightgbm.load_model` works on a lambdamart version, and a family that MLflow knows
    nothing of is kept all the same. Every file is text, JSON or plain NumPy; none is a pickle.

    Raises:
        IntegrityError: the folder does not hold a ranker that `save_ranker` wrote.
    """
    loaded = load_ranker(ranker)
    if isinstance(loaded, LambdaMart) and loaded.booster is not None:
        _write_booster(loaded.booster, into)
    shutil.copytree(ranker, into / "ranker")


def _write_booster(booster: "Booster", into: Path) -> None:
    import lightgbm
    import numpy as np
    from mlflow.lightgbm import save_model
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    rows = TensorSpec(np.dtype("float32"), (-1, booster.num_feature()))
    scores = TensorSpec(np.dtype("float64"), (-1,))
    save_model(
        booster,
        str(into),
        signature=ModelSignature(Schema([rows]), Schema([scores])),
        # Without this MLflow infers them by loading the model in another process, for 20 s.
        pip_requirements=[f"lightgbm=={lightgbm.__version__}"],
    )
