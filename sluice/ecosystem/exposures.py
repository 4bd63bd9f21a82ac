"""The exposures of a surface over a window, as numbers: what every measure reads."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sluice.data.schema import FeedbackKind
from sluice.ecosystem.catalogue import NEVER, UNKNOWN, Catalogue
from sluice.ecosystem.concentration import Concentration, Exposed, concentration
from sluice.ecosystem.settings import Stated
from sluice.metrics.clusters import numbered

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Codes = NDArray[np.int64]
Values = NDArray[np.float64]
TOP_PROVIDERS = 10
TOP_ITEMS = 0.1
"""Share of the catalogue whose exposure is the top share."""


@dataclass(frozen=True)
class Answers:
    """What people did about these requests, a row an event."""

    request: Codes
    item: Codes
    kind: Codes
    """Place in `KINDS`."""
    value: Values


KINDS = tuple(FeedbackKind)


@dataclass(frozen=True)
class Exposures:
    """Rows by time, those of a request together in the order in which they were shown."""

    catalogue: Catalogue
    start: int
    """µs since 1970."""
    end: int
    item: Codes
    """[rows]; of the catalogue."""
    request: Codes
    """[rows]; 0 .. requests - 1, rising."""
    weight: Values
    """[rows]; 1 / log2(slot + 1), or 1 where the log has no slots."""
    popularity: Values
    """[rows]; share of the surface's earlier exposures that showed this item, smoothed by 1 an item."""
    person: Codes
    """[requests]; row of `interests`."""
    moment: Codes
    """[requests]; µs since 1970."""
    answers: Answers
    answered: frozenset[FeedbackKind]
    """Kinds of feedback that the log has at all; of the others nothing can be said."""
    interests: Values
    """[people, categories]; clicks before the window, on any surface."""
    stated: Stated

    @property
    def requests(self) -> int:
        return len(self.person)

    @cached_property
    def _numbered(self) -> tuple[int, Codes]:
        return numbered(self.person)

    @property
    def people(self) -> int:
        """How many different ones."""
        return self._numbered[0]

    @property
    def who(self) -> Codes:
        """Number of each request's person among these, by first appearance, [requests]."""
        return self._numbered[1]

    @cached_property
    def viewer(self) -> Codes:
        """The same of each row, [rows]."""
        return self.who[self.request]

    @cached_property
    def impressions(self) -> Codes:
        """How often each item was shown, [items]."""
        return np.bincount(self.item, minlength=len(self.catalogue))

    @cached_property
    def age(self) -> Values:
        """µs since publishing, NaN where that is unknown or lies ahead, [rows]."""
        published = self.catalogue.published[self.item]
        passed = (self.moment[self.request] - np.maximum(published, 0)).astype(np.float64)
        return np.where((published != NEVER) & (passed >= 0), passed, np.nan)

    @cached_property
    def exposed(self) -> Exposed:
        """Exposure of each item, here and with resampled people."""
        return Exposed.of(
            self.viewer, self.item, self.weight, len(self.catalogue), self.draws
        )

    @cached_property
    def owner(self) -> "csr_matrix":
        """1 where an item is a provider's, [providers, items]."""
        from scipy.sparse import csr_matrix

        provider = self.catalogue.provider
        owned = np.flatnonzero(provider != UNKNOWN)
        shape = (self.catalogue.providers, len(provider))
        return csr_matrix((np.ones(len(owned)), (provider[owned], owned)), shape=shape)

    @cached_property
    def over_items(self) -> Concentration:
        """How unequally the catalogue's items are exposed; the top are a tenth of them."""
        items = len(self.catalogue)
        top = max(int(items * TOP_ITEMS), 1)
        return concentration(self.exposed, len(self.item) / items, top)

    @cached_property
    def over_providers(self) -> Concentration | None:
        """How unequally providers are exposed; None where no shown item has one."""
        owned = int((self.catalogue.provider[self.item] != UNKNOWN).sum())
        if not owned:
            return None
        per_provider = owned / self.catalogue.providers
        return concentration(self.exposed.summed(self.owner), per_provider, TOP_PROVIDERS)

    @cached_property
    def by_age(self) -> Codes:
        """Rows of known age, the youngest first, [some rows]."""
        dated = np.flatnonzero(np.isfinite(self.age))
        return dated[np.argsort(self.age[dated])]

    @cached_property
    def draws(self) -> NDArray[np.float32]:
        """How often each person is in each resample, [people, resamples]."""
        rng = np.random.default_rng(20_260_133)
        shape = (self.stated.resamples, self.people)
        drawn = rng.integers(self.people, size=shape)
        counts = np.zeros(shape, np.float32)
        for row, people in zip(counts, drawn, strict=True):
            row[:] = np.bincount(people, minlength=self.people)
        return np.ascontiguousarray(counts.T)

    def of(self, *kinds: FeedbackKind) -> Answers:
        """Answers of some kinds."""
        places = [KINDS.index(kind) for kind in kinds]
        return _answers_where(self.answers, np.isin(self.answers.kind, places))

    def where(self, kept: NDArray[np.bool_]) -> "Exposures":
        """Some of the requests, [requests], with what they showed and what came of it."""
        number = np.cumsum(kept) - 1
        rows, answers = kept[self.request], self.answers
        answers = _answers_where(answers, kept[answers.request])
        return replace(
            self,
            item=self.item[rows],
            request=number[self.request[rows]],
            weight=self.weight[rows],
            popularity=self.popularity[rows],
            person=self.person[kept],
            moment=self.moment[kept],
            answers=replace(answers, request=number[answers.request]),
        )


def _answers_where(answers: Answers, kept: NDArray[np.bool_]) -> Answers:
    return Answers(
        answers.request[kept], answers.item[kept], answers.kind[kept], answers.value[kept]
    )
