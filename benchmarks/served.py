"""What is judged against what is served: a day of a log through POST /events and POST /rank, over HTTP.

A ranker is fitted and released as the lifecycle does it, from what was known at the day's start. Then
the day is played in time order: the service hears of every row before the first request that may know
it, and is asked every request of the log. The same requests are replayed offline, as the
gates judge. Printed for each log and each way to serve it: `gap`, the absolute difference of nDCG@10 between
what was served and what was replayed; `identical_share`, the requests whose every score has the same bits.

Ways: one worker; two workers, asked in turn; kill -9 of all and a start in the middle; another release
swapped in in the middle.

`python -m benchmarks.served [--json] [--only feed|ebnerd] [--way one|two|restart|swap]`
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import httpx
import numpy as np
import polars as pl

from benchmarks.quality import ROOT, data_folder
from benchmarks.served_day import Asked, day_of
from benchmarks.timing import report
from sluice.data.adapters import read_source
from sluice.data.durations import microseconds
from sluice.data.event_log import EventLog
from sluice.data.generated import FeedConfig, generate
from sluice.data.tables import LogTables, Window
from sluice.features.state.frame import RankingFrame
from sluice.features.state.replay import replay
from sluice.flows import trial
from sluice.metrics import evaluate
from sluice.rankers import Ranker
from sluice.registry.pointer import Pointer, write_pointer
from sluice.serving.golden import record_golden, sample_requests
from sluice.serving.manifest import Provenance
from sluice.serving.processes import tree, wait_gone
from sluice.serving.release import build_release
from sluice.serving.running import RunningServer, serve_lean
from sluice.serving.scorer import Scorer
from sluice.surface import Surface, load_surface

WAYS = ("one", "two", "restart", "swap")
EBNERD_DAY = datetime(2023, 5, 24, 7, tzinfo=UTC)
GOLDEN = 20
CONNECTIONS = 4
"""Held open at once, so that each of two workers is asked."""
SURFACE = "for_you"


@dataclass(frozen=True)
class World:
    """A log, and the day that is played."""

    name: str
    tables: LogTables
    day: Window


@dataclass(frozen=True)
class Row:
    """What one way to serve one log gave."""

    log: str
    way: str
    requests: int
    replayed: float
    """nDCG@10, as the gates judge."""
    served: float
    gap: float
    identical_share: float
    events: int
    refused: int
    """Rows that POST /events refused."""
    seconds: float


@dataclass(frozen=True)
class Prepared:
    """Two releases of one snapshot, and what each would score of the day's requests."""

    releases: Path
    digests: tuple[str, str]
    before: LogTables
    frame: RankingFrame
    """Of the day's requests."""
    scores: tuple[np.ndarray, np.ndarray]


def worlds(only: str | None) -> Iterator[World]:
    """The logs that are there."""
    if only in {None, "feed"}:
        config = FeedConfig()
        last = config.start + timedelta(days=config.days - 1)
        tables = of_surface(generate(config).tables)
        yield World("feed", tables, Window(last, last + timedelta(days=1)))
    folder = data_folder() / "ebnerd_demo" / "train"
    if only in {None, "ebnerd"} and folder.is_dir():
        day = Window(EBNERD_DAY, EBNERD_DAY + timedelta(days=1))
        yield World("ebnerd", read_source("ebnerd", folder, SURFACE), day)


def of_surface(tables: LogTables) -> LogTables:
    """Without the requests of other surfaces and what answers them, as a snapshot takes it."""
    others = (
        tables.exposures.filter(pl.col("surface") != SURFACE).select("request_id").unique()
    )
    return LogTables(
        exposures=tables.exposures.filter(pl.col("surface") == SURFACE),
        feedback=tables.feedback.join(
            others, on="request_id", how="anti", maintain_order="left"
        ),
        items=tables.items,
    )


