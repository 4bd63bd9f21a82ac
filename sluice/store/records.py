"""What the metadata store remembers, as frozen values; `sluice.store` ports keep them.

Every record names its `key` fields. A record is written once: the same key with the same content
is a no-op (so a rerun changes nothing), with other content a `Conflict`. Fields in `incidental`
(when, how long) do not count as content. Only `Position`, `Champion` and `Canary` change, and only
through a `Transition`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sluice.data.digest import json_digest
from sluice.store.canary import CanaryMove
from sluice.store.record import Outcome, Record, State


@dataclass(frozen=True)
class SnapshotRecord(Record):
    """An immutable window of the event log."""

    key: ClassVar = ("surface", "digest")
    incidental: ClassVar = ("created_at",)
    digest: str
    surface: str
    start: datetime
    end: datetime
    exposures: int
    feedback: int
    items: int
    created_at: datetime


@dataclass(frozen=True)
class Step(Record):
    """One finished step of a flow: the memory that makes a rerun a no-op."""

    key: ClassVar = ("key_digest",)
    incidental: ClassVar = ("seconds", "finished_at")
    key_digest: str
    """SHA-256 over flow, step, surface, snapshot and all that the step's result depends on."""
    flow: str
    step: str
    surface: str
    snapshot: str
    outcome: dict[str, Any]
    """JSON: digests and figures the next step reads."""
    seconds: float
    finished_at: datetime


@dataclass(frozen=True)
class Document(Record):
    """A content-addressed JSON document: evidence of a gate, a comparison, a drift report."""

    key: ClassVar = ("digest",)
    incidental: ClassVar = ("kind", "created_at")
    digest: str
    """SHA-256 over the canonical JSON of `body`; a store refuses any other."""
    kind: str
    """What it was first written as: equal bodies are one document."""
    body: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, kind: str, body: dict[str, Any], at: datetime) -> "Document":
        """The document that holds `body`, under its digest."""
        return cls(json_digest(body), kind, body, at)


@dataclass(frozen=True)
class Validation(Record):
    """Verdict of the data checks over one snapshot."""

    key: ClassVar = ("surface", "snapshot", "spec", "suite")
    incidental: ClassVar = ("created_at",)
    surface: str
    snapshot: str
    spec: str
    """Digest of the declared floors it was checked against."""
    suite: str
    outcome: Outcome
    checks: int
    failing: tuple[str, ...]
    """Names of the failing checks, never a raw value."""
    evidence: str
    """Digest of the `Document` with all results."""
    created_at: datetime


@dataclass(frozen=True)
class Draft:
    """A trained candidate before the store has numbered it; `Version` says what the fields mean."""

    surface: str
    run: str
    model: str
    snapshot: str
    spec: str
    code: str
    family: str
    author: str


@dataclass(frozen=True)
class Version(Record):
    """A trained candidate. `number` is given by the store, one up per surface."""

    key: ClassVar = ("surface", "number")
    incidental: ClassVar = ("author", "created_at")
    """Who reruns a registered run does not become its author."""
    surface: str
    number: int
    run: str
    """Idempotency key: digest of (surface, snapshot, code, spec). Unique within a surface."""
    model: str
    """Digest of the model's files."""
    snapshot: str
    spec: str
    code: str
    family: str
    author: str
    created_at: datetime


@dataclass(frozen=True)
class Verdict(Record):
    """What one gate said of one version."""

    key: ClassVar = ("surface", "version", "gate")
    incidental: ClassVar = ("created_at",)
    surface: str
    version: int
    gate: str
    outcome: Outcome
    reason: str
    """One sentence for a person."""
    evidence: str
    """Digest of the `Document`."""
    created_at: datetime


@dataclass(frozen=True)
class Release(Record):
    """A packaged version: what serves, named by the digest of its bytes."""

    key: ClassVar = ("surface", "digest")
    incidental: ClassVar = ("created_at",)
    surface: str
    digest: str
    version: int
    created_at: datetime


