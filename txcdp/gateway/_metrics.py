"""For those who run it: whether it is well (``/healthz``, ``/readyz``), and numbers for Prometheus (``/metrics``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from txcdp.gateway._proxy.clients import Clients


class Metrics(Collector):
    """The handlers of these paths; the numbers are read when they are asked for.

    :param pool: the browsers.
    :param clients: the WebSockets.
    :param limiter: the connections that are none.
    :param counters: what has passed.
    :param egress: by which alone browsers reach anything; None: they reach all.
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
        """It answers, so it lives."""
        return Answer(b"ok")

    def readyz(self, request: RoutedRequest) -> Answer:
        """Whether a client that comes now can expect a browser."""
        if self._connected.draining or not self._browsers.ready:
            raise busy(503, "There are no browsers for new clients now.", "not_ready", 5)
        return Answer(b"ok")

    def metrics(self, request: RoutedRequest) -> Answer:
        """Return all numbers, as Prometheus reads them."""
        return Answer(generate_latest(self._registry), CONTENT_TYPE_LATEST)

    def describe(self) -> list[Any]:
        """Say nothing before the gateway is complete."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield all numbers."""
        yield from self._pool()
        yield from self._clients()
        yield from self._commands()
        yield from self._egress()

    def _pool(self) -> Iterator[Any]:
        pool = self._browsers
        browsers = GaugeMetricFamily("txcdp_gateway_browsers", "Browsers by state.", labels=["state"])
        browsers.add_metric(["idle"], len(pool.idle))
        browsers.add_metric(["leased"], len(pool.leased))
        browsers.add_metric(["starting"], pool.starting)
        yield browsers
        yield GaugeMetricFamily("txcdp_gateway_queue", "Clients that wait for a browser.", pool.waiting)
        pooled_browsers = [*pool.idle, *pool.leased]
        yield GaugeMetricFamily(
            "txcdp_gateway_browsers_memory_bytes",
            "Memory of all browsers together, when it was last looked at.",
            sum(pooled.memory for pooled in pooled_browsers),
        )
        yield GaugeMetricFamily(
            "txcdp_gateway_browser_memory_bytes_max",
            "Memory of the browser that has the most, when it was last looked at.",
            max((pooled.memory for pooled in pooled_browsers), default=0),
        )
        counts = pool.counts
        yield CounterMetricFamily("txcdp_gateway_browsers_started", "Browsers that came up.", counts.started)
        yield CounterMetricFamily(
            "txcdp_gateway_browser_start_failures", "Attempts to start a browser that failed.", counts.failed
        )
        ended = CounterMetricFamily("txcdp_gateway_browsers_ended", "Browsers that were replaced.", labels=["why"])
        for why in ("recycled", "died", "hung", "oversized"):
            ended.add_metric([why], getattr(counts, why))
        yield ended

    def _clients(self) -> Iterator[Any]:
        counters = self._counters
        now = GaugeMetricFamily("txcdp_gateway_clients", "WebSockets that are open.", labels=["name"])
        there: dict[str, int] = dict.fromkeys(counters.clients, 0)
        for relay in self._connected.relays.values():
            there[relay.name] += 1
        for name, number in there.items():
            now.add_metric([name], number)
        yield now
        for metric, text, label, found in (
            ("txcdp_gateway_clients_opened", "WebSockets that were opened.", "name", counters.clients),
            ("txcdp_gateway_clients_ended", "WebSockets that have ended.", "why", counters.ended),
            ("txcdp_gateway_requests_refused", "Refused requests, and silent connections.", "why", counters.refused),
        ):
            family = CounterMetricFamily(metric, text, labels=[label])
            for word, number in found.items():
                family.add_metric([word], number)
            yield family
        connections = GaugeMetricFamily(
            "txcdp_gateway_connections",
            "Connections that are no WebSockets, by whether a request is in progress.",
            labels=["state"],
        )
        connections.add_metric(["waiting"], self._limiter.waiting)
        connections.add_metric(["busy"], self._limiter.busy)
        yield connections
        renders = CounterMetricFamily("txcdp_gateway_renders", "Renders by their answer.", labels=["path", "status"])
        for (path, status), number in counters.renders.items():
            renders.add_metric([path, str(status)], number)
        yield renders

    def _commands(self) -> Iterator[Any]:
        counters = self._counters
        outcomes = CounterMetricFamily(
            "txcdp_gateway_commands", "Commands by domain and outcome.", labels=["domain", "outcome"]
        )
        latency = HistogramMetricFamily(
            "txcdp_gateway_command_seconds", "From a command to its reply, by domain.", labels=["domain"]
        )
        for name, domain in counters.domains.items():
            for outcome, number in domain.outcomes.items():
                outcomes.add_metric([name, outcome], number)
            total, buckets = 0, []
            for bound, number in zip((*map(str, BUCKETS), "+Inf"), domain.buckets, strict=True):
                total += number
                buckets.append((bound, total))
            latency.add_metric([name], buckets, domain.seconds)
        yield outcomes
        yield latency
        yield CounterMetricFamily("txcdp_gateway_events", "Events that went to clients.", counters.events)
        moved = CounterMetricFamily("txcdp_gateway_bytes", "Bytes of messages.", labels=["direction"])
        moved.add_metric(["in"], counters.bytes_in)
        moved.add_metric(["out"], counters.bytes_out)
        yield moved
        yield CounterMetricFamily(
            "txcdp_gateway_dropped_bytes",
            "Bytes of messages that were thrown away since their client did not read.",
            counters.dropped,
        )

    def _egress(self) -> Iterator[Any]:
        egress = self._proxy
        if egress is None:
            return
        yield GaugeMetricFamily("txcdp_gateway_egress_open", "Connections of browsers to the outside.", egress.now)
        counts = egress.counts
        ended = CounterMetricFamily(
            "txcdp_gateway_egress", "Connections to the outside that browsers wanted.", labels=["outcome"]
        )
        for outcome in ("connected", "failed", "full", "foreign"):
            ended.add_metric([outcome], getattr(counts, outcome))
        yield ended
        refused = CounterMetricFamily(
            "txcdp_gateway_egress_refused",
            "Connections that were refused, by what the address is that is not public.",
            labels=["why"],
        )
        for kind, number in counts.refused.items():
            refused.add_metric([kind], number)
        yield refused
