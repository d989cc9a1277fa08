"""The console: all its pages, put together."""

from __future__ import annotations

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from openmimc.admin.account_pages import account_pages
from openmimc.admin.app_pages import APPS, app_pages
from openmimc.admin.callback_pages import callback_pages
from openmimc.admin.desk import Desk, Visit
from openmimc.admin.keys_page import keys_pages
from openmimc.admin.message_page import message_pages
from openmimc.admin.render import page_headers
from openmimc.admin.room_pages import room_pages
from openmimc.admin.server_page import server_pages
from openmimc.admin.services import ConsoleServices
from openmimc.admin.settings_page import settings_pages

CONSOLE = "/console"


def console_pages(services: ConsoleServices) -> list[HTTPRouteHandler]:
    """Everything under ``/console`` but sign-in, static files and what is missing."""
    desk = Desk(services.guard, services.pages)
    apps = services.apps

    async def first_page(visit: Visit) -> Response[None]:
        return Redirect(APPS, status_code=303, headers=page_headers())

    return [
        desk.page(CONSOLE, first_page),
        *app_pages(desk, apps, services.counts, services.callbacks, services.clock),
        *settings_pages(desk, apps),
        *keys_pages(desk, apps),
        *account_pages(desk, apps, services.accounts),
        *room_pages(desk, apps, services.topics_store, services.groups_store),
        *message_pages(desk, apps, services.lives),
        *callback_pages(desk, apps, services.callbacks),
        *server_pages(desk, services.health),
    ]
