"""G9: everything that can be done to a home behind Sluice's back, and what an audit has to say of it.

Who does it can write the database and every file, knows how rows are hashed and what they vouch for,
and has every key but the one that signs.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from sluice.cli.audit_seen import look
from sluice.registry import coverage as coverages
from sluice.registry import heads_audit, promotion
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.coverage import Coverage
from sluice.registry.heads import export_head
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import PointerReceiver
from sluice.registry.relay import relay
from sluice.serving import release_audit
from sluice.serving.bento import Bento
from sluice.serving.release_audit import ReleaseAudit
from sluice.settings import Settings, load_settings
from sluice.store import open_store
from sluice.store.cover import covers_of
from sluice.store.ledger import seal
from sluice.store.records import LedgerRow, Outcome, Position, State
from sluice.store.sql import SqlStore
from tests.lib import damaged_code, damaged_releases, promotions
from tests.lib.copied_home import copied
from tests.lib.releases import small_release
from tests.lib.stores import T0

SURFACE = "for_you"
SERVES, SERVED, BLOCKED, WAITS = 2, 1, 3, 4
"""Versions: the champion, the one before it, one that quality blocked, one in review."""

Tamper = Callable[["Home"], None]


class Home:
    """An installation, with what is needed to tamper with it."""

    def __init__(self, folder: Path) -> None:
        self.settings: Settings = load_settings({}, folder)
        self.keys = KeyRing(self.settings.keys)

    def store(self) -> SqlStore:
        return open_store(self.settings.database_url)

    def release(self, version: int) -> str:
        with self.store() as store:
            found = store.get(Position, surface=SURFACE, version=version)
        return found.release or "" if found else ""

    def folder(self, version: int) -> Path:
        return self.settings.releases / self.release(version)

    @property
    def pointer(self) -> Path:
        return self.settings.pointers / f"{SURFACE}.json"

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.settings.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self) -> tuple[LedgerRow, ...]:
        with self.store() as store:
            return store.find(LedgerRow)

    def problems(self) -> list[str]:
        return look(self.settings).problems


def make(folder: Path) -> Home:
    """A home with a champion, its predecessor, a blocked version and one that waits for review."""
    home = Home(folder)
    made = [small_release(home.settings.releases, number) for number in (1, 2, 3, 4)]
    promotions.trust_in(home.settings.review_keys, "rita")
    named = mock.patch.object(promotions, "release_of", lambda each: made[each.number - 1])
    with named, home.store() as store:
        first = promotions.bring(store, State.CHAMPION_PROVISIONAL, "a", SURFACE)
        _sealed(home, store)
        promotions.confirm(store, first)
        promotions.bring(store, State.CHAMPION_PROVISIONAL, "b", SURFACE)
        _sealed(home, store)
        version = promotions.bring(store, State.CANDIDATE, "c", SURFACE)
        gates = [
            *promotions.judged("data", "leakage"),
            *promotions.judged("quality", outcome=Outcome.FAIL),
        ]
        given = {"mandatory": promotions.MANDATORY, **promotions.BY_FLOW}
        promotion.gate(store, version, gates, **given)
        _sealed(home, store)
        promotions.bring(store, State.IN_REVIEW, "d", SURFACE)
        _sealed(home, store)
    source = Bento(home.settings.bentos, SURFACE, made[1]).source
    damaged_code.laid_out(source)
    shutil.rmtree(source / "releases")
    shutil.copytree(home.settings.releases / made[1], source / "releases" / made[1])
    shutil.rmtree(home.settings.releases / made[2])  # of the blocked one none was built
    return home


def _sealed(home: Home, store: SqlStore) -> None:
    settings = home.settings
    export_head(store, settings.heads, home.keys, T0)
    signer = Signer(store, settings.releases, settings.signatures, home.keys, T0)
    relay(store, [SignedPointer(signer, PointerReceiver(settings.pointers))])


# The ledger, and its heads


def by_sql(*statements: str) -> Tamper:
    return lambda home: home.sql(*statements)


def rewrite(home: Home) -> None:
    """Another actor in row 2, and every hash after it, by who knows how rows are hashed."""
    chain: list[LedgerRow] = []
    for row in home.rows():
        forged = replace(row, actor="eve") if row.sequence == 2 else row
        chain.append(seal(forged, chain[-1] if chain else None))
    home.sql(*(
        f"UPDATE ledger SET actor = '{row.actor}', previous_hash = '{row.previous_hash}', "
        f"hash = '{row.hash}' WHERE sequence = {row.sequence}"
        for row in chain
    ))  # fmt: skip


def heads_gone(home: Home) -> None:
    shutil.rmtree(home.settings.heads.parent)


def heads_gone_and_rewritten(home: Home) -> None:
    heads_gone(home)
    rewrite(home)


def heads_gone_rewritten_and_the_next_one_exported(home: Home) -> None:
    """Sluice goes on: its next gate seals what stands there."""
    heads_gone_and_rewritten(home)
    with home.store() as store:
        export_head(store, home.settings.heads, home.keys, T0)


def without_the_newest_head(home: Home) -> None:
    max(home.settings.heads.glob("*.json")).unlink()


def without_a_head_in_between(home: Home) -> None:
    sorted(home.settings.heads.glob("*.json"))[1].unlink()


def emptied(home: Home) -> None:
    heads_gone(home)
    home.sql("DELETE FROM outbox", "DELETE FROM champion", "DELETE FROM ledger")


def appended(home: Home, *, vouching: bool = True) -> None:
    """An approval that nobody made: hashed as it must be, and vouching for what it leaves."""
    with home.store() as store:
        rows = store.find(LedgerRow, surface=SURFACE, version=WAITS)
        approved = Position(SURFACE, WAITS, State.APPROVED, home.release(WAITS))
        row = replace(
            rows[-1], action="approve", actor="rita", role="reviewer", reason="",
            before="in_review", after="approved", at=T0 + timedelta(days=1),
            evidence=(home.release(WAITS), *rows[-1].evidence),
            idempotency_key=f"approve:{SURFACE}:{WAITS}:{home.release(WAITS)}:1",
        )  # fmt: skip
        covers = covers_of(store, row, [approved]) if vouching else None
        with store._transaction(store._writing_engine) as written:
            written.add(seal(replace(row, covers=covers), written.tail()))
            written.set(approved)


# The records beside the ledger


def says(column: str, value: str, table: str, where: str = "1 = 1") -> Tamper:
    return by_sql(f"UPDATE {table} SET {column} = {value} WHERE {where}")


OF_BLOCKED = f"version = {BLOCKED}"


# Files


def pointer_garbage(home: Home) -> None:
    home.pointer.write_text("[]")


def pointer_gone(home: Home) -> None:
    home.pointer.unlink()


def pointer_says(field: str, value: object, home: Home) -> None:
    """Signed by nobody: the signature over another field's value is not its own."""
    held = json.loads(home.pointer.read_text())
    home.pointer.write_text(json.dumps({**held, field: value}))


