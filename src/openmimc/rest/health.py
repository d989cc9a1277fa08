"""``/healthz``, ``/readyz``, ``/metrics``: for machines that watch the server, with real HTTP statuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import HttpMethod, Response, route
from litestar.enums import MediaType
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST

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

    @route("/healthz", http_method=READ, status_code=200, media_type=MediaType.TEXT)
    async def healthz() -> str:
        return "ok\n"

    @route("/readyz", http_method=READ, status_code=200)
    async def readyz() -> Response[Readiness]:
        not_ready = await check_ready()
        return Response(Readiness(not not_ready, not_ready), status_code=503 if not_ready else 200)

    @route("/metrics", http_method=READ, status_code=200)
    async def metrics() -> Response[bytes]:
        return Response(render_metrics(), media_type=CONTENT_TYPE_LATEST)

    return [healthz, readyz, metrics]
