"""A retraining over a small generated feed, without Prefect's server and with the store in memory."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sluice.data.event_log import EventLog
from sluice.data.generated import FeedConfig, generate
from sluice.data.snapshot import take
from sluice.data.tables import Window
from sluice.flows.retrain import Retraining
from sluice.flows.workplace import Workplace
from sluice.settings import load_settings
from sluice.store.memory import MemoryStore
from sluice.surface import Surface

FEED = FeedConfig(
    days=3, requests_per_day=150, users=40, items_per_day=40, candidates=8, providers=6,
    surfaces=("feed",),
)  # fmt: skip
WINDOW = Window(FEED.start, FEED.start + timedelta(days=3))
SMALL = {"trees": 5, "leaves": 7, "num_threads": 1}


def surface(family: str = "lambdamart", **parameters: Any) -> Surface:
    """One surface whose ranker fits in a blink."""
    return Surface.model_validate(
        {
            "name": "feed",
            "owner": "ann",
            "features": {"windows": ["24h"]},
            "ranker": {"family": family, "parameters": SMALL | parameters},
            "review": {"reviewers": ["rita"]},
        }
    )


def small_retraining(home: Path, declared: Surface) -> Retraining:
    """Of the whole feed, in a home of its own."""
    log = EventLog(home / "log")
    log.append(generate(FEED).tables)
    settings = load_settings({}, home)
    workplace = Workplace(settings, declared, MemoryStore(), log)
    return Retraining(workplace, take(log, WINDOW, settings.snapshots))