def keys_gone(home: Home) -> None:
    shutil.rmtree(home.settings.keys)


def another_key(home: Home) -> None:
    """Trusted beside ours: what it signs would count."""
    stranger = KeyRing(home.settings.home / "stranger")
    stranger.generate()
    (public,) = (stranger.folder / "trusted").iterdir()
    shutil.copy(public, home.settings.keys / "trusted")


def keys_replaced(home: Home) -> None:
    """A signing key of one's own, in place of all."""
    shutil.rmtree(home.settings.keys)
    KeyRing(home.settings.keys).generate()


def another_key_that_sealed(home: Home) -> None:
    """The stranger exports a head too, and names its own key there."""
    another_key(home)
    stranger = KeyRing(home.settings.home / "stranger").signing()
    with home.store() as store:
        promotions.bring(store, State.CANDIDATE, "e", SURFACE)
        export_head(
            store, home.settings.heads, home.keys, T0, signer=stranger, name_keys=True
        )


def signature_gone(home: Home) -> None:
    (home.settings.signatures / f"{home.release(SERVES)}.json").unlink()


def release_gone(home: Home) -> None:
    shutil.rmtree(home.folder(SERVED))


def bit_flipped(home: Home) -> None:
    damaged_releases.flip(home.folder(SERVED))


def bento_edited(home: Home) -> None:
    bento = Bento(home.settings.bentos, SURFACE, home.release(SERVES))
    damaged_code.edited(bento.source)


