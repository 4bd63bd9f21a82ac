"""Promotions per second on both databases, and how long a rollback and the revert of a bad alias take.

A promotion is the whole registry call, with all evidence read again, and its transaction; on SQLite
the commit waits for the disk, on PostgreSQL for its log. A rollback is what `sluice champion rollback`
does: the transaction, the pointer file, the signature's check and the exported head; and, from
outside, the command itself from its start to its end, with neither MLflow nor Prefect running and,
where the machine lets a user have a namespace of its own, without any network, loopback included.

A revert is timed from a move of MLflow's alias that goes straight to MLflow's own store, at a random
moment of the watcher's round, to the alias back in its place; the watcher is the real command.

`python -m benchmarks.promotion [--json] [--promotions N] [--reverts N]`
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.heads import export_head
from sluice.registry.keys import KeyRing
from sluice.registry.mirror import ALIAS, MlflowMirror
from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.mlflow_models import ensure_registered
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.relay import reconcile, relay
from sluice.registry.tracking import RELEASE, VERSION
from sluice.store import open_store
from sluice.store.records import LedgerRow, State, Version
from sluice.store.sql import SqlStore
from tests.lib import promotions
from tests.lib.releases import small_release
from tests.lib.reviews import a_home
from tests.lib.stores import Postgres, running_postgres

ROLLBACKS = 5
ROUND_SECONDS = 30.0
"""Between two looks of the watcher."""


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
        "rollback_s": statistics.median(outside),
        "rollback_max_s": max(outside),
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
        [*offline(), sys.executable, "-m", "sluice", "champion", "rollback", "feed", "--home", str(home),
         "--actor", "oncall", "--reason", "measured"],
        env={**os.environ, "SLUICE_DATABASE_URL": url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = read_pointer(home / "serving", "feed")
    if done.returncode or before == after:
        raise SystemExit(f"the rollback did not happen: {done.stdout}{done.stderr}")


@cache
def offline() -> tuple[str, ...]:
    """What runs a command without a network; nothing where the kernel refuses that."""
    # Root needs no user namespace, in which it could not reach another user's database.
    alone = ("unshare", "--net", *(("--map-root-user",) if os.geteuid() else ()))
    if shutil.which(alone[0]) is None:
        return ()
    return alone if subprocess.run([*alone, "true"], check=False).returncode == 0 else ()


def reverts(folder: Path, number: int, rng: random.Random) -> dict[str, float]:
    """Seconds from a move of the alias behind the store's back to its revert by the watcher."""
    settings = a_home(folder, "feed")
    settings.log.mkdir(parents=True)
    mirror = MlflowMirror(settings.mlflow_uri, settings.mlflow / "artifacts")
    releases = {nth: small_release(settings.releases, nth) for nth in (1, 2)}
    promotions.release_of = lambda version: releases[version.number]
    with open_store(settings.database_url) as store:
        for nth, release in releases.items():
            version = promotions.bring(store, State.CHAMPION, f"run-{nth}")
            know(mirror, version, release)
        run_watcher = [sys.executable, "-m", "sluice", "champion", "mirror", "feed", "--json",
                       "--home", str(settings.home)]  # fmt: skip
        environ = {**settings.child_environment(), **settings.own_variables()}
        subprocess.run(run_watcher, env=environ, capture_output=True, check=True)
        watcher = subprocess.Popen(
            [*run_watcher, "--watch"], env=environ, stdout=subprocess.DEVNULL
        )
        try:
            seconds = [one_revert(mirror, rng) for _ in range(number)]
        finally:
            watcher.terminate()
            watcher.wait()
        rows = len(store.find(LedgerRow, action="revert"))
    return {
        "revert_s": statistics.median(seconds),
        "revert_max_s": max(seconds),
        "reverts": number,
        "ledger_rows": rows,
    }


def know(mirror: MlflowMirror, version: Version, release: str) -> None:
    """A version of the candidates' model, as a candidate's mirroring makes it."""
    model, client = candidates_model(version.surface), mirror._client  # noqa: SLF001 - no tracked candidate is needed here
    ensure_registered(client, model, "")
    tags = {VERSION: str(version.number), RELEASE: release}
    client.create_model_version(model, "file:///nowhere", tags=tags)


def one_revert(mirror: MlflowMirror, rng: random.Random) -> float:
    """Move the alias to the champion before at a random moment, and wait."""
    right = mirror.champion("feed")
    time.sleep(ROUND_SECONDS * rng.random())
    mirror._client.set_registered_model_alias("feed", ALIAS, "1")  # noqa: SLF001 - as one with a password would
    moved = time.perf_counter()
    if mirror.champion("feed") == right:
        raise SystemExit("the alias was not moved")
    while mirror.champion("feed") != right:
        if time.perf_counter() - moved > 10 * ROUND_SECONDS:
            raise SystemExit("nobody put the alias back")
        time.sleep(0.1)
    return time.perf_counter() - moved


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def run(number: int, moves: int) -> dict[str, Any]:
    """Figures by database, and of the alias."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            with open_store(url) as store:
                figures[database] = promotions_per_second(store, number)
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        for database, url in urls.items():
            figures[database] |= rollbacks(url, Path(name) / database)
            figures[database]["offline"] = bool(offline())
    with tempfile.TemporaryDirectory() as name:
        figures["alias"] = reverts(Path(name), moves, random.Random(1))
    return figures


def show(figures: dict[str, Any]) -> str:
    lines = [_shown(database, figures[database]) for database in ("sqlite", "postgresql")]
    alias = figures["alias"]
    reverted = (
        f"alias       moved behind the store's back {alias['reverts']} times, back after "
        f"{alias['revert_s']:.0f} s (median; longest {alias['revert_max_s']:.0f} s)"
    )
    return "\n".join((*lines, reverted))


def _shown(database: str, figures: dict[str, Any]) -> str:
    network = "without a network" if figures["offline"] else "the network being up"
    return (
        f"{database:<11} {figures['per_s']:6.0f} promotions/s ({figures['median_ms']:.1f} ms each, longest "
        f"{figures['max_ms']:.0f} ms, {figures['cpu_ms']:.1f} ms of CPU here); rollback to the pointer "
        f"{figures['in_process_ms']:.0f} ms, as a command, {network}, {figures['rollback_s']:.1f} s "
        f"(longest {figures['rollback_max_s']:.1f} s)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--promotions", type=int, default=200, help="per database")
    parser.add_argument(
        "--reverts", type=int, default=6, help="moves of the alias, half a minute each"
    )
    args = parser.parse_args()
    result = run(args.promotions, args.reverts)
    sys.stdout.write((json.dumps(result) if args.json else show(result)) + "\n")
