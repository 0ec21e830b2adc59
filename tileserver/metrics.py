"""Figures for Prometheus: requests by protocol and status, caches, stores, the queue."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

#: Called at each scrape; groups of figures by name, for example `{"tiles": {"bytes": 12}}`.
Figures = Callable[[], Mapping[str, Mapping[str, float]]]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class _Gauges(Collector):
    """One gauge family per group of figures, labelled by the figure's name."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the families are known only when asked."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield the current figures."""
        for group, values in self._figures().items():
            family = GaugeMetricFamily(f"tileserver_{group}", f"State of {group}.", labels=["what"])
            for name, value in values.items():
                family.add_metric([name], value)
            yield family


class Metrics:
    """The figures of one application; a registry of its own, so that tests may have several."""

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, figures: Figures) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tileserver_requests",
            "Answered requests.",
            ["protocol", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tileserver_request_seconds",
            "Time from the request's head to the answer's end.",
            ["protocol"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_Gauges(figures))
        # Looking a child up by its labels costs as much as all the counting.
        self._counted: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def note(self, protocol: str, status: int, seconds: float) -> None:
        """Note one answered request.

        Args:
            protocol: One of a handful of names, never a client's word.
            status: HTTP status.
            seconds: From the request's head to the answer's end.
        """
        counted = self._counted.get((protocol, status))
        if counted is None:
            requests = self._requests.labels(protocol, str(status))
            counted = self._counted[protocol, status] = requests, self._seconds.labels(protocol)
        counted[0].inc()
        counted[1].observe(seconds)

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self._registry)
