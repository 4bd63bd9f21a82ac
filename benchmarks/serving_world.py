"""One release of 61 features and 300 trees, requests of 100 candidates, and the servers of it."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx
import numpy as np

from sluice.child import child_command
from sluice.data.generated import FeedConfig, generate
from sluice.data.schema import CONTEXT_PREFIX, FeedbackKind
from sluice.data.tables import LogTables
from sluice.features.state.feature_state import Request
from sluice.features.state.replay import replay
from sluice.mechanisms.arrangement import Arrangement
from sluice.rankers import make_ranker, save_ranker
from sluice.registry.pointer import Pointer, write_pointer
from sluice.serving.bento import bento_environment, build_bento
from sluice.serving.golden import record_golden, sample_requests
from sluice.serving.manifest import Provenance
from sluice.serving.processes import end, tree
from sluice.serving.release import build_release
from sluice.serving.running import RunningServer, free_port, serve, serve_lean
from sluice.serving.scorer import Scorer
from sluice.surface import load_surface

ROOT = Path(__file__).parents[1]
SURFACE = "for_you"
CANDIDATES, FEATURES, TREES = 100, 61, 300
DAYS = 3
_MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FEED = FeedConfig(
    start=_MIDNIGHT - timedelta(days=DAYS + 1), days=DAYS, requests_per_day=600
)
"""Its last feedback comes within a day, so that a request of now is asked after all of it."""
REQUESTS = 200
"""Different ones, asked in turn."""
GOLDEN = 20

_START_SECONDS, _STOP_SECONDS = 120.0, 20.0


@dataclass(frozen=True)
class World:
    """A home with releases of one scorer, named differently by their versions."""

    home: Path
    scorer: Scorer
    tables: LogTables

    @classmethod
    def make(cls, home: Path) -> "World":
        """Generate a feed, fit the surface's ranker over its features, and take its mechanisms."""
        surface, tables = load_surface(ROOT / "surfaces" / f"{SURFACE}.toml"), _tables()
        replayed = replay(surface.features, FeedbackKind.CLICK, tables)
        ranker = make_ranker("lambdamart", {"trees": TREES, "num_threads": 1})
        fitted = ranker.fit(replayed.frame, np.random.default_rng(1))
        if len(replayed.state.names) != FEATURES:
            raise RuntimeError(f"{len(replayed.state.names)} features, not {FEATURES}")
        arrangement = Arrangement(declared=surface.mechanisms)
        return cls(home, Scorer(fitted, replayed.state, arrangement), tables)

    @cached_property
    def after(self) -> int:
        """A time, in µs, at which every event is counted."""
        end_of_feed = FEED.start.timestamp() + (FEED.days + 1) * 86_400
        return int(end_of_feed * 1e6)

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    def release(self, version: int = 1) -> str:
        """Digest of the release of this version, built."""
        sampled = sample_requests(self.tables.exposures, 0, GOLDEN)
        golden = record_golden(self.scorer, sampled, self.after)
        mark = "0" * 64
        provenance = Provenance(
            surface=SURFACE, version=version, family="lambdamart", snapshot=mark, code=mark,
            until=0, spec=mark, lock=mark, evidence=(mark,),
        )  # fmt: skip
        return build_release(self.releases, provenance, self.scorer, golden)

    def asked(self) -> list[Request]:
        """Requests of 100 candidates by people of the feed."""
        rng = np.random.default_rng(3)
        items = self.tables.items["item_id"].unique().sort().to_numpy()
        users = self.tables.exposures["user_id"].unique().sort().to_list()
        return [
            Request(
                users[nth % len(users)],
                tuple(rng.choice(items, CANDIDATES, replace=False).tolist()),
                self.after,
                {},
            )
            for nth in range(REQUESTS)
        ]

    def bodies(self, *, http: bool = True) -> list[bytes]:
        """The same as whole HTTP requests to /rank, or their bodies alone; asked for when they arrive."""
        bodies = [_body(request) for request in self.asked()]
        return [as_http("/rank", body) for body in bodies] if http else bodies

    def point_to(self, release: str, epoch: int) -> None:
        write_pointer(self.home / "serving", Pointer(SURFACE, epoch, release, epoch))

    @contextmanager
    def lean(self, workers: int = 1) -> Iterator[RunningServer]:
        """The lean server, following the pointer."""
        environ = {"SLUICE_SURFACE": SURFACE}
        with serve_lean(self.home, environ, workers=workers) as server:
            yield server

    @contextmanager
    def bento(self, digest: str) -> Iterator[RunningServer]:
        """The same app under `bentoml serve`."""
        built = build_bento(self.releases / digest, digest, self.home / "bentoml")
        with serve(built, self.home) as server:
            yield server

    @contextmanager
    def naive(self) -> Iterator[RunningServer]:
        """The service that one would write without a platform."""
        model, features = self.home / "naive", self.home / "naive.npz"
        save_ranker(self.scorer.ranker, model)
        items = self.tables.items["item_id"].unique().sort().to_list()
        request = Request("nobody", tuple(items), self.after, {})
        np.savez(
            features, features=self.scorer.state.features(request), items=np.array(items)
        )
        with _naive(model / "model.txt", features, self.home) as server:
            yield server


def _tables() -> LogTables:
    tables = generate(FEED).tables
    context = [name for name in tables.exposures.columns if name.startswith(CONTEXT_PREFIX)]
    return LogTables(tables.exposures.drop(context), tables.feedback, tables.items)


def _body(request: Request) -> bytes:
    body = {"user_id": request.user_id, "candidates": list(request.item_ids)}
    return json.dumps(body).encode()


def as_http(path: str, body: bytes) -> bytes:
    """A whole HTTP request with a JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def _naive(model: Path, features: Path, home: Path) -> Iterator[RunningServer]:
    port = free_port()
    environ = {
        **bento_environment(home / "naive bentoml", os.environ),
        "OMP_NUM_THREADS": "1",
        "NAIVE_MODEL": str(model),
        "NAIVE_FEATURES": str(features),
        "PYTHONPATH": str(ROOT),
    }
    service = "benchmarks.naive_bento:NaiveRanking"
    started = subprocess.Popen(
        child_command("bentoml", "serve", service, "--port", str(port)),
        cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url, started)
        yield RunningServer(url, started.pid, "")
    finally:
        end(tree(started.pid), _STOP_SECONDS)
        started.wait()


def _await(url: str, started: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and started.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the naive service did not start")
