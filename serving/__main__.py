"""`python -m serving COMMAND`: one JSON object on standard input, one on standard output.

The flows call packaging and replay through this, each in a process of its own.
"""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sluice.data.schema import FeedbackKind
from sluice.data.snapshot import open_snapshot
from sluice.errors import SluiceError
from sluice.serving.bento import Bento, build_bento
from sluice.serving.golden import GoldenRequest, record_golden, sample_requests
from sluice.serving.integrity import ensure_intact
from sluice.serving.manifest import Provenance
from sluice.serving.parity import Asked, measure, place_of
from sluice.serving.release import build_release, load_scorer, open_release, verify_release
from sluice.serving.replay import replay
from sluice.serving.running import serve
from sluice.serving.sent_context import sent_columns
from sluice.serving.served_answers import ServedAnswers, newest_answer

Answer = dict[str, Any]

_UNSIGNED = {"SLUICE_REQUIRE_SIGNATURE": "0"}


def package(request: Mapping[str, Any]) -> Answer:
    """Build the release of a candidate folder, verify it in a child process, and build its Bento."""
    snapshot = Path(request["snapshot"])
    exposures = open_snapshot(snapshot.parent, snapshot.name).read().exposures
    scorer = load_scorer(Path(request["candidate"]))
    samples = sample_requests(exposures, request["since"], request["golden"])
    golden = record_golden(scorer, samples, request["at"])
    provenance = Provenance.model_validate(request["provenance"])
    into = Path(request["into"])
    digest = build_release(
        into, provenance, load_scorer(Path(request["candidate"])), golden
    )
    verify_release(into / digest, digest)
    bento = build_bento(into / digest, digest, Path(request["bentos"]))
    return {"release": digest, "bento": bento.tag, "golden": len(golden)}


def replay_release(request: Mapping[str, Any]) -> Answer:
    """Serve the Bento of a release, replay its golden requests over HTTP, and keep one answer whole.

    Its predictions are nobody's traffic, so they are logged into a home that is thrown away. No key
    is trusted there: a release is signed when it is promoted, and replayed before.
    """
    digest = request["release"]
    golden = open_release(Path(request["releases"]) / digest, digest).golden
    with (
        tempfile.TemporaryDirectory(prefix="sluice-replay-") as home,
        serve(_bento(request), Path(home), environ=_UNSIGNED) as server,
    ):
        report = replay(server.url, server.pid, digest, golden)
        example = _longest_answered(server.url, golden)
    figures = asdict(report)
    del figures["warm_up"]
    figures["digest_agreed"] = figures.pop("release_agreed")
    numbers = {name: None if value != value else value for name, value in figures.items()}  # noqa: PLR0124 - NaN
    return {"figures": numbers, "example": example}


def _longest_answered(url: str, golden: Sequence[GoldenRequest]) -> Answer | None:
    """The recorded request with the most candidates and its whole answer, where it gets one."""
    import httpx

    longest = max(golden, key=lambda example: len(example.request.item_ids)).request
    body = {
        "user_id": longest.user_id,
        "candidates": list(longest.item_ids),
        "ts": longest.ts,
        "context": dict(longest.context),
    }
    answer = httpx.post(f"{url}/rank", json=body, trust_env=False, timeout=30.0)
    return {"request": body, "response": answer.json()} if answer.is_success else None


def intact(request: Mapping[str, Any]) -> Answer:
    """Check every byte of a release and of its Bento; parses no model and starts nothing."""
    releases, bentos = Path(request["releases"]), Path(request["bentos"])
    ensure_intact(releases, bentos, request["surface"], request["release"])
    return {"release": request["release"]}


def served(request: Mapping[str, Any]) -> Answer:
    """Which answers the prediction log holds of a window; its end is the newest answer at most."""
    folder = Path(request["predictions"])
    window = _window(folder, request)
    if window is None:
        return {"requests": 0}
    start, end = window
    answers = ServedAnswers.read(folder, start, end)
    return {
        "start": start,
        "end": end,
        "requests": len(answers.frame),
        "digest": answers.digest,
    }


def context(request: Mapping[str, Any]) -> Answer:
    """Which context columns came along with the requests of the last window."""
    folder = Path(request["predictions"])
    window = _window(folder, request)
    return (
        {"requests": 0, "sent": {}}
        if window is None
        else asdict(sent_columns(folder, *window))
    )


def _window(folder: Path, request: Mapping[str, Any]) -> tuple[int, int] | None:
    """Start and end (µs), the newest answer at most; None where nothing was answered."""
    newest = newest_answer(folder, time.time_ns() // 1_000)
    if newest is None:
        return None
    end = min(newest + 1, request["end"] or newest + 1)
    return end - request["length"] if request["start"] is None else request["start"], end


def parity(request: Mapping[str, Any]) -> Answer:
    """Compute the answers of a window again and compare them."""
    query = Asked(request["start"], request["end"], FeedbackKind(request["label"]))
    measured_at = datetime.fromisoformat(request["measured_at"])
    return measure(place_of(request), query, measured_at).to_json()


COMMANDS: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
    "package": package,
    "replay": replay_release,
    "intact": intact,
    "served": served,
    "context": context,
    "parity": parity,
}


def _bento(request: Mapping[str, Any]) -> Bento:
    return Bento(Path(request["bentos"]), request["surface"], request["release"])


def main(arguments: list[str]) -> int:
    """Run one command; errors go to standard error, without a traceback where they are ours."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        sys.stderr.write(f"usage: python -m serving {'|'.join(COMMANDS)} < request.json\n")
        return 2
    # Whoever asked is gone: leave through every `finally`, where the Bento is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Libraries print; standard output is for the answer alone.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    try:
        answer = COMMANDS[arguments[0]](json.load(sys.stdin))
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    with os.fdopen(answer_to, "w") as out:
        json.dump(answer, out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
