"""How the server is, in numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

import openmimc
from openmimc.app.health import Connections, HealthMonitor
from openmimc.gateway import GatewayStats
from openmimc.store.sqlite.stats import StoreStats
from openmimc.webhook import WebhookStats


class Server:
    """Numbers that a test sets, and a clock that it moves."""

    def __init__(self, folder: Path) -> None:
        self.gateway = GatewayStats()
        self.store = StoreStats()
        self.webhook = WebhookStats()
        self.now_s = 100.0
        self.bound = 0
        self.database = folder / "openmimc.db"
        self.monitor = HealthMonitor(
            self.gateway,
            self.store,
            self.webhook,
            count_bound=lambda: self.bound,
            database=self.database,
            now_s=lambda: self.now_s,
        )

    def run(self, seconds: int, *, messages_per_s: int = 0) -> None:
        """Let time pass, with a sample each second."""
        for _ in range(seconds):
            self.now_s += 1
            self.gateway.messages_in += messages_per_s
            self.gateway.messages_out += messages_per_s * 2
            self.store.appended_messages += messages_per_s * 3
            self.gateway.binds_accepted += messages_per_s * 4
            self.monitor.sample()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_at_the_start_nothing_has_happened(server: Server) -> None:
    health = server.monitor.read()

    assert (health.uptime_s, health.over_s) == (0, 0)
    assert (health.received_per_s, health.stored_per_s) == (0.0, 0.0)
    assert (health.commit_ms_50, health.commit_ms_95, health.commit_ms_99) == (None, None, None)
    assert health.connections == ()
    assert health.version == openmimc.__version__


def test_rates_are_of_the_time_since_the_start_at_first(server: Server) -> None:
    server.run(10, messages_per_s=5)

    health = server.monitor.read()

    assert (health.over_s, health.uptime_s) == (10, 10)
    rates = (health.received_per_s, health.delivered_per_s, health.stored_per_s, health.logins_per_s)
    assert rates == (5.0, 10.0, 15.0, 20.0)


def test_later_rates_are_of_the_last_minute_alone(server: Server) -> None:
    server.run(300, messages_per_s=1_000)
    server.run(61, messages_per_s=7)

    health = server.monitor.read()

    assert (health.over_s, health.uptime_s) == (60, 361)
    assert health.received_per_s == 7.0


def test_after_a_gap_in_the_samples_what_is_too_old_does_not_count(server: Server) -> None:
    server.run(60, messages_per_s=1_000)
    server.now_s += 500

    health = server.monitor.read()

    assert health.over_s == 0
    assert health.received_per_s == 0.0


def test_the_latency_of_commits_is_that_of_the_last_minute(server: Server) -> None:
    for _ in range(1_000):
        server.store.commit_seconds.observe(4.0)
    server.run(62)
    for seconds, times in ((0.0004, 50), (0.002, 45), (0.04, 5)):
        for _ in range(times):
            server.store.commit_seconds.observe(seconds)

    health = server.monitor.read()

    assert health.commit_ms_50 == 0.5
    assert health.commit_ms_95 == 2.5
    assert health.commit_ms_99 == pytest.approx(45.0)


def test_what_is_slower_than_the_histogram_goes_is_told_as_its_end(server: Server) -> None:
    server.store.commit_seconds.observe(1_000)

    assert server.monitor.read().commit_ms_50 == 5_000.0


def test_what_there_is_now_is_told(server: Server) -> None:
    server.gateway.connections["tls", "go"] = 2
    server.gateway.connections["tcp", ""] = 1
    server.gateway.connections["tcp", "webjs"] = 0
    server.bound = 2
    server.store.queued_operations = 3
    server.store.failed_commits = 4
    server.webhook.waiting, server.webhook.dead = 5, 6

    health = server.monitor.read()

    assert health.connections == (Connections("tcp", "", 1), Connections("tls", "go", 2))
    assert (health.bound, health.queued, health.failed_commits) == (2, 3, 4)
    assert (health.callbacks_waiting, health.callbacks_dead) == (5, 6)


def test_the_room_that_the_store_takes_includes_its_side_files(server: Server) -> None:
    server.database.write_bytes(bytes(100))
    alone = server.monitor.read().database_bytes
    server.database.with_name("openmimc.db-wal").write_bytes(bytes(23))

    health = server.monitor.read()

    assert (alone, health.database_bytes) == (100, 123)
    assert 0 < health.disk_free_bytes < health.disk_bytes