KINDS: dict[str, tuple[Tamper, str]] = {
    "a row edited": (says("actor", "'eve'", "ledger", "sequence = 2"), "row 2 was edited"),
    "a row deleted": (by_sql("DELETE FROM ledger WHERE sequence = 3"), "row 4 stands where row 3"),
    "the ledger cut": (by_sql("DELETE FROM ledger WHERE sequence > 12"), "truncated, or an old backup"),
    "rewritten whole": (rewrite, "exported as head: rewritten"),
    "another release champion": (says("release", "'mine'", "champion"), "last move says otherwise"),
    "pointer garbage": (pointer_garbage, "is no serving pointer"),
    "pointer gone": (pointer_gone, "no serving pointer; run the relay"),
    "pointer's epoch": (partial(pointer_says, "epoch", 99), "what is signed is another pointer"),
    "keys gone": (keys_gone, "never trusted here"),
    "heads gone and rewritten": (heads_gone_and_rewritten, "the heads were taken away"),
    "ledger, champion and heads emptied": (emptied, "no ledger row registered it"),
    "an approval appended": (appended, "is under no exported head"),
    "a verdict's outcome": (says("outcome", "'pass'", "verdict", OF_BLOCKED), "Verdict for_you 3 quality: is not"),
    "a verdict's reason": (says("reason", "'fine'", "verdict", OF_BLOCKED), "Verdict for_you 3 quality: is not"),
    "all verdicts deleted": (by_sql("DELETE FROM verdict"), "Verdict for_you 2 quality: is gone"),
    "documents deleted": (by_sql("DELETE FROM document"), "is gone; ledger row"),
    "documents edited": (says("body", "'{}'", "document"), "is not what ledger row"),
    "an author": (says("author", "'bob'", "version", f"number = {WAITS}"), "Version for_you 4: is not"),
    "a model": (says("model", "'mine'", "version", f"number = {WAITS}"), "Version for_you 4: is not"),
    "a release row deleted": (by_sql(f"DELETE FROM release WHERE version = {WAITS}"), ": is gone; ledger row"),
    "blocked to gated": (says("state", "'gated'", "position", OF_BLOCKED), "Position for_you 3: is not"),
    "provisional to champion": (
        says("state", "'champion'", "position", f"version = {SERVES}"), "Position for_you 2: is not",
    ),
    "another last good": (says("last_good_version", f"{WAITS}", "champion"), "Champion for_you: is not"),
    "the outbox emptied": (by_sql("DELETE FROM outbox"), "OutboxRow 6: is gone"),
    "a signature gone": (signature_gone, "signature of release"),
    "a release's folder gone": (release_gone, "version 1 of for_you: no release folder"),
    "a release's bit flipped": (bit_flipped, "version 1 of for_you: release"),
    "pointer's version": (partial(pointer_says, "version", 7), "what is signed is another pointer"),
    "another key that signs": (keys_replaced, "never trusted here"),
}  # fmt: skip
"""The 29 that were tried on Sluice, of which an audit saw nine."""

MORE: dict[str, tuple[Tamper, str]] = {
    "the Bento's code": (bento_edited, "'sluice/serving/scorer.py' has the digest"),
    "all heads gone": (heads_gone, "the heads were taken away"),
    "the newest head gone": (without_the_newest_head, "is under no exported head"),
    "a head in between gone": (without_a_head_in_between, "heads 2 to 2 of the ledger are missing"),
    "heads gone, rewritten, and gone on": (
        heads_gone_rewritten_and_the_next_one_exported, "heads were taken away",
    ),
    "an approval that vouches for nothing": (partial(appended, vouching=False), "vouches for nothing"),
    "another trusted key": (another_key, "no exported head names it"),
    "another key that sealed": (another_key_that_sealed, "which no head before it names"),
    "a version inserted": (
        by_sql(
            "INSERT INTO version SELECT surface, 9, 'run', model, snapshot, spec, code, family, "
            "author, created_at FROM version WHERE number = 4"
        ),
        "version 9 of for_you: stands in the store, and no ledger row registered it",
    ),
}  # fmt: skip
"""Others of their kind."""

ALL = {**KINDS, **MORE}


def unseen_after(name: str, pristine: Path, folder: Path) -> str:
    """What is wrong once a copy of a home was tampered with: empty where the audit names it."""
    copied(pristine, folder)
    home = Home(folder)
    tamper, said = ALL[name]
    tamper(home)
    problems = home.problems()
    return "" if any(said in each for each in problems) else f"{name}: only {problems}"


def compares_no_record() -> tuple[Any, str, Any]:
    """G9: what rows vouch for is not compared."""
    return coverages, "coverage", lambda _: Coverage((), 0, (), 0)


def misses_no_head() -> tuple[Any, str, Any]:
    """G9: heads are compared where they are, and missed nowhere."""
    return heads_audit, "audit_heads", lambda *_: []


def looks_at_no_release() -> tuple[Any, str, Any]:
    """G9: what is served is not looked at."""
    return release_audit, "audit_releases", lambda *_: ReleaseAudit((), 0, 0)


MUTANTS = {
    compares_no_record: "a verdict's outcome",
    misses_no_head: "heads gone and rewritten",
    looks_at_no_release: "a release's bit flipped",
}
"""Each with a kind that it does not see."""
