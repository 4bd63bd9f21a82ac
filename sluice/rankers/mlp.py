"""A small network over quantile inputs, fitted on the listwise loss in NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sluice.data.files import Files
from sluice.data.schema import FeedbackKind
from sluice.errors import ConfigError, DataError, IntegrityError
from sluice.features.state.frame import RankingFrame
from sluice.rankers.bins import Bins
from sluice.rankers.checks import check_columns, learnable_requests
from sluice.rankers.deep_shap import deep_shap
from sluice.rankers.listwise import Lists
from sluice.rankers.manifest import RankerManifest
from sluice.rankers.mlp_file import read_networks, write_networks
from sluice.rankers.network import Network, Settings, trained
from sluice.rankers.parameters import Parameters
from sluice.rankers.quantiles import Quantiles

_Units = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
_Dropout = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class MlpParameters(Parameters):
    """What a surface may set."""

    hidden: Annotated[tuple[_Units, _Units], Field(strict=False)] = (128, 64)
    """Units of both hidden layers, in eights."""
    seeds: int = Field(default=1, ge=1, le=16)
    """Networks whose outputs are averaged; each costs a fit and, of 100 candidates, 0.12 ms more."""
    epochs: int = Field(default=14, ge=1, le=1000)
    """At most; see `held_out`."""
    batch: int = Field(default=128, ge=1)
    """Requests a step."""
    learning_rate: float = Field(default=3e-3, gt=0, le=1, allow_inf_nan=False)
    weight_decay: float = Field(default=1e-3, ge=0, allow_inf_nan=False)
    dropout: Annotated[tuple[_Dropout, _Dropout], Field(strict=False)] = (0.2, 0.1)
    held_out: float = Field(default=0.15, ge=0, lt=1, allow_inf_nan=False)
    """Share of the requests, the last ones, by whose loss the number of epochs is chosen; all are
    fitted then. 0: as many as declared."""
    patience: int = Field(default=4, ge=1)
    """Epochs without a smaller loss after which no later one is tried."""

    def settings(self, epochs: int) -> Settings:
        return Settings(
            self.hidden,
            epochs,
            self.batch,
            self.learning_rate,
            self.weight_decay,
            self.dropout,
        )


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves."""

    tables: Quantiles
    networks: tuple[Network, ...]

    @cached_property
    def packed(self) -> tuple[NDArray[np.float32], ...]:
        """Weights as the kernel wants them, [networks, in, out] and [networks, out]."""
        first_w, first_b, second_w, second_b, last_w, last_b = (
            np.stack([network.weights[nth] for network in self.networks])
            for nth in range(6)
        )
        return (
            first_w, first_b, second_w, second_b,
            np.ascontiguousarray(last_w[:, :, 0]), np.ascontiguousarray(last_b[:, 0]),
        )  # fmt: skip

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        from sluice.rankers.mlp_kernel import score_rows

        tables = self.tables
        return score_rows(
            np.ascontiguousarray(features, np.float32), tables.open_ended, tables.values,
            tables.many, tables.flagged, *self.packed,
        )  # fmt: skip


