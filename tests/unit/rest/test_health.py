"""``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

import pytest

from tests.fakes.clock import FakeClock
from tests.unit.rest.world import NOW_MS, RecordingStore, World


def make_world(not_ready: dict[str, str]) -> World:
    async def check_ready() -> dict[str, str]:
        return not_ready

    clock = FakeClock(NOW_MS)
    return World(
        RecordingStore(clock),
        clock,
        check_ready=check_ready,
        render_metrics=lambda: b"openmimc_binds_total 3\n",
    )


async def test_a_running_server_is_healthy_even_when_not_ready() -> None:
    response = await make_world({"store": "disk full"}).http.get("/healthz")

    assert (response.status_code, response.text.strip()) == (200, "ok")


async def test_readiness_has_a_real_status_and_names_what_is_wrong() -> None:
    ready = await make_world({}).http.get("/readyz")
    not_ready = await make_world({"store": "disk full"}).http.get("/readyz")

    assert (ready.status_code, ready.json()) == (200, {"ready": True, "not_ready": {}})
    assert (not_ready.status_code, not_ready.json()) == (
        503,
        {"ready": False, "not_ready": {"store": "disk full"}},
    )


async def test_metrics_are_what_was_rendered_in_prometheus_format() -> None:
    response = await make_world({}).http.get("/metrics")

    assert response.content == b"openmimc_binds_total 3\n"
    assert response.headers["content-type"].startswith("text/plain; version=")


@pytest.mark.parametrize(
    ("path", "not_ready", "status"),
    [
        ("/healthz", {}, 200),
        ("/readyz", {}, 200),
        ("/readyz", {"store": "disk full"}, 503),
        ("/metrics", {}, 200),
    ],
)
async def test_head_asks_for_the_status_alone(path: str, not_ready: dict[str, str], status: int) -> None:
    response = await make_world(not_ready).http.head(path)

    assert (response.status_code, response.content) == (status, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_nothing_can_be_posted_to_them(path: str) -> None:
    response = await make_world({}).http.post(path)

    assert response.status_code == 405
    assert response.json()["code"] == 405
