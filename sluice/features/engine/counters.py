"""What the feature kernel reads and writes beside its tables: people, event queues, item facts."""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sluice.features.declaration.layout import CODES, NEVER, UNKNOWN
from sluice.features.engine.alike_sums import Alike
from sluice.features.engine.hash_table import Memory
from sluice.features.engine.room import longer

LANES = 16
"""Candidates that the processor handles at once."""
RUN = 64
"""Events whose rows are looked up together."""
RING = 8
"""Clicks remembered per person, in order."""
EXPOSURE, CLICK = 0, 1
"""First two kinds of events of every declaration."""
GROUPS, BORN, VECTOR = range(3)
"""What is believed of an item: its provider and category, when it was published, its embedding."""
BELIEFS = 3


class People(NamedTuple):
    """The last clicks of every person, and how often a clicked item was followed by another."""

    ring: NDArray[np.int32]
    """[users, RING] last clicked items, a ring written at `clicked % RING`."""
    clicked: NDArray[np.int32]
    """[users] clicks so far."""
    clicked_at: NDArray[np.int64]
    """[users] µs of the last."""
    seen_at: NDArray[np.int64]
    """[users] µs of the last event told, counted or not; 0 where nothing is forgotten."""
    followed: NDArray[np.int32]
    """[items] clicks that were followed by another click of the same person."""
    followed_at: NDArray[np.int64]
    """[items] µs of the last."""


class Queue(NamedTuple):
    """Events of all kinds, kind after kind, each in the order in which they become known."""

    at: NDArray[np.int64]
    """[places] µs since when each event may be counted: its receipt plus the embargo."""
    codes: NDArray[np.int32]
    """[CODES, places] item, person, and, where a table of the kind asks for them, as they were when
    the event was counted, so that it leaves a window where it entered: the item's provider and
    category, and what the person had clicked last."""
    answers: NDArray[np.bool_]
    """[places] whether feedback answers a logged exposure; always true for exposures."""
    bounds: NDArray[np.int64]
    """[kinds + 1] where each kind's room begins, and the last ends."""
    first: NDArray[np.int64]
    """[kinds] where its events begin."""
    end: NDArray[np.int64]
    """[kinds] where they end."""
    applied: NDArray[np.int64]
    """[kinds] where the events begin that are not yet counted."""
    expired: NDArray[np.int64]
    """[kinds, W] where the events begin that are still inside each window."""


class Facts(NamedTuple):
    """What is said of items, in the order in which it begins to hold."""

    at: NDArray[np.int64]
    """[facts] µs since when the fact holds."""
    item: NDArray[np.int32]
    provider: NDArray[np.int32]
    category: NDArray[np.int32]
    born: NDArray[np.int64]
    """[facts] µs of publication, or NEVER where that is not known."""
    vector: NDArray[np.int32]
    """[facts] row of the embedding among the vectors, or UNKNOWN."""
    applied: NDArray[np.int64]
    """[1]."""


class Vectors(NamedTuple):
    """Supplied item embeddings."""

    values: NDArray[np.float32]
    """[room, dimensions]."""
    of_item: NDArray[np.int32]
    """[items] row, or UNKNOWN."""
    used: NDArray[np.int64]
    """[1] how many vectors there are."""


Part = TypeVar("Part", People, Queue, Facts, Vectors)


class Known(NamedTuple):
    """All that a state was told, counted or waiting."""

    memory: Memory
    people: People
    queue: Queue
    facts: Facts
    vectors: Vectors
    believed_at: NDArray[np.int64]
    """[items, BELIEFS] µs since when what is believed of an item holds, NEVER where nothing is."""
    alike: Alike


class Requests(NamedTuple):
    """Requests in time order, in codes."""

    ts: NDArray[np.int64]
    """[requests] µs."""
    offsets: NDArray[np.int64]
    """[requests + 1] row bounds."""
    users: NDArray[np.int32]
    """[requests]."""
    items: NDArray[np.int32]
    """[rows]."""