@dataclass(frozen=True)
class Mlp:
    """Mean logit of some networks of two rectified layers; the loss is ListNet's (Cao et al. 2007).

    A fit runs on one thread, so that its bytes do not hang on the number of cores.
    """

    family: ClassVar[str] = "mlp"
    setwise: ClassVar[bool] = False

    parameters: MlpParameters
    names: tuple[str, ...] = ()
    fitted: Fitted | None = None
    """None before `fit`."""
    requests_dropped: int = 0
    """Requests left out of the fit, as those of one class carry no gradient."""
    epochs: int = 0
    """That the held-out requests chose."""

    @classmethod
    def make(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(MlpParameters.parse(cls.family, parameters))

    @property
    def kinds(self) -> tuple[FeedbackKind, ...]:
        return ()

    def fit(
        self, frame: RankingFrame, rng: np.random.Generator, bins: Bins | None = None
    ) -> Self:
        """A fitted copy; each network draws from a child of `rng`.

        Raises:
            TooLittleData: no request has both a positive and a negative.
        """
        from threadpoolctl import threadpool_limits

        del bins
        learnable = learnable_requests(frame)
        sizes = np.diff(frame.offsets)
        rows = np.repeat(learnable, sizes)
        tables = Quantiles.fit(frame.features)
        inputs = tables.inputs(frame.features[rows])
        lists = Lists.of(frame.labels[rows], sizes[learnable])
        chooser, *seeds = rng.spawn(1 + self.parameters.seeds)
        with threadpool_limits(1):
            epochs = _epochs(inputs, lists, self.parameters, chooser)
            settings = self.parameters.settings(epochs)
            networks = [_last(inputs, lists, settings, seed) for seed in seeds]
        return replace(
            self,
            names=frame.names,
            fitted=Fitted(tables, tuple(networks)),
            requests_dropped=int((~learnable).sum()),
            epochs=epochs,
        )

    def score(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Mean logits, [rows]; whatever stands beside a row changes nothing."""
        del offsets
        check_columns(features, self.names)
        return self._fitted.score(features)

    def contributions(
        self, features: NDArray[np.float32], offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """DeepSHAP values, [rows, features + 1]; last the score of a row at every median.

        They are computed in float64 and the score in float32: the difference, a rounding, is
        counted with the weightiest.
        """
        scores = self.score(features, offsets)
        fitted = self._fitted
        inputs = fitted.tables.inputs(features)
        explained = [deep_shap(network, inputs) for network in fitted.networks]
        shares = np.mean([shares for shares, _ in explained], axis=0)
        terms = fitted.tables.by_feature(shares)
        base = float(np.mean([base for _, base in explained]))
        weightiest = np.abs(terms).argmax(axis=1)
        terms[np.arange(len(terms)), weightiest] += scores - base - terms.sum(axis=1)
        return np.column_stack([terms, np.full(len(terms), base)])

    def save(self, directory: Path) -> None:
        write_networks(directory, self._fitted.tables, self._fitted.networks)
        manifest = RankerManifest(
            family=self.family,
            parameters=self.parameters.model_dump(mode="json"),
            names=self.names,
            counts={"requests_dropped": self.requests_dropped, "epochs": self.epochs},
        )
        manifest.write(directory)

    @classmethod
    def load(cls, files: Files) -> Self:
        manifest = RankerManifest.read(files)
        try:
            parameters = MlpParameters.parse(cls.family, manifest.parameters)
        except ConfigError as error:
            raise IntegrityError(f"{files.source}: not a saved ranker: {error}") from error
        tables, networks = read_networks(
            files, len(manifest.names), parameters.hidden, parameters.seeds
        )
        counts = manifest.counts
        return cls(
            parameters,
            manifest.names,
            Fitted(tables, networks),
            counts.get("requests_dropped", 0),
            counts.get("epochs", 0),
        )

    @property
    def _fitted(self) -> Fitted:
        if self.fitted is None:
            raise DataError("the ranker is not fitted: call fit() or load() first")
        return self.fitted


def _last(
    inputs: NDArray[np.float32], lists: Lists, settings: Settings, rng: np.random.Generator
) -> Network:
    *_, network = trained(inputs, lists, settings, rng)
    return network


def _epochs(
    inputs: NDArray[np.float32],
    lists: Lists,
    parameters: MlpParameters,
    rng: np.random.Generator,
) -> int:
    """After how many epochs on the earlier requests the later ones are foretold best."""
    requests = len(lists.sizes)
    cut = requests - round(parameters.held_out * requests)
    if not 0 < cut < requests:
        return parameters.epochs
    rows, earlier = lists.take(np.arange(cut))
    later_rows, later = lists.take(np.arange(cut, requests))
    losses: list[float] = []
    for network in trained(
        inputs[rows], earlier, parameters.settings(parameters.epochs), rng
    ):
        losses.append(later.loss(network.scores(inputs[later_rows])))
        if _is_over(losses, parameters.patience):
            break
    return int(np.argmin(losses)) + 1


def _is_over(losses: Sequence[float], patience: int) -> bool:
    return len(losses) - 1 - int(np.argmin(losses)) >= patience
