"""Puts the pages for people together: the console and the demo page."""

from __future__ import annotations

from collections.abc import Callable

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from openmimc.admin.assets import Assets, asset_pages, sdk_pages
from openmimc.admin.console import console_pages
from openmimc.admin.demo import demo_pages
from openmimc.admin.failures import missing_pages, page_failures
from openmimc.admin.guard import Guard
from openmimc.admin.peers import Peers
from openmimc.admin.render import Pages
from openmimc.admin.services import ConsoleServices
from openmimc.admin.sign_in import sign_in_pages
from openmimc.app.config import Config, parse_networks
from openmimc.app.health import Health
from openmimc.domain.accounts import Accounts
from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth
from openmimc.domain.callbacks import Callbacks
from openmimc.domain.counts import MessageCounts
from openmimc.domain.message_life import MessageLives
from openmimc.domain.operators import Operators
from openmimc.domain.ports import Bus, Clock, DevicePresence, Store, Traces
from openmimc.rest.answers import success
from openmimc.rest.tokens import token_data


def build_pages(
    config: Config,
    *,
    store: Store,
    bus: Bus,
    clock: Clock,
    apps: Apps,
    auth: Auth,
    operators: Operators,
    callbacks: Callbacks,
    presence: DevicePresence,
    traces: Traces,
    fe_domain: str,
    health: Callable[[], Health],
    find_demo_app: Callable[[], str | None],
) -> list[Router]:
    """Build what the options ask for, and the JavaScript SDK's files.

    Args:
        config: Says which pages there are.
        store: Read for lists.
        bus: Tells nodes of bans.
        clock: For counting back from now.
        apps: All apps.
        auth: Mints the demo page's tokens.
        operators: Who may use the console.
        callbacks: What apps' own servers were told in vain.
        presence: Who is connected.
        traces: What is remembered of messages on their way.
        fe_domain: Host name that token answers give as the frontend's.
        health: How the server is now.
        find_demo_app: The demo app's id, None while there is none.
    """
    assets = Assets.load()
    pages = Pages(assets.url)
    guard = Guard(operators, Peers(parse_networks(config.trusted_proxies)))
    handlers: list[HTTPRouteHandler] = []
    if config.console == "on":
        services = ConsoleServices(
            guard=guard,
            pages=pages,
            apps=apps,
            operators=operators,
            accounts=Accounts(store, presence, bus),
            lives=MessageLives(store, traces),
            counts=MessageCounts(store, clock),
            callbacks=callbacks,
            clock=clock,
            topics_store=store,
            groups_store=store,
            health=health,
        )
        handlers += [*sign_in_pages(operators, guard, pages), *console_pages(services), *missing_pages(guard)]
    if config.demo_page != "off":
        handlers += demo_pages(
            pages,
            auth,
            apps,
            find_demo_app=find_demo_app,
            answer_token=lambda grant: success(token_data(grant, fe_domain)),
            needs_demo_app=config.demo_page == "auto",
        )
    return [
        Router(
            "/",
            route_handlers=[*sdk_pages(assets), *asset_pages(assets), *handlers],
            exception_handlers=page_failures(pages),
        )
    ]