@dataclass(frozen=True)
class Position(Record):
    """A version's current state. Changes only through a `Transition`."""

    key: ClassVar = ("surface", "version")
    incidental: ClassVar = ()
    surface: str
    version: int
    state: State
    release: str | None


@dataclass(frozen=True)
class Champion(Record):
    """Who serves a surface, since which epoch, and who was the last good one before."""

    key: ClassVar = ("surface",)
    incidental: ClassVar = ()
    surface: str
    version: int
    release: str
    epoch: int
    last_good_version: int | None
    last_good_release: str | None


@dataclass(frozen=True)
class LedgerRow(Record):
    """One link of the hash chain: who did what, why, on which evidence."""

    key: ClassVar = ("sequence",)
    incidental: ClassVar = ()
    sequence: int
    """1 upward, no gaps, one chain per store."""
    surface: str
    version: int
    action: str
    """register, gate, waive, package, submit, approve, reject, promote, confirm, rollback, revert;
    canary, canary_stop, withdraw."""
    actor: str
    role: str
    reason: str
    before: str | None
    """State before, null at registration."""
    after: str
    evidence: tuple[str, ...]
    """Digests of what the actor relied on; for approve and promote the release comes first."""
    epoch: int | None
    """Of the champion pointer, where this row moved it."""
    idempotency_key: str
    request: str
    """Digest of what was asked, without when: tells a retry from another request with this key."""
    at: datetime
    previous_hash: str
    hash: str
    """SHA-256 over the canonical JSON of all other fields, without those that are None below."""
    ran_by: str | None = None
    """Who ran it, as operating system or database know the person; None in a row of before that
    was noted."""
    signature: str | None = None
    """Of a person's decision: the bundle that `sluice.registry.review_signature` makes and checks."""
    covers: dict[str, str] | None = field(default=None, hash=False)
    """Digest of every record that it relied on or left, by name; see `sluice.store.cover`. None in
    a row of before there were any."""


@dataclass(frozen=True)
class OutboxRow(Record):
    """A move of champion or canary that mirrors have yet to hear of; written in its transaction."""

    key: ClassVar = ("sequence",)
    incidental: ClassVar = ()
    sequence: int
    """Of the ledger row that caused it."""
    surface: str
    version: int
    release: str
    epoch: int
    """Of the pointer that moved: champion's and canary's are counted apart."""
    delivered: bool = False
    share: float | None = None
    """Of the canary, 0 where it ended; None for a move of the champion."""


@dataclass(frozen=True)
class MetricPoint(Record):
    """One monitored number over one window."""

    key: ClassVar = ("surface", "release", "monitor", "name", "start", "end")
    incidental: ClassVar = ("created_at",)
    surface: str
    release: str
    monitor: str
    """E.g. feature_drift, score_drift."""
    name: str
    """E.g. psi[item.click.24h]."""
    start: datetime
    end: datetime
    value: float | None
    """None where there was too little data: unknown, never 'no drift'."""
    outcome: Outcome
    n: int
    created_at: datetime


@dataclass(frozen=True)
class PointerMove:
    """Compare-and-set of the champion pointer inside a transition."""

    expected_epoch: int
    """0 where the surface has no champion yet."""
    version: int
    release: str
    last_good_version: int | None
    last_good_release: str | None


@dataclass(frozen=True)
class Transition:
    """One move of the promotion machine: everything in it commits together or not at all."""

    surface: str
    version: int
    action: str
    expected: State
    """State the version must be in."""
    after: State
    actor: str
    role: str
    reason: str
    idempotency_key: str
    at: datetime
    evidence: tuple[str, ...] = ()
    release: str | None = None
    pointer: PointerMove | None = None
    canary: CanaryMove | None = None
    """Never beside `pointer`: one transition has one outbox row."""
    also: tuple[tuple[int, State, State], ...] = field(default=())
    """Other versions moved with it: (version, expected, after), e.g. the retiring champion."""
    signature: str | None = None
    """Of a person's decision."""