class Scratch(NamedTuple):
    """Room for one request's sums, so that none is allocated for each."""

    codes: NDArray[np.int32]
    """[CODES, candidates]."""
    rows: NDArray[np.int64]
    """[tables + 1, candidates] where each candidate's row begins; last the item's facts, which are
    kept where its counts are forgotten."""
    held: NDArray[np.int64]
    """[candidates] keys found where each look-up begins."""
    places: NDArray[np.int64]
    """[RUN] where the row of each event begins."""
    values: NDArray[np.float32]
    """[columns, candidates]."""
    weights: NDArray[np.float64]
    """[H] of an event within its day."""
    weighed: NDArray[np.int64]
    """[1] µs of the event that the weights are of."""
    mean: NDArray[np.float64]
    """[dimensions] of the vectors of a person's last clicked items."""
    liked: NDArray[np.float64]
    """[2, dimensions of persons' vectors] of a person's last clicked items, and of the last."""


def scratch_for(
    tables: int,
    columns: int,
    half_lives: int,
    candidates: int,
    dimensions: tuple[int, int] = (0, 0),
) -> Scratch:
    """Room for requests of at most that many candidates; `dimensions` of items' and persons' vectors."""
    return Scratch(
        codes=np.zeros((CODES, candidates), np.int32),
        rows=np.zeros((tables + 1, candidates), np.int64),
        held=np.zeros(candidates, np.int64),
        places=np.zeros(RUN, np.int64),
        values=np.zeros((columns, -(-candidates // LANES) * LANES), np.float32),
        weights=np.zeros(half_lives),
        weighed=np.full(1, NEVER, np.int64),
        mean=np.zeros(dimensions[0]),
        liked=np.zeros((2, dimensions[1])),
    )


def empty_people() -> People:
    return People(
        ring=np.zeros((0, RING), np.int32),
        clicked=np.zeros(0, np.int32),
        clicked_at=np.zeros(0, np.int64),
        seen_at=np.zeros(0, np.int64),
        followed=np.zeros(0, np.int32),
        followed_at=np.zeros(0, np.int64),
    )


def empty_facts() -> Facts:
    codes = np.zeros(0, np.int32)
    times = np.zeros(0, np.int64)
    return Facts(times, codes, codes, codes, times, codes, np.zeros(1, np.int64))


def empty_vectors() -> Vectors:
    return Vectors(
        np.zeros((0, 0), np.float32), np.zeros(0, np.int32), np.zeros(1, np.int64)
    )


def nothing_believed(items: int = 0) -> NDArray[np.int64]:
    """[items, BELIEFS] of items of which nothing was ever said."""
    return np.full((items, BELIEFS), NEVER, np.int64)


def merged_facts(old: Facts, new: Facts) -> Facts:
    """What is not yet believed of both, in the order in which it begins to hold."""
    waiting = int(old.applied[0])
    left: list[Any] = [column[waiting:] for column in old[:-1]]
    if len(new.at):
        pairs = [np.concatenate(columns) for columns in zip(left, new[:-1], strict=True)]
        order = np.argsort(pairs[0], kind="stable")
        left = [column[order] for column in pairs]
    return Facts(*left, applied=np.zeros(1, np.int64))


def copied_part(part: Part) -> Part:
    """The same columns elsewhere."""
    return part._replace(**{name: column.copy() for name, column in part._asdict().items()})


def with_people(people: People, items: int, users: int) -> People:
    """Room for that many items and users; what is remembered stays."""
    return People(
        ring=longer(people.ring, users, UNKNOWN),
        clicked=longer(people.clicked, users),
        clicked_at=longer(people.clicked_at, users),
        seen_at=longer(people.seen_at, users),
        followed=longer(people.followed, items),
        followed_at=longer(people.followed_at, items),
    )
