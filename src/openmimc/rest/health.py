"""``/healthz``, ``/readyz``, ``/metrics``: for machines that watch the server, with real HTTP statuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import HttpMethod, Response, route
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST

from openmimc.rest.documentation import documented

PAGE = "Operation"
READ = [HttpMethod.GET, HttpMethod.HEAD]


class Readiness(Struct, frozen=True):
    """Whether the server can do its work now.

    Attributes:
        not_ready: Part of the server, and what is wrong with it.
    """

    ready: bool
    not_ready: dict[str, str]


def health_pages(
    check_ready: Callable[[], Awaitable[dict[str, str]]], render_metrics: Callable[[], bytes]
) -> list[HTTPRouteHandler]:
    """The three pages.

    Args:
        check_ready: Names what is not ready, and why; empty when all is well.
        render_metrics: All metrics in Prometheus' text format.
    """

    @documented(PAGE, "Whether the process runs", data_example="ok\n")
    @route("/healthz", http_method=READ, status_code=200, media_type=MediaType.TEXT)
    async def healthz() -> str:
        return "ok\n"

    @documented(
        PAGE,
        "Whether the server can do its work now",
        text="HTTP status 503 if it can not.",
        data_example={"ready": True, "not_ready": {}},
        statuses=(503,),
    )
    @route("/readyz", http_method=READ, status_code=200)
    async def readyz() -> Response[Readiness]:
        not_ready = await check_ready()
        return Response(Readiness(not not_ready, not_ready), status_code=503 if not_ready else 200)

    @documented(PAGE, "Metrics in Prometheus' text format", data_example="openmimc_build_info 1.0\n")
    @route("/metrics", http_method=READ, status_code=200, media_type=CONTENT_TYPE_LATEST)
    async def metrics() -> bytes:
        return render_metrics()

    return [healthz, readyz, metrics]
