"""Promotions per second on both databases, and how long a rollback takes to the serving pointer.

A promotion is the whole registry call, with all evidence read again, and its transaction; on SQLite
the commit waits for the disk, on PostgreSQL for its log. A rollback is what `sluice champion rollback`
does: the transaction, the pointer file, the signature's check and the exported head; and, from
outside, the command itself from its start to its end, with neither MLflow nor Prefect running.

`python -m benchmarks.promotion [--json] [--promotions N]`
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from registry.attestation import SignedPointer, Signer
from registry.heads import export_head
from registry.keys import KeyRing
from registry.pointer import PointerReceiver, read_pointer
from registry.relay import reconcile, relay
from sluice.store import open_store
from sluice.store.records import LedgerRow, State
from sluice.store.sql import SqlStore
from tests.lib import promotions
from tests.lib.releases import small_release
from tests.lib.stores import Postgres, running_postgres

ROLLBACKS = 5


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs by name; PostgreSQL flushes its log as it does where it matters."""
    with running_postgres() as postgres:
        yield {
            "sqlite": f"sqlite:///{folder / 'sluice.db'}",
            "postgresql": durable(postgres),
        }


def durable(postgres: Postgres) -> str:
    # Tests turn this off, for nobody pulls the plug of a test.
    postgres.configure("fsync", "on")
    return postgres.database()


def promotions_per_second(store: SqlStore, number: int) -> dict[str, float]:
    """One promotion after the other, each of an approved version over the champion before it."""
    versions = [
        promotions.bring(store, State.APPROVED, f"run-{nth}") for nth in range(number)
    ]
    began, cpu = time.perf_counter(), time.process_time()
    seconds = [
        timed(lambda version=version: promotions.promote(store, version))
        for version in versions
    ]
    whole = time.perf_counter() - began
    return {
        "promotions": number,
        "per_s": number / whole,
        "median_ms": 1e3 * statistics.median(seconds),
        "max_ms": 1e3 * max(seconds),
        "cpu_ms": 1e3 * (time.process_time() - cpu) / number,
    }


def rollbacks(url: str, home: Path) -> dict[str, float]:
    """Seconds from the decision to the pointer, inside a process and as the command."""
    releases = {
        nth: small_release(home / "releases", nth) for nth in range(1, 2 * ROLLBACKS + 3)
    }
    promotions.release_of = lambda version: releases[version.number]
    keys, inside, outside = KeyRing(home / "keys"), [], []
    with open_store(url) as store:
        signer = Signer(
            store, home / "releases", home / "signatures", keys, datetime.now(UTC)
        )
        pointer = SignedPointer(signer, PointerReceiver(home / "serving"))

        def in_process() -> None:
            promotions.rollback(store)
            reconcile(store, [pointer])
            export_head(store, home / "audit" / "heads", keys, datetime.now(UTC))

        for nth in range(ROLLBACKS):
            for way, times in ((in_process, inside), (lambda: command(url, home), outside)):
                serve_two(store, pointer, f"{nth}-{len(times)}-{way is in_process}")
                times.append(timed(way))
                relay(store, [pointer])
    return {
        "in_process_ms": 1e3 * statistics.median(inside),
        "command_s": statistics.median(outside),
    }


def serve_two(store: SqlStore, pointer: SignedPointer, name: str) -> None:
    """A confirmed champion, and a provisional one after it that serves."""
    if not store.find(LedgerRow, action="promote"):
        promotions.bring(store, State.CHAMPION, "first")
    promotions.bring(store, State.CHAMPION_PROVISIONAL, f"bad-{name}")
    relay(store, [pointer])


def command(url: str, home: Path) -> None:
    """`sluice champion rollback`, as a person types it."""
    before = read_pointer(home / "serving", "feed")
    done = subprocess.run(
        [sys.executable, "-m", "sluice", "champion", "rollback", "feed", "--home", str(home),
         "--actor", "oncall", "--reason", "measured"],
        env={**os.environ, "SLUICE_DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = read_pointer(home / "serving", "feed")
    if done.returncode or before == after:
        raise SystemExit(f"the rollback did not happen: {done.stdout}{done.stderr}")


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def run(number: int) -> dict[str, Any]:
    """Figures by database."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            with open_store(url) as store:
                figures[database] = promotions_per_second(store, number)
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            figures[database] |= rollbacks(url, Path(name) / database)
    return figures


def show(figures: dict[str, Any]) -> str:
    return "\n".join(
        f"{database:<11} {found['per_s']:6.0f} promotions/s ({found['median_ms']:.1f} ms each, longest "
        f"{found['max_ms']:.0f} ms, {found['cpu_ms']:.1f} ms of CPU here); rollback to the pointer "
        f"{found['in_process_ms']:.0f} ms, as a command {found['command_s']:.1f} s"
        for database, found in figures.items()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--promotions", type=int, default=200, help="per database")
    given = parser.parse_args()
    result = run(given.promotions)
    sys.stdout.write((json.dumps(result) if given.json else show(result)) + "\n")
