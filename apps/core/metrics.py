"""What the process counts and Prometheus fetches at /metrics.

Requests are measured as they are answered, by route and not by path, so that ids never become labels.
Gauges that the database knows are asked for only when somebody fetches: each app states its own in `gauges`.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

ANSWERS: Final = Histogram(
    "lava_http_answer_seconds",
    "How long answers took, by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CHARGES: Final = Counter(
    "lava_charges", "Reported requests, by what became of them: charged, repeated or refused.", ["outcome"]
)

UNKNOWN_ROUTE: Final = "unknown"


def observe(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count one answer."""
    ANSWERS.labels(route, method, str(status)).observe(seconds)


def at_fetch(name: str, documentation: str) -> Callable[[Callable[[], float]], Callable[[], float]]:
    """Show what the function says as a gauge, asked whenever the metrics are fetched."""

    def register(ask: Callable[[], float]) -> Callable[[], float]:
        _asked.register(_AskedGauge(name, documentation, ask))
        return ask

    return register


class Measure:
    """Middleware that observes every answer Django gives."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else ""
        observe(
            route=f"/{route}" if route else UNKNOWN_ROUTE,
            method=request.method if request.method in _METHODS else "other",
            status=response.status_code,
            seconds=time.perf_counter() - started,
        )
        return response


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics, for those who know `settings.METRICS_TOKEN` when there is one."""
    if not _may_fetch(request):
        return HttpResponse("Send 'Authorization: Bearer' with the metrics token.", status=401)
    page = generate_latest(_counted()) + generate_latest(_asked)
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_asked: Final = CollectorRegistry(auto_describe=False)


class _AskedGauge(Collector):
    def __init__(self, name: str, documentation: str, ask: Callable[[], float]) -> None:
        self._name, self._documentation, self._ask = name, documentation, ask

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(self._name, self._documentation, value=self._ask())


def _counted() -> CollectorRegistry:
    """This process's counts, or those of all processes when they share a folder for them."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _may_fetch(request: HttpRequest) -> bool:
    token: str = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    return not token or hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