def prepare(world: World, surface: Surface, releases: Path) -> Prepared:
    """Fit on what was known at the day's start, release it, and replay the day offline."""
    start = world.tables.exposures["ts"].min()
    assert isinstance(start, datetime)
    window = Window(start.replace(minute=0, second=0, microsecond=0), world.day.start)
    before = world.tables.between(window)
    prepared = trial.prepare(surface, before, window)
    rankers = [trial.fit(reseeded(surface, seed), prepared) for seed in (7, 8)]
    digests = [
        release(surface, prepared, ranker, releases, version)
        for version, ranker in enumerate(rankers, start=1)
    ]
    whole = replay(surface.features, surface.data.label, world.tables).frame
    later = whole.split_at(trial.micros(world.day.start))[1]
    frame = later.split_at(trial.micros(world.day.end))[0]
    first, second = (ranker.score(frame.features, frame.offsets) for ranker in rankers)
    return Prepared(releases, (digests[0], digests[1]), before, frame, (first, second))


def reseeded(surface: Surface, seed: int) -> Surface:
    ranker = surface.ranker.model_copy(update={"seed": seed})
    return surface.model_copy(update={"ranker": ranker})


def release(
    surface: Surface, prepared: trial.Trial, ranker: Ranker, into: Path, version: int
) -> str:
    """A release of the ranker, as `sluice run package` builds it."""
    end = trial.micros(prepared.split.window.end)
    fit_end = trial.micros(prepared.split.fit_end)
    arrangement = trial.arranged(surface, prepared, ranker)
    scorer = Scorer(ranker, prepared.replayed.state.copy(), arrangement)
    requests = sample_requests(prepared.tables.exposures, fit_end, GOLDEN)
    at = end + microseconds(surface.features.embargo)
    golden = record_golden(
        Scorer(ranker, prepared.replayed.state.copy(), arrangement), requests, at
    )
    provenance = Provenance(
        surface=SURFACE, version=version, family=surface.ranker.family, snapshot="1" * 64,
        until=end, code="2" * 64, spec="3" * 64, lock="4" * 64, evidence=("5" * 64,),
    )  # fmt: skip
    return build_release(into, provenance, scorer, golden)


class Clients:
    """Connections used in turn, so that several workers are asked."""

    def __init__(self, url: str) -> None:
        # One connection each: a pool would prefer the one that was used last.
        self._clients = [
            httpx.Client(base_url=url, trust_env=False, timeout=60.0)
            for _ in range(CONNECTIONS)
        ]
        self._turn = cycle(self._clients)

    def post(self, path: str, body: object) -> dict:
        answer = next(self._turn).post(path, json=body)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def close(self) -> None:
        for client in self._clients:
            client.close()


