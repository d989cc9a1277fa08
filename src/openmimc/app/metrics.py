"""Metrics in Prometheus' text format.

The rooms count in plain numbers, which costs a message nothing; they become metrics when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import openmimc
from openmimc.app.admission import Admission
from openmimc.gateway import GatewayStats
from openmimc.webhook import WebhookStats
from openmimc.wire.codec import codec_name


class HistogramNumbers(Protocol):
    """Counts of values by size, as the store keeps them."""

    @property
    def bounds(self) -> Sequence[float]:
        """Upper bounds, inclusive, ascending; one more bucket counts what is above."""

    @property
    def counts(self) -> Sequence[int]:
        """One per bucket, not cumulative."""

    @property
    def total(self) -> float:
        """Sum of the values."""


class StoreNumbers(Protocol):
    """What a store counts about itself."""

    @property
    def commits(self) -> int:
        """Transactions committed."""

    @property
    def failed_commits(self) -> int:
        """Transactions rolled back."""

    @property
    def refused_operations(self) -> int:
        """Operations refused because too much waited."""

    @property
    def appended_messages(self) -> int:
        """Messages stored, repeats not counted."""

    @property
    def queued_operations(self) -> int:
        """Operations accepted and not completed yet."""

    @property
    def batch_operations(self) -> HistogramNumbers:
        """Operations per transaction."""

    @property
    def commit_seconds(self) -> HistogramNumbers:
        """Time from a transaction's start until it was on disk."""


class Metrics:
    """Everything the server tells about itself."""

    def __init__(
        self, gateway: GatewayStats, store: StoreNumbers, webhook: WebhookStats, admission: Admission
    ) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Rooms(gateway, store, webhook, admission))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self) -> bytes:
        """All metrics as of now."""
        return generate_latest(self._registry)


class _Rooms(Collector):
    def __init__(
        self, gateway: GatewayStats, store: StoreNumbers, webhook: WebhookStats, admission: Admission
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._webhook = webhook
        self._admission = admission

    def describe(self) -> Iterable[Metric]:
        return ()  # Nothing is known before it is counted.

    def collect(self) -> Iterator[Metric]:
        build = {"version": openmimc.__version__, "codec": codec_name()}
        yield InfoMetricFamily("openmimc_build", "Which program this is.", build)
        yield from self._collect_gateway(self._gateway)
        yield from self._collect_store(self._store)
        yield from self._collect_webhook(self._webhook)

    def _collect_gateway(self, stats: GatewayStats) -> Iterator[Metric]:
        connections = GaugeMetricFamily(
            "openmimc_connections",
            "Open client connections, by transport and by SDK, which is none before the first packet.",
            labels=["transport", "sdk"],
        )
        for (transport, sdk), count in sorted(stats.connections.items()):
            connections.add_metric([transport, sdk or "none"], count)
        yield connections
        yield _counters(
            "openmimc_connections_opened",
            "Client connections since the start.",
            "transport",
            stats.connections_total,
        )
        yield _counter(
            "openmimc_connections_turned_away",
            "Client connections closed at once because max_connections was reached.",
            self._admission.turned_away,
        )
        binds = CounterMetricFamily(
            "openmimc_binds", "Logins, by what came of them and why.", labels=["result", "reason"]
        )
        binds.add_metric(["accepted", ""], stats.binds_accepted)
        for reason, count in sorted(stats.binds_refused.items()):
            binds.add_metric(["refused", reason], count)
        yield binds
        yield _counter(
            "openmimc_messages_received",
            "Messages that clients sent, refused and repeated ones included.",
            stats.messages_in,
        )
        yield _counter(
            "openmimc_messages_delivered",
            "Messages written to devices; one message to three devices counts three times.",
            stats.messages_out,
        )
        yield _counter("openmimc_packets_sent", "Packets written to clients.", stats.packets_out)
        yield _counters(
            "openmimc_messages_refused",
            "Messages refused, by the code of the refusal.",
            "code",
            {str(code): count for code, count in stats.refusals.items()},
        )
        yield _counters("openmimc_kicks", "Users logged out by the server, by reason.", "reason", stats.kicks)
        yield _counters(
            "openmimc_protocol_errors",
            "Connections ended because the peer broke the protocol, by reason.",
            "reason",
            stats.protocol_errors,
        )
        yield _counters(
            "openmimc_timeouts",
            "Connections ended because they were silent, by their state.",
            "state",
            stats.timeouts,
        )
        yield _counter(
            "openmimc_slow_readers", "Connections ended because they left too much unread.", stats.slow_readers
        )
        yield _counter(
            "openmimc_packets_ignored",
            "Packets that the state of their connection has no use for.",
            stats.ignored_packets,
        )

        yield GaugeMetricFamily(
            "openmimc_groups", "Unlimited groups with a member's device connected.", stats.groups
        )

    def _collect_store(self, stats: StoreNumbers) -> Iterator[Metric]:
        yield _counter(
            "openmimc_store_messages", "Messages stored, repeats not counted.", stats.appended_messages
        )
        yield _counter("openmimc_store_commits", "Transactions that reached the disk.", stats.commits)
        yield _counter("openmimc_store_failed_commits", "Transactions rolled back.", stats.failed_commits)
        yield _counter(
            "openmimc_store_refused_operations",
            "Operations refused because too much waited for the disk.",
            stats.refused_operations,
        )
        yield GaugeMetricFamily(
            "openmimc_store_queue_operations",
            "Operations waiting for the disk or on their way to it.",
            stats.queued_operations,
        )
        yield _histogram(
            "openmimc_store_commit_operations", "Operations per transaction.", stats.batch_operations
        )
        yield _histogram(
            "openmimc_store_commit_seconds",
            "Time from a transaction's start until it was on disk.",
            stats.commit_seconds,
        )

    def _collect_webhook(self, stats: WebhookStats) -> Iterator[Metric]:
        yield _counters(
            "openmimc_callback_attempts", "Attempts to deliver a callback, by result.", "result", stats.attempts
        )
        yield _counter(
            "openmimc_callbacks_given_up", "Callbacks that were dead after their last attempt.", stats.died
        )
        yield GaugeMetricFamily(
            "openmimc_callbacks_in_flight",
            "Attempts to deliver a callback that are under way.",
            stats.in_flight,
        )
        callbacks = GaugeMetricFamily(
            "openmimc_callbacks", "Callbacks that have not arrived, by state.", labels=["state"]
        )
        callbacks.add_metric(["waiting"], stats.waiting)
        callbacks.add_metric(["dead"], stats.dead)
        yield callbacks


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(name, text, value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family


def _histogram(name: str, text: str, numbers: HistogramNumbers) -> Metric:
    counts = list(numbers.counts)  # Copied first: the store's thread may count while we add up.
    buckets = []
    total = 0
    for bound, count in zip([*map(str, map(float, numbers.bounds)), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, total))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=numbers.total)
