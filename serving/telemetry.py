"""What the service counts, as Prometheus reads it.

Plain integers cost the hot path next to nothing; they are put into Prometheus' text when it asks.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from sluice.serving.prediction_log import LogCounts
from sluice.serving.problem import Code, Rejected

if TYPE_CHECKING:
    from prometheus_client import Metric

    from sluice.serving.port import Answer, Intake, RankingPort, Readiness

LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds in seconds."""


@dataclass
class Telemetry:
    """Counts since the process started."""

    requests: Counter[int] = field(default_factory=Counter)
    """Answers of POST /rank by HTTP status."""
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BUCKETS) + 1))
    """Answers of POST /rank by latency bucket, the last for all above; waiting included."""
    seconds: float = 0.0
    candidates: int = 0
    swaps: int = 0
    refusals: int = 0
    """Releases that failed verification."""
    batches: int = 0
    """Answers of POST /rank/batch."""
    shed: int = 0
    """Requests refused because too much was under way."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Requests refused, by code."""
    degraded: int = 0
    """Answers that said that they are worse than declared."""
    unknown_items: int = 0
    """Candidates of which nothing was known."""
    unknown_users: int = 0
    """Answers to people of whom nothing was known."""
    canary_errors: int = 0
    """Requests of the canary's people that the champion answered, for the canary broke down."""
    feed_errors: int = 0
    """Times that the event log could not be taken into the state."""
    feed_source_messages: int = 0
    """Messages read from Redis or Kafka into the event log, by this process."""
    feed_source_errors: int = 0
    """Times that the source could not be read, or its messages not be taken."""
    feed_source_gaps: int = 0
    """Times that messages were gone before they were read."""
    feed_source_refused: Counter[str] = field(default_factory=Counter)
    """Messages that cannot be read, and rows refused in others, by code."""
    housekeeping_errors: int = 0
    """Times that the event log could not be compacted."""
    events_accepted: int = 0
    events_repeated: int = 0
    events_refused: Counter[str] = field(default_factory=Counter)
    """Rows of events refused, by code."""

    def observe(self, status: int, seconds: float) -> None:
        """Count one answer of POST /rank."""
        self.requests[status] += 1
        self.latencies[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        self.seconds += seconds

    def answered(self, answer: "Answer") -> None:
        """Count what one ranking says of itself."""
        self.degraded += answer.degraded
        self.unknown_items += answer.unknown_items
        self.unknown_users += answer.unknown_user

    def refused(self, error: Rejected) -> None:
        """Count one request that was refused."""
        self.rejected[error.code] += 1
        self.shed += error.code is Code.OVERLOADED

    def taken(self, intake: "Intake") -> None:
        """Count the rows of one intake."""
        self.events_accepted += intake.accepted
        self.events_repeated += intake.repeated
        self.events_refused.update(row.code for row in intake.refused)


@dataclass(frozen=True, eq=False)  # a registry keeps collectors by identity
class Exposition:
    """One scrape: a collector in the sense of `prometheus_client`."""

    telemetry: Telemetry
    log: LogCounts
    readiness: "Readiness"
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Pieces of work under way, by lane."""

    def collect(self) -> Iterator["Metric"]:
        """Every metric with its value now."""
        yield self._latency()
        yield from self._counters()
        yield from self._gauges()
        yield self._release()

    def _latency(self) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily

        latency = HistogramMetricFamily(
            "sluice_latency_seconds",
            "From the request's head to the answer, waiting included.",
        )
        counts = accumulate(self.telemetry.latencies)
        bounds = [*(f"{bound:g}" for bound in LATENCY_BUCKETS), "+Inf"]
        latency.add_metric(
            [], list(zip(bounds, counts, strict=True)), self.telemetry.seconds
        )
        return latency

    def _counters(self) -> Iterator["Metric"]:
        seen, log = self.telemetry, self.log
        yield _by_label(
            "requests", "Answers of POST /rank by HTTP status.", "status", seen.requests
        )
        yield _by_label(
            "rejected", "Requests refused, by code of the error.", "code", seen.rejected
        )
        yield _by_label(
            "events_refused",
            "Rows of events refused, by code.",
            "code",
            seen.events_refused,
        )
        yield _by_label(
            "feed_source_refused",
            "Messages and rows of the feed refused, by code.",
            "code",
            seen.feed_source_refused,
        )
        for name, meaning, value in (
            ("candidates", "Items ranked.", seen.candidates),
            ("batches", "Answers of POST /rank/batch.", seen.batches),
            ("shed", "Requests refused because too much was under way.", seen.shed),
            ("degraded", "Answers that are worse than declared.", seen.degraded),
            ("unknown_items", "Candidates of which nothing is known.", seen.unknown_items),
            ("unknown_users", "Answers to people nothing is known of.", seen.unknown_users),
            ("events_accepted", "Rows of events taken.", seen.events_accepted),
            ("events_repeated", "Rows that were there already.", seen.events_repeated),
            (
                "canary_errors",
                "Canary breakdowns answered by the champion.",
                seen.canary_errors,
            ),
            ("feed_errors", "Failures to take in the event log.", seen.feed_errors),
            (
                "feed_source_messages",
                "Messages read from the feed.",
                seen.feed_source_messages,
            ),
            ("feed_source_errors", "Failures to read the feed.", seen.feed_source_errors),
            ("feed_source_gaps", "Messages gone unread, times.", seen.feed_source_gaps),
            ("housekeeping_errors", "Failed compactions.", seen.housekeeping_errors),
            ("swaps", "Releases taken into service.", seen.swaps),
            ("release_refusals", "Releases refused by verification.", seen.refusals),
            ("predictions_accepted", "Predictions accepted.", log.accepted),
            ("predictions_stored", "Predictions stored.", log.stored),
            ("predictions_dropped", "Predictions dropped.", log.dropped),
        ):
            yield _counter(name, meaning, value)

    def _gauges(self) -> Iterator["Metric"]:
        ready = self.readiness
        yield _gauge("predictions_in_queue", "Predictions waiting.", self.log.in_queue)
        yield _gauge("ready", "1 while requests are answered.", int(ready.answers))
        for name, meaning, value in (
            (
                "state_age_seconds",
                "Since the newest event in the state.",
                ready.state_age_s,
            ),
            ("feed_position", "Of the last batch of the log in the state.", ready.position),
            ("events_late", "Events that came too late to count in time.", ready.late),
            ("feed_behind", "Batches of the log not in the state yet.", ready.behind),
        ):
            if (
                value is not None
            ):  # a gauge that is not known is not there: 0 would be a lie
                yield _gauge(name, meaning, value)
        yield _under_way(self.waiting)

    def _release(self) -> "Metric":
        from prometheus_client.core import InfoMetricFamily

        ready = self.readiness
        labels: dict[str, str] = {}
        if ready.release is not None:
            labels = {
                "digest": ready.release,
                "surface": ready.surface or "",
                "version": str(ready.version),
            }
        return InfoMetricFamily("sluice_release", "The release being served.", value=labels)


def scrape(server: "RankingPort", waiting: Mapping[str, int]) -> Exposition:
    """Everything as it stands now."""
    return Exposition(
        server.telemetry, server.log_counts(), server.readiness(), dict(waiting)
    )


def exposition_text(exposition: Exposition) -> bytes:
    """Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(exposition)
    return generate_latest(registry)


def _counter(name: str, meaning: str, value: float) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(f"sluice_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"sluice_{name}", meaning, value=value)


def _by_label(
    name: str, meaning: str, label: str, counts: Mapping[int, int] | Mapping[str, int]
) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(f"sluice_{name}", meaning, labels=[label])
    pairs: Iterable[tuple[object, int]] = counts.items()
    for value, count in sorted(pairs, key=str):
        family.add_metric([str(value)], count)
    return family


def _under_way(waiting: Mapping[str, int]) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(
        "sluice_under_way", "Pieces of work waiting or in hand, by lane.", labels=["lane"]
    )
    for lane, pieces in waiting.items():
        family.add_metric([lane], pieces)
    return family
