"""What the service counts, as Prometheus reads it.

Plain integers, touched only by the event loop's thread, cost the hot path next to nothing; they are
put into Prometheus' text when it asks.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from serving.prediction_log import LogCounts

if TYPE_CHECKING:
    from prometheus_client import Metric

LATENCY_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds in seconds."""


@dataclass
class Telemetry:
    """Counts since the process started."""

    requests: Counter[int] = field(default_factory=Counter)
    """Answers of POST /rank by HTTP status."""
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BUCKETS) + 1))
    """Answers of POST /rank by latency bucket, the last for all above."""
    seconds: float = 0.0
    candidates: int = 0
    swaps: int = 0
    refusals: int = 0
    """Releases that failed verification."""

    def observe(self, status: int, seconds: float) -> None:
        """Count one answer of POST /rank."""
        self.requests[status] += 1
        self.latencies[bisect_left(LATENCY_BUCKETS, seconds)] += 1
        self.seconds += seconds


@dataclass(frozen=True, eq=False)  # a registry keeps collectors by identity
class Exposition:
    """One scrape: a collector in the sense of `prometheus_client`."""

    telemetry: Telemetry
    log: LogCounts
    release: dict[str, str]
    """Labels of the release being served; empty where there is none."""

    def collect(self) -> Iterator["Metric"]:
        """Every metric with its value now."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        seen = self.telemetry
        requests = CounterMetricFamily(
            "sluice_requests", "Answers of POST /rank by HTTP status.", labels=["status"]
        )
        for status, count in sorted(seen.requests.items()):
            requests.add_metric([str(status)], count)
        yield requests
        latency = HistogramMetricFamily(
            "sluice_latency_seconds", "Time inside the service."
        )
        bounds = [*(f"{bound:g}" for bound in LATENCY_BUCKETS), "+Inf"]
        latency.add_metric(
            [], list(zip(bounds, accumulate(seen.latencies), strict=True)), seen.seconds
        )
        yield latency
        yield CounterMetricFamily(
            "sluice_candidates", "Items ranked.", value=seen.candidates
        )
        yield CounterMetricFamily(
            "sluice_swaps", "Releases taken into service.", value=seen.swaps
        )
        yield CounterMetricFamily(
            "sluice_release_refusals",
            "Releases refused by verification.",
            value=seen.refusals,
        )
        for name, count in (
            ("accepted", self.log.accepted),
            ("stored", self.log.stored),
            ("dropped", self.log.dropped),
        ):
            yield CounterMetricFamily(
                f"sluice_predictions_{name}", f"Predictions {name}.", value=count
            )
        yield GaugeMetricFamily(
            "sluice_predictions_in_queue", "Predictions waiting.", value=self.log.in_queue
        )
        yield InfoMetricFamily(
            "sluice_release", "The release being served.", value=self.release
        )


def exposition_text(exposition: Exposition) -> bytes:
    """Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(exposition)
    return generate_latest(registry)
