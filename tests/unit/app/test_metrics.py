from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

import openmimc
from openmimc.app.admission import Admission
from openmimc.app.metrics import Metrics
from openmimc.gateway import GatewayStats
from openmimc.store.sqlite.stats import StoreStats
from openmimc.webhook import WebhookStats
from openmimc.wire.codec import codec_name


def make_metrics(
    gateway: GatewayStats | None = None,
    store: StoreStats | None = None,
    webhook: WebhookStats | None = None,
    admission: Admission | None = None,
) -> Metrics:
    return Metrics(
        gateway or GatewayStats(),
        store or StoreStats(),
        webhook or WebhookStats(),
        admission or Admission(1, lambda: 0),
    )


def render(
    gateway: GatewayStats | None = None,
    store: StoreStats | None = None,
    webhook: WebhookStats | None = None,
    admission: Admission | None = None,
) -> dict[tuple[str, ...], float]:
    """Samples by name and sorted labels: ("openmimc_binds_total", "reason=x", "result=refused")."""
    metrics = make_metrics(gateway, store, webhook, admission)
    samples = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            samples[sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items()))] = sample.value
    return samples


def test_every_metric_of_ours_says_what_it_counts() -> None:
    text = make_metrics().render().decode()

    families = [f for f in text_string_to_metric_families(text) if f.name.startswith("openmimc_")]

    assert len(families) > 15
    assert all(family.documentation.endswith(".") for family in families)


def test_connections_are_told_by_transport_and_sdk() -> None:
    gateway = GatewayStats()
    gateway.connections["tcp", "java"] += 3
    gateway.connections["websocket", ""] += 2
    gateway.connections_total["tcp"] += 7

    samples = render(gateway)

    assert samples["openmimc_connections", "sdk=java", "transport=tcp"] == 3
    assert samples["openmimc_connections", "sdk=none", "transport=websocket"] == 2
    assert samples["openmimc_connections_opened_total", "transport=tcp"] == 7


def test_logins_and_refusals_are_told_by_reason() -> None:
    gateway = GatewayStats()
    gateway.binds_accepted = 5
    gateway.binds_refused["invalid-token"] += 2
    gateway.messages_in = 9
    gateway.messages_out = 8
    gateway.refusals[404] += 1

    samples = render(gateway)

    assert samples["openmimc_binds_total", "reason=", "result=accepted"] == 5
    assert samples["openmimc_binds_total", "reason=invalid-token", "result=refused"] == 2
    assert samples["openmimc_messages_received_total",] == 9
    assert samples["openmimc_messages_delivered_total",] == 8
    assert samples["openmimc_messages_refused_total", "code=404"] == 1


def test_histograms_are_cumulative() -> None:
    store = StoreStats()
    for size in (1, 1, 3, 5000):
        store.batch_operations.observe(size)
    store.commit_seconds.observe(0.0004)
    store.queued_operations = 6

    samples = render(store=store)

    assert samples["openmimc_store_commit_operations_bucket", "le=1.0"] == 2
    assert samples["openmimc_store_commit_operations_bucket", "le=2.0"] == 2
    assert samples["openmimc_store_commit_operations_bucket", "le=4.0"] == 3
    assert samples["openmimc_store_commit_operations_bucket", "le=1024.0"] == 3
    assert samples["openmimc_store_commit_operations_bucket", "le=+Inf"] == 4
    assert samples["openmimc_store_commit_operations_count",] == 4
    assert samples["openmimc_store_commit_operations_sum",] == 5005
    assert samples["openmimc_store_commit_seconds_bucket", "le=0.0005"] == 1
    assert samples["openmimc_store_queue_operations",] == 6


def test_the_process_and_its_version_are_told() -> None:
    samples = render()

    assert samples["openmimc_build_info", f"codec={codec_name()}", f"version={openmimc.__version__}"] == 1
    assert samples["process_resident_memory_bytes",] > 0


def test_connections_turned_away_are_told() -> None:
    admission = Admission(1, lambda: 1)
    admission.turned_away = 4

    samples = render(admission=admission)

    assert samples["openmimc_connections_turned_away_total",] == 4


def test_callbacks_are_told_by_state_and_attempts_by_result() -> None:
    webhook = WebhookStats()
    webhook.attempts["delivered"] += 5
    webhook.attempts["timeout"] += 2
    webhook.died, webhook.in_flight, webhook.waiting, webhook.dead = 1, 3, 7, 4

    samples = render(webhook=webhook)

    assert samples["openmimc_callback_attempts_total", "result=delivered"] == 5
    assert samples["openmimc_callback_attempts_total", "result=timeout"] == 2
    assert samples["openmimc_callbacks_given_up_total",] == 1
    assert samples["openmimc_callbacks_in_flight",] == 3
    assert samples["openmimc_callbacks", "state=waiting"] == 7
    assert samples["openmimc_callbacks", "state=dead"] == 4
