"""What the page of a house shows of every surface, each fact as somebody may read it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sluice.cli.house_addresses import addresses
from sluice.cli.house_surfaces import SurfaceNow, surfaces_now
from sluice.errors import SluiceError

if TYPE_CHECKING:
    from sluice.flows.workplace import Workplace
    from sluice.settings import Settings

_SECONDS = 2.0
"""For an answer of a server on this machine; the page says of one that takes longer that it is silent."""
_NEVER = "never"


class Tone(StrEnum):
    """How a fact is to be taken."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """Nobody could say, which is no good news."""
    PLAIN = "plain"


@dataclass(frozen=True)
class Fact:
    """One line about a surface."""

    name: str
    text: str
    tone: Tone = Tone.PLAIN
    link: str | None = None
    """Where to read more."""


@dataclass(frozen=True)
class SurfacePart:
    """One surface on the page."""

    name: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Reach:
    """Where the servers are that the page asks and links to."""

    mlflow: str
    prefect: str
    services: dict[str, str] = field(default_factory=dict[str, str])
    """By surface."""


def surface_parts(
    settings: "Settings", names: Iterable[str], reach: Reach
) -> tuple[SurfacePart, ...]:
    """Every surface, as it stands now.

    Raises:
        NotFound: the installation has no store.
    """
    due = next_runs(settings, reach.prefect)
    return tuple(
        SurfacePart(now.surface, tuple(_facts(settings, now, reach, due)))
        for now in surfaces_now(settings, names)
    )


def _facts(
    settings: "Settings", now: SurfaceNow, reach: Reach, due: "dict[str, str] | None"
) -> Iterable[Fact]:
    from sluice.registry.mlflow_pages import candidate_pages

    candidates = candidate_pages(reach.mlflow, [now.surface])[now.surface]
    waiting = ", ".join(f"version {number}" for number in now.waiting)
    yield _champion(now, candidates)
    yield Fact(
        "waits for review", waiting or "nobody", link=candidates if waiting else None
    )
    yield from _asked("judged", lambda: _judged(settings, now.surface))
    yield _state_age(reach.services.get(now.surface))
    runs = (
        "Prefect does not answer"
        if due is None
        else due.get(now.surface, "none is planned")
    )
    planned = due is not None and now.surface in due
    yield Fact(
        "next run", runs, Tone.PLAIN if planned else Tone.UNKNOWN, f"{reach.prefect}/runs"
    )


def _champion(now: SurfaceNow, candidates: str) -> Fact:
    if now.champion is None:
        return Fact(
            "champion",
            "none yet" if now.pointed_to is None else "the baseline",
            Tone.UNKNOWN,
        )
    since = f" since {now.since[:16].replace('T', ' ')}" if now.since else ""
    return Fact(
        "champion", f"version {now.champion}, {now.state}{since}", Tone.PLAIN, candidates
    )


def _asked(name: str, facts: "Callable[[], Iterable[Fact]]") -> Iterable[Fact]:
    """The facts; where they cannot be read, one that says why: a page with a hole looks like good news."""
    try:
        return list(facts())
    except SluiceError as error:
        return [Fact(name, str(error), Tone.UNKNOWN)]


def _judged(settings: "Settings", surface: str) -> Iterable[Fact]:
    from sluice.cli.installation import existing_store, surface_of
    from sluice.data.event_log import EventLog
    from sluice.flows.alerting import alerts, last_judged
    from sluice.flows.workplace import Workplace
    from sluice.monitors.alerts.alert import Kind
    from sluice.monitors.alerts.windows import Standing

    with existing_store(settings) as store:
        declared = surface_of(settings, surface)
        workplace = Workplace(settings, declared, store, EventLog(settings.log))
        yield _validation(workplace)
        judged = last_judged(workplace)
        for kind in (Kind.PARITY, Kind.DRIFT):
            last = judged.get(kind)
            if last is None:
                yield Fact(kind.value, _NEVER, Tone.UNKNOWN)
            else:
                text = f"{last.outcome} up to {shown(last.window.end)}: {last.reason}"
                yield Fact(kind.value, text, _tone(last.outcome))
        raised = [alert for alert in alerts(workplace) if alert.standing is Standing.OPEN]
        texts = "; ".join(f"{alert.kind} since {shown(alert.since)}" for alert in raised)
        yield Fact("alerts", texts or "none is open", Tone.BAD if raised else Tone.PLAIN)


def _validation(workplace: "Workplace") -> Fact:
    from sluice.store.records import Validation

    made = workplace.store.find(Validation, surface=workplace.name)
    if not made:
        return Fact("data checks", _NEVER, Tone.UNKNOWN)
    newest = max(made, key=lambda row: row.created_at)
    suites = [
        row for row in made if (row.snapshot, row.spec) == (newest.snapshot, newest.spec)
    ]
    failing = sorted(name for row in suites for name in row.failing)
    outcome = next((row.outcome for row in suites if row.outcome != "pass"), newest.outcome)
    text = f"{outcome} at {shown(newest.created_at)}, {sum(row.checks for row in suites)} checks"
    return Fact(
        "data checks", f"{text}: {', '.join(failing)}" if failing else text, _tone(outcome)
    )


def _state_age(service: str | None) -> Fact:
    import httpx

    name = "state age"
    if service is None:
        return Fact(name, "no service runs", Tone.UNKNOWN)
    try:
        answer = httpx.get(f"{service}/readyz", trust_env=False, timeout=_SECONDS)
        age = answer.json().get("state_age_s")
    except (httpx.HTTPError, ValueError):
        return Fact(name, f"the service at {service} does not answer", Tone.BAD)
    docs = f"{service}/docs"
    return Fact(
        name,
        "unknown" if age is None else span(age),
        Tone.UNKNOWN if age is None else Tone.PLAIN,
        docs,
    )


def next_runs(settings: "Settings", prefect: str) -> dict[str, str] | None:
    """By surface, when Prefect runs what next; None where Prefect does not answer."""
    import httpx

    from sluice.flows.deployments import TAG
    from sluice.flows.prefect_server import credential

    user, _, secret = credential(settings).partition(":")
    asked = {
        "sort": "EXPECTED_START_TIME_ASC", "limit": 200,
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": [TAG]}},
    }  # fmt: skip
    try:
        answer = httpx.post(
            f"{prefect}/api/flow_runs/filter", json=asked, auth=(user, secret), trust_env=False,
            timeout=_SECONDS,
        )  # fmt: skip
        answer.raise_for_status()
        runs = answer.json()
    except (httpx.HTTPError, ValueError):
        return None
    due: dict[str, str] = {}
    for run in runs:
        at = datetime.fromisoformat(run["expected_start_time"])
        due.setdefault(run["parameters"].get("surface", ""), f"{shown(at)} ({run['name']})")
    return due


def reach_of(settings: "Settings", mlflow: str, prefect: str) -> Reach:
    """The pages at these addresses, and the services that `sluice up` started."""
    from sluice.cli.house_programs import surface_served

    served = {
        surface_served(name): address.url for name, address in addresses(settings).items()
    }
    return Reach(
        mlflow, prefect, {name: url for name, url in served.items() if name is not None}
    )


def shown(at: datetime) -> str:
    """A time as a person reads it; UTC, as all times here."""
    return f"{at:%Y-%m-%d %H:%M}"


def span(seconds: float) -> str:
    """A length of time in its largest fitting unit."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _tone(outcome: str) -> Tone:
    return {"pass": Tone.GOOD, "fail": Tone.BAD}.get(outcome, Tone.UNKNOWN)
