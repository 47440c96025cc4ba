"""What Prometheus sees of the services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from components.common.records import Decision

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


@dataclass(frozen=True)
class Metrics:
    """The metrics of one worker."""

    requests: Counter
    seconds: Histogram
    decisions: Counter
    errors: Counter
    degraded: Counter
    shadows: Counter
    generation: Gauge

    def decided(self, decision: Decision, degraded: Iterable[str]) -> None:
        """Count one new decision."""
        version = decision.version or ""
        self.decisions.labels(
            decision.domain, decision.model, decision.decision, decision.arm, version
        ).inc()
        for what in degraded:
            self.degraded.labels(decision.domain, what).inc()
        if decision.error is not None:
            kind = decision.error.partition(":")[0]
            self.errors.labels(decision.domain, decision.model, version, kind).inc()


_making = Lock()


def metrics() -> Metrics:
    """The metrics, made at first use: BentoML sets the folder that workers share before that."""
    with _making:  # the first request and the first look at the manifest may come at one moment
        return _made()


@cache
def _made() -> Metrics:
    from prometheus_client import Counter, Gauge, Histogram

    return Metrics(
        requests=Counter(
            "finloop_requests", "Requests by endpoint", ["method", "endpoint", "status"]
        ),
        seconds=Histogram(
            "finloop_request_seconds",
            "Time to answer, the commit included",
            ["method", "endpoint"],
            buckets=_SECONDS,
        ),
        decisions=Counter(
            "finloop_decisions", "Decisions", ["domain", "model", "decision", "arm", "version"]
        ),
        errors=Counter(
            "finloop_model_errors",
            "Failures of the drawn arm; another one or the rules answered",
            ["domain", "model", "version", "kind"],
        ),
        degraded=Counter(
            "finloop_degraded", "Decisions made without something", ["domain", "what"]
        ),
        shadows=Counter("finloop_shadows", "Shadow scores", ["model", "version", "outcome"]),
        generation=Gauge(
            "finloop_manifest_generation",
            "Generation of the manifest that is served",
            multiprocess_mode="livemin",
        ),
    )


def exposition() -> bytes:
    """The metrics of every worker of this host in Prometheus' text format."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)
    except ValueError:  # no folder that workers share: this process is the only one
        registry = REGISTRY
    return generate_latest(registry)
