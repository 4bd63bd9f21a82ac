"""A plain Python reading of what every counter means: lists of events, no state, no arrays."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sluice.data.durations import microseconds
from sluice.data.tables import LogTables
from sluice.features.declaration.spec import FeatureSpec
from tests.lib.random_logs import micros


@dataclass
class Event:
    at: int
    rank: int
    kind: str
    user: str
    item: str
    answers: bool
    provider: str | None = None
    category: str | None = None
    previous: str | None = None

    @property
    def keys(self) -> dict[str, tuple | None]:
        return keys(self.user, self.item, self.provider, self.category, self.previous)


def keys(user, item, provider, category, previous) -> dict[str, tuple | None]:
    """What each kind of key is for an event or a candidate; None where a part is not known."""
    made = {
        "item": (item,), "provider": (provider,), "category": (category,), "user": (user,),
        "surface": ("all",), "user_item": (user, item), "user_provider": (user, provider),
        "user_category": (user, category), "previous_item": (previous, item),
    }  # fmt: skip
    return {name: None if None in key else key for name, key in made.items()}


class Oracle:
    """Everything a log tells, in the order in which it becomes known."""

    def __init__(self, tables: LogTables, spec: FeatureSpec) -> None:
        embargo = microseconds(spec.embargo)
        self.horizon = microseconds(spec.horizon) if spec.horizon else None
        self.item_horizon = microseconds(spec.item_horizon) if spec.item_horizon else None
        self.counted = {"exposure", "click", *(each.event for each in spec.counters)}
        self.facts = [
            (micros(row["valid_from"]) + embargo, row["item_id"], row)
            for row in tables.items.sort("valid_from", "item_id").iter_rows(named=True)
        ]
        shown = [
            Event(micros(ts) + embargo, 0, "exposure", user, item, answers=True)
            for ts, user, item in tables.exposures.select(
                "ts", "user_id", "item_id"
            ).iter_rows()
        ]
        ranks = {"click": 1, "hide": 2, "like": 3}
        told = [
            Event(
                max(micros(row["ts"]), micros(row["received_ts"])) + embargo, ranks[row["kind"]],
                row["kind"], row["user_id"], row["item_id"],
                answers=row["request_id"] is not None,
            )
            for row in tables.feedback.iter_rows(named=True)
        ]  # fmt: skip
        self.events = sorted(
            shown + told,
            key=lambda event: (
                (event.at, event.rank, event.user, event.item)
                if event.rank == 1
                else (event.at, event.rank, "", "")
            ),
        )
        for nth, event in enumerate(self.events):
            event.provider = self.fact(event.item, "provider_id", event.at + 1)
            event.category = self.fact(event.item, "category", event.at + 1)
            clicks = [
                other.item
                for other in self.events[:nth]
                if other.kind == "click" and other.user == event.user
            ]
            event.previous = clicks[-1] if clicks else None

    def fact(self, item: str, name: str, ts: int):
        """What is believed of an item just before `ts`."""
        told = self.said(item, ts)
        return told[-1][name] if told else None

    def said(self, item: str, ts: int) -> list[dict]:
        """What was said of an item before `ts` and since it was last forgotten, if it is not."""
        facts = [(at, row) for at, what, row in self.facts if what == item and at < ts]
        if self.item_horizon is None:
            return [row for _, row in facts]
        heard = sorted([
            *(at for at, _ in facts),
            *(
                event.at for event in self.events
                if event.item == item and event.at < ts and event.kind in self.counted
            ),
        ])  # fmt: skip
        since = heard[:1]
        for before, after in pairwise([*heard, ts]):
            if after - before > self.item_horizon:
                since = [after]
        return [row for at, row in facts if at >= since[0]]

    def vector(self, item: str, ts: int):
        told = [
            row["embedding"] for row in self.said(item, ts) if row["embedding"] is not None
        ]
        return np.array(told[-1]) if told else None

    def clicks(self, user: str, ts: int) -> list[str]:
        """A person's clicks, newest last."""
        return [
            e.item
            for e in self.events
            if e.kind == "click" and e.user == user and e.at < ts
        ]

    def matching(self, key: str, kind: str, ts: int, user: str, item: str) -> list[int]:
        """Times of the events that count for a candidate."""
        clicks = self.clicks(user, ts)
        wanted = keys(
            user, item, self.fact(item, "provider_id", ts), self.fact(item, "category", ts),
            clicks[-1] if clicks else None,
        )[key]  # fmt: skip
        strict = "user" not in key and key != "previous_item"
        return [
            event.at for event in self.events
            if wanted is not None and event.at < ts and event.kind == kind
            and event.keys[key] == wanted and (event.answers or not strict)
        ]  # fmt: skip

    def count(self, key: str, kind: str, span: str, asked: tuple[int, str, str]) -> float:
        ts, user, item = asked
        times = self.matching(key, kind, ts, user, item)
        if span == "all":
            return len(times)
        if span == "since":
            return (ts - times[-1]) / 1e6 if times else np.nan
        if span.startswith("decay_"):
            half_life = microseconds(span.removeprefix("decay_"))
            return sum(0.5 ** ((ts - at) / half_life) for at in times)
        return sum(at >= ts - microseconds(span) for at in times)

    def rate(self, key: str, kind: str, span: str, asked, weight: float) -> float:
        shown = self.count("surface", "exposure", "all", asked)
        prior = self.count("surface", kind, "all", asked) / shown if shown else 0.0
        events, exposures = (
            self.count(key, each, span, asked) for each in (kind, "exposure")
        )
        return (events + weight * prior) / (exposures + weight)

    def similarity(self, last: int, asked: tuple[int, str, str]) -> float:
        ts, user, item = asked
        vectors = [self.vector(name, ts) for name in self.clicks(user, ts)[-last:]]
        known = [vector for vector in vectors if vector is not None]
        own = self.vector(item, ts)
        if own is None or not known:
            return np.nan
        mean = np.mean(known, axis=0)
        norm = np.linalg.norm(mean) * np.linalg.norm(own)
        return float(own @ mean / norm) if norm > 0 else np.nan