class Service:
    """`sluice serve`'s server over a home of its own."""

    def __init__(self, home: Path, releases: Path, workers: int) -> None:
        self._home, self._releases, self._workers = home, releases, workers
        self._stack = ExitStack()
        self._epoch = 0
        self.server: RunningServer
        self.clients: Clients

    def start(self) -> None:
        environ = {"SLUICE_SURFACE": SURFACE, "SLUICE_SURFACES": str(ROOT / "surfaces")}
        log = self._home / "serve.log"
        self.server = self._stack.enter_context(
            serve_lean(self._home, environ, workers=self._workers, log=log)
        )
        self.clients = Clients(self.server.url)
        self._stack.callback(self.clients.close)

    def point(self, digest: str, version: int) -> None:
        self._epoch += 1
        pointer = Pointer(SURFACE, version, digest, self._epoch)
        write_pointer(self._home / "serving", pointer)

    def swap(self, digest: str, version: int) -> None:
        """Point to another release, and wait until every worker serves it."""
        self.point(digest, version)
        agreed, until = 0, time.monotonic() + 120
        while agreed < 4 * CONNECTIONS:
            if time.monotonic() > until:
                raise RuntimeError("the release was not swapped in within 120 s")
            ready = httpx.get(f"{self.server.url}/readyz", trust_env=False).json()
            agreed = agreed + 1 if ready.get("release") == digest else 0
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9 of the supervisor and its workers."""
        processes = tree(self.server.pid)
        for process in processes:
            process.send(signal.SIGKILL)
        wait_gone(processes, 20)
        self._stack.close()

    def stop(self) -> None:
        self._stack.close()


@contextmanager
def service(prepared: Prepared, workers: int) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="sluice-served-") as name:
        home = Path(name)
        (home / "releases").symlink_to(prepared.releases)
        EventLog(home / "log").append(prepared.before)
        running = Service(home, prepared.releases, workers)
        running.point(prepared.digests[0], 1)
        running.start()
        try:
            yield running
        except BaseException:
            report((home / "serve.log").read_text()[-3000:])
            raise
        finally:
            running.stop()


def play(world: World, prepared: Prepared, way: str) -> Row:
    """Play the day one way, and compare."""
    steps = list(day_of(world.tables, world.day))
    middle = len(steps) // 2
    served: dict[str, dict[str, float]] = {}
    swapped: set[str] = set()
    events = refused = 0
    began = time.perf_counter()
    with service(prepared, workers=2 if way == "two" else 1) as running:
        for nth, step in enumerate(steps):
            if nth == middle and way == "restart":
                running.kill()
                running.start()
            if nth == middle and way == "swap":
                running.swap(prepared.digests[1], 2)
            if isinstance(step, Asked):
                answer = running.clients.post("/rank", step.body)
                served[step.request_id] = scores_of(answer)
                if answer["release"] == prepared.digests[1]:
                    swapped.add(step.request_id)
            else:
                intake = running.clients.post("/events", step.body)
                events += step.rows
                refused += len(intake["refused"])
    seconds = time.perf_counter() - began
    return compared(world, prepared, way, served, swapped, (events, refused, seconds))


def scores_of(answer: dict) -> dict[str, float]:
    return {item["item_id"]: item["score"] for item in answer["items"]}


def compared(
    world: World,
    prepared: Prepared,
    way: str,
    served: dict[str, dict[str, float]],
    swapped: set[str],
    counts: tuple[int, int, float],
) -> Row:
    frame = prepared.frame
    second = np.repeat(
        [request in swapped for request in frame.request_ids.tolist()],
        np.diff(frame.offsets),
    )
    replayed = np.where(second, prepared.scores[1], prepared.scores[0])
    answered = np.empty_like(replayed)
    identical = 0
    for nth, request in enumerate(frame.request_ids.tolist()):
        rows = slice(frame.offsets[nth], frame.offsets[nth + 1])
        answered[rows] = [served[request][item] for item in frame.item_ids[rows].tolist()]
        identical += answered[rows].tobytes() == replayed[rows].tobytes()
    means = [evaluate(scores, frame).mean("ndcg@10") for scores in (replayed, answered)]
    events, refused, seconds = counts
    return Row(
        log=world.name, way=way, requests=frame.requests, replayed=means[0], served=means[1],
        gap=abs(means[1] - means[0]), identical_share=identical / frame.requests,
        events=events, refused=refused, seconds=seconds,
    )  # fmt: skip


def run(only: str | None, ways: Sequence[str]) -> list[Row]:
    surface = load_surface(ROOT / "surfaces" / "for_you.toml")
    rows = []
    for world in worlds(only):
        with tempfile.TemporaryDirectory(prefix="sluice-releases-") as releases:
            report(f"{world.name}: fitting and replaying")
            prepared = prepare(world, surface, Path(releases))
            for way in ways:
                rows.append(play(world, prepared, way))
                report(show(rows[-1:]))
    return rows


def show(rows: Sequence[Row]) -> str:
    lines = [
        f"{row.log:<7} {row.way:<8} {row.requests:>6,} asked, {row.events:>9,} events "
        f"({row.refused} refused)  replayed {row.replayed:.4f}  served {row.served:.4f}  "
        f"gap {row.gap:.5f}  identical {row.identical_share:.2%}  {row.seconds:.0f} s"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=("feed", "ebnerd"), help="one log")
    parser.add_argument("--way", choices=WAYS, action="append", help="one way to serve it")
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    rows = run(options.only, options.way or WAYS)
    logs: dict[str, dict[str, object]] = {}
    for row in rows:
        log = logs.setdefault(row.log, {"gap": 0.0, "identical_share": 1.0, "ways": []})
        log["gap"] = max(float(str(log["gap"])), row.gap)
        log["identical_share"] = min(
            float(str(log["identical_share"])), row.identical_share
        )
        log["ways"] += [asdict(row)]  # pyright: ignore[reportOperatorIssue]
    sys.stdout.write((json.dumps(logs) if options.json else show(rows)) + "\n")
