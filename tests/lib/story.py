"""A first lifecycle told to its end: submitted, approved, promoted, watched for a day, confirmed.

Told once for all tests of a session, which may go on with it but find what it first left.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sluice.flows.prefect_api import API_URL, prefect_api
from sluice.settings import load_settings
from tests.lib.copied_home import copied
from tests.lib.installations import (
    Installation,
    day,
    files,
    flow_runs,
    mlflow_rows,
    records,
    small_installation,
)

FIRST, SECOND = day(3), day(4)
"""Ends of the windows of the first lifecycle, and of the one a day later."""
DAY_LATER = "a day later"
"""Folder of the copy of a home, beside it."""
KEPT = (
    "log",
    "snapshots",
    "models",
    "releases",
    "evidence",
    "evidently",
    "serving",
    "validation",
)
"""Parts of a home that a rerun leaves as they are, byte by byte."""
ADDRESSED = ("log", "snapshots", "models", "releases")
"""Parts that follow from the inputs alone, wherever and whenever they are made."""


@dataclass(frozen=True)
class Left:
    """What an installation holds, as far as it follows from its inputs and not from the clock."""

    rows: dict[str, int]
    mlflow_rows: dict[str, int]
    files: dict[str, str]
    dashboards: list[str]
    steps: dict[str, Any]
    verdicts: list[tuple[Any, ...]]
    ledger: list[tuple[Any, ...]]
    points: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Story:
    """What the commands of a first lifecycle said, in order, and what they left."""

    installation: Installation
    submitted: dict[str, Any]
    waiting: dict[str, Any]
    approved: dict[str, Any]
    promoted: dict[str, Any]
    watched: dict[str, Any]
    left: Left
    runs: dict[str, list[str]]
    """States in the installation's own Prefect, by flow or task."""


def tell(installation: Installation) -> Story:
    must = installation.must
    submitted = must("run", "lifecycle", "for_you", "--until", FIRST)
    waiting = must("review", "list", "for_you")
    approved = must("review", "approve", "for_you", "1", *approval(waiting))
    promoted = must("run", "promote", "for_you")
    watched = must("run", "monitor", "for_you", "--until", SECOND)
    left, runs = left_in(installation), flow_runs(installation)
    return Story(installation, submitted, waiting, approved, promoted, watched, left, runs)


def approval(waiting: dict[str, Any]) -> tuple[str, ...]:
    """Options that approve the one version that waits."""
    (one,) = waiting["waiting"]
    return (
        "--reviewer",
        "demo-reviewer",
        "--digest",
        one["release"],
        "--reason",
        "looks right",
    )


def left_in(installation: Installation) -> Left:
    stored = records(installation)
    return Left(
        rows={kind: len(rows) for kind, rows in stored.items()},
        mlflow_rows=mlflow_rows(installation),
        files=files(installation, *ADDRESSED),
        dashboards=list(files(installation, "evidently")),
        # How long the replay took is evidence too, and never the same; nor need the commit be.
        steps={
            each.key_digest: each.step in {"replay and example", "commit"} or each.outcome
            for each in stored["Step"]
        },
        verdicts=[
            (each.version, each.gate, each.outcome, each.gate == "replay" or each.evidence)
            for each in stored["Verdict"]
        ],
        ledger=[
            (each.version, each.action, each.actor, each.before, each.after, each.epoch)
            for each in stored["LedgerRow"]
        ],
        points=[
            (each.name, each.start, each.end, each.value) for each in stored["MetricPoint"]
        ],
    )


@pytest.fixture(scope="session")
def prefect_url(tmp_path_factory) -> Iterator[str]:
    """One Prefect API for all that do not ask about Prefect; each start costs seconds."""
    settings = load_settings({}, tmp_path_factory.mktemp("prefect"))
    with prefect_api(settings) as await_api:
        await_api()
        yield os.environ[API_URL]


@pytest.fixture(scope="session")
def story(tmp_path_factory, prefect_url) -> Story:
    """On SQLite; its runs stand in the session's own Prefect."""
    folder = tmp_path_factory.mktemp("a first lifecycle")
    told = tell(small_installation(folder, PREFECT_API_URL=prefect_url))
    # Who goes on with it says which Prefect it asks; a page server of its own starts one.
    return replace(told, installation=replace(told.installation, environ={}))


@pytest.fixture(scope="session")
def postgres_story(tmp_path_factory, postgres) -> Story:
    """On PostgreSQL, and with the Prefect of its own that every command starts."""
    folder = tmp_path_factory.mktemp("a first lifecycle on PostgreSQL")
    return tell(small_installation(folder, SLUICE_DATABASE_URL=postgres().database()))


@pytest.fixture(scope="session")
def second(story, prefect_url) -> dict[str, Any]:
    """What a lifecycle a day later said; its version waits for a reviewer."""
    home = story.installation.home
    going_on = replace(story.installation, environ={"PREFECT_API_URL": prefect_url})
    told = going_on.must("run", "lifecycle", "for_you", "--until", SECOND)
    copied(home, home.with_name(DAY_LATER))
    return told


@pytest.fixture(scope="session")
def day_later(story, second) -> Path:
    """The home as `second` left it; other tests go on in the story's own. Copy it before a change."""
    del second
    return story.installation.home.with_name(DAY_LATER)
