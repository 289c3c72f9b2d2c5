"""For operators: the gateway's health (``/healthz``, ``/readyz``), and metrics for Prometheus (``/metrics``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from txcdp.gateway._counters import BUCKETS, Counters
from txcdp.gateway._egress import EgressProxy
from txcdp.gateway._http.connection_limiter import ConnectionLimiter
from txcdp.gateway._http.refusals import busy
from txcdp.gateway._http.requests import Answer, RoutedRequest
from txcdp.gateway._pool.pool import Pool
from txcdp.gateway._pool.pooled_browser import Replaced
from txcdp.gateway._proxy.clients import Clients


class Metrics(Collector):
    """The handlers of these paths; the values are read when they are requested.

    :param pool: the browsers.
    :param clients: the WebSockets.
    :param limiter: the connections that are not WebSockets.
    :param counters: the counters of what has passed through.
    :param egress: the proxy through which browsers make all connections; None: they connect directly.
    """

    def __init__(
        self, pool: Pool, clients: Clients, limiter: ConnectionLimiter, counters: Counters, egress: EgressProxy | None
    ) -> None:
        self._browsers = pool
        self._connected = clients
        self._limiter = limiter
        self._counters = counters
        self._proxy = egress
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def healthz(self, request: RoutedRequest) -> Answer:
        """Answer that the gateway is alive."""
        return Answer(b"ok")

    def readyz(self, request: RoutedRequest) -> Answer:
        """Answer whether a client that arrives now can expect a browser."""
        if self._connected.leaving or not self._browsers.ready:
            raise busy(503, "No browsers are available for new clients now.", "not_ready", 5)
        return Answer(b"ok")

    def metrics(self, request: RoutedRequest) -> Answer:
        """Return all metrics, as Prometheus reads them."""
        return Answer(generate_latest(self._registry), CONTENT_TYPE_LATEST)

    def describe(self) -> list[Any]:
        """Return nothing before the gateway is complete."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield all metrics."""
        yield from self._pool()
        yield from self._clients()
        yield from self._commands()
        yield from self._egress()

    def _pool(self) -> Iterator[Any]:
        pool = self._browsers
        states = {"idle": len(pool.idle), "leased": len(pool.leased), "starting": pool.starting}
        yield _gauges("browsers", "Browsers by state.", "state", states)
        yield _gauge("queue", "Clients that wait for a browser.", pool.waiting)
        sizes = [pooled.memory for pooled in (*pool.idle, *pool.leased)]
        text = "Memory of all browsers together, when it was last looked at."
        yield _gauge("browsers_memory_bytes", text, sum(sizes))
        text = "Memory of the browser that has the most, when it was last looked at."
        yield _gauge("browser_memory_bytes_max", text, max(sizes, default=0))
        counts = vars(pool.counts)
        yield _counter("browsers_started", "Browsers that came up.", counts["started"])
        yield _counter("browser_start_failures", "Attempts to start a browser that failed.", counts["failed"])
        ended = {why: counts[why] for why in get_args(Replaced)}
        yield _counters("browsers_ended", "Browsers that were replaced.", "why", ended)

    def _clients(self) -> Iterator[Any]:
        counters, limiter = self._counters, self._limiter
        there = dict.fromkeys(counters.clients, 0)
        for relay in self._connected.relays.values():
            there[relay.name] += 1
        yield _gauges("clients", "WebSockets that are open.", "name", there)
        yield _counters("clients_opened", "WebSockets that were opened.", "name", counters.clients)
        yield _counters("clients_ended", "WebSockets that have ended.", "why", counters.ended)
        yield _counters("requests_refused", "Refused requests, and silent connections.", "why", counters.refused)
        text = "Connections other than WebSockets, by whether a request is in progress."
        yield _gauges("connections", text, "state", {"waiting": limiter.waiting, "busy": limiter.busy})
        renders = {(path, str(status)): number for (path, status), number in counters.renders.items()}
        yield _counters("renders", "Renders by their answer.", "path status", renders)

    def _commands(self) -> Iterator[Any]:
        counters = self._counters
        outcomes: dict[tuple[str, ...], float] = {}
        text = "From a command to its reply, by domain."
        latency = HistogramMetricFamily("txcdp_gateway_command_seconds", text, labels=["domain"])
        for name, domain in counters.domains.items():
            outcomes |= {(name, outcome): number for outcome, number in domain.outcomes.items()}
            bounds = (*map(str, BUCKETS), "+Inf")
            latency.add_metric([name], list(zip(bounds, accumulate(domain.buckets), strict=True)), domain.seconds)
        yield _counters("commands", "Commands by domain and outcome.", "domain outcome", outcomes)
        yield latency
        yield _counter("events", "Events that went to clients.", counters.events)
        moved = {"in": counters.bytes_in, "out": counters.bytes_out}
        yield _counters("bytes", "Bytes of messages.", "direction", moved)
        text = "Bytes of messages that were discarded because their client did not read."
        yield _counter("dropped_bytes", text, counters.dropped)

    def _egress(self) -> Iterator[Any]:
        egress = self._proxy
        if egress is None:
            return
        yield _gauge("egress_open", "Connections of browsers to the outside.", egress.now)
        ended = {outcome: getattr(egress.counts, outcome) for outcome in ("connected", "failed", "full", "foreign")}
        yield _counters("egress", "Connections to the outside that browsers requested.", "outcome", ended)
        text = "Connections that were refused, by the kind of non-public address."
        yield _counters("egress_refused", text, "why", egress.counts.refused)


def _gauge(name: str, text: str, number: float) -> Any:
    return GaugeMetricFamily(f"txcdp_gateway_{name}", text, number)


def _counter(name: str, text: str, number: float) -> Any:
    return CounterMetricFamily(f"txcdp_gateway_{name}", text, number)


def _gauges(name: str, text: str, labels: str, numbers: Mapping[str, float]) -> Any:
    return _labelled(GaugeMetricFamily(f"txcdp_gateway_{name}", text, labels=labels.split()), numbers)


def _counters(name: str, text: str, labels: str, numbers: Mapping[Any, float]) -> Any:
    return _labelled(CounterMetricFamily(f"txcdp_gateway_{name}", text, labels=labels.split()), numbers)


def _labelled(family: Any, numbers: Mapping[Any, float]) -> Any:
    """Add values to a family, by the value of its label, or by a tuple of its labels' values."""
    for values, number in numbers.items():
        family.add_metric([values] if isinstance(values, str) else [*values], number)
    return family
