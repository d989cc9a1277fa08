"""Puts the pages together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from litestar import Litestar
from litestar.types import ASGIApp, ControllerRouterHandler

from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth
from openmimc.domain.blacklist import Blacklist
from openmimc.domain.callbacks import Callbacks
from openmimc.domain.contacts import Contacts
from openmimc.domain.groups import Groups
from openmimc.domain.history import History
from openmimc.domain.messages import Messages
from openmimc.domain.topics import Topics
from openmimc.rest.blacklist import blacklist_pages
from openmimc.rest.callbacks import callback_pages
from openmimc.rest.contacts import contact_pages
from openmimc.rest.cors import AnyOrigin
from openmimc.rest.errors import exception_handlers
from openmimc.rest.groups import group_pages
from openmimc.rest.health import health_pages
from openmimc.rest.history import history_pages
from openmimc.rest.openapi import openapi_pages
from openmimc.rest.paths import TidyPaths
from openmimc.rest.push import push_pages
from openmimc.rest.requests import MAX_BODY_BYTES
from openmimc.rest.resolver import Resolver, resolver_page
from openmimc.rest.tokens import token_page
from openmimc.rest.topics import topic_pages


def build_api(
    *,
    auth: Auth,
    apps: Apps,
    topics: Topics,
    groups: Groups,
    messages: Messages,
    history: History,
    contacts: Contacts,
    blacklist: Blacklist,
    callbacks: Callbacks,
    fe_domain: str,
    resolver: Resolver,
    check_ready: Callable[[], Awaitable[dict[str, str]]],
    render_metrics: Callable[[], bytes],
    pages: Sequence[ControllerRouterHandler] = (),
) -> ASGIApp:
    """Build everything that is served over HTTP, as one ASGI app.

    Args:
        auth: Decides who a caller is.
        apps: All apps.
        topics: The rules of ordinary groups.
        groups: The rules of unlimited ones.
        messages: Sends what is pushed.
        history: What was said.
        contacts: With whom users talked last.
        blacklist: From whom users want to hear nothing.
        callbacks: What apps' own servers were told in vain.
        fe_domain: Host name that token answers give as the frontend's.
        resolver: Knows the frontend's addresses.
        check_ready: Names what is not ready, and why; empty when all is well.
        render_metrics: All metrics in Prometheus' text format.
        pages: What else is served, for people. They answer errors in their own way, and are not in the API's
            description.
    """
    api = Litestar(
        route_handlers=[
            token_page(auth, fe_domain),
            *push_pages(auth, messages),
            *topic_pages(auth, topics),
            *group_pages(auth, groups),
            *history_pages(auth, history),
            *contact_pages(auth, contacts),
            *blacklist_pages(auth, blacklist),
            *callback_pages(apps, callbacks),
            resolver_page(resolver),
            *health_pages(check_ready, render_metrics),
            *openapi_pages(),
            *pages,
        ],
        exception_handlers=exception_handlers(),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        openapi_config=None,
    )
    return TidyPaths(AnyOrigin(api))
