"""How the server is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from openmimc.admin.desk import Desk, Visit

SERVER = "/console/server"


def server_pages(desk: Desk, health: Callable[[], Any]) -> list[HTTPRouteHandler]:
    """The page of this module.

    Args:
        desk: Lets operators in.
        health: How the server is now, as ``openmimc.app.health.Health``.
    """

    async def show(visit: Visit) -> Response[str]:
        return visit.render("server.html", health=health())

    return [desk.page(SERVER, show)]
