"""Puts the rooms together: which implementation serves which port is decided here and nowhere else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from litestar.types import ASGIApp
from msgspec import Struct

from openmimc.app.admission import Admission
from openmimc.app.config import Config
from openmimc.app.health import HealthMonitor
from openmimc.app.metrics import Metrics
from openmimc.app.pages import build_pages
from openmimc.app.readiness import Readiness
from openmimc.bus.local import LocalBus
from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth
from openmimc.domain.blacklist import Blacklist
from openmimc.domain.callbacks import Callbacks
from openmimc.domain.clock import SystemClock
from openmimc.domain.contacts import Contacts
from openmimc.domain.history import History
from openmimc.domain.messages import Messages
from openmimc.domain.online import OnlineMessages
from openmimc.domain.operators import Operators
from openmimc.domain.passwords import Hasher
from openmimc.domain.ports import Clock
from openmimc.domain.rates import Rates
from openmimc.domain.topics import Topics
from openmimc.gateway import Gateway, GatewayLimits
from openmimc.gateway.trace import Trace
from openmimc.rest.app import build_api
from openmimc.rest.resolver import Resolver
from openmimc.store.sqlite import SqliteStore
from openmimc.webhook import Dispatcher, Sender
from openmimc.webhook.dispatcher import IN_ALL

_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


class Node(Struct, frozen=True):
    """All parts of one server process, built and not yet serving.

    Attributes:
        store: Open; whoever built the node closes it, last.
        sender: Carries the dispatcher's callbacks; closed after the dispatcher.
    """

    store: SqliteStore
    apps: Apps
    auth: Auth
    operators: Operators
    gateway: Gateway
    dispatcher: Dispatcher
    sender: Sender
    admission: Admission
    api: ASGIApp
    readiness: Readiness
    health: HealthMonitor


def build_node(
    config: Config,
    *,
    database: Path,
    server_key: bytes,
    tcp_port: int,
    max_connections: int,
    find_demo_app: Callable[[], str | None] = lambda: None,
    clock: Clock | None = None,
    hasher: Hasher | None = None,
) -> Node:
    """Open the store and build everything on it.

    Args:
        config: Limits and names.
        database: The store's file.
        server_key: See ``Auth``.
        tcp_port: The real one, to be told to clients.
        max_connections: As configured, or fewer if there are fewer files.
        find_demo_app: The demo app's id, None while there is none.
        clock: The machine's when None.
        hasher: For operators' passwords; the slow one when None.

    Raises:
        StoreTooNew: A newer version of this program wrote the store.
    """
    clock = clock or SystemClock()
    store = SqliteStore.open(database, clock=clock)
    bus = LocalBus()
    apps = Apps(store, clock)
    auth = Auth(apps, store, server_key, clock)
    sender = Sender(allow_private=config.callbacks_allow_private, max_connections=IN_ALL)
    trace = Trace(clock)
    dispatcher = Dispatcher(store, apps.find, sender.post, clock, on_attempt=trace.on_attempt)
    rates = Rates(clock)
    messages = Messages(store, apps, bus, clock=clock, rates=rates, webhooks=dispatcher)
    online = OnlineMessages(store, apps, bus, rates, clock)
    limits = GatewayLimits(
        conn_timeout_s=config.conn_timeout_s,
        handshaken_timeout_s=config.handshaken_timeout_s,
        bound_timeout_s=config.bound_timeout_s,
    )
    gateway = Gateway(
        auth=auth,
        apps=apps,
        messages=messages,
        online=online,
        store=store,
        bus=bus,
        clock=clock,
        limits=limits,
        trace=trace,
    )
    store.set_presence(gateway.hub)
    admission = Admission(max_connections, gateway.stats.connections.total)
    readiness = Readiness(store.check_ready, time.monotonic)
    callbacks = Callbacks(store, apps, clock)
    operators = Operators(store, clock, hasher=hasher)
    fe_domain = frontend_name(config)
    health = HealthMonitor(
        gateway.stats,
        store.stats,
        dispatcher.stats,
        count_bound=gateway.hub.count_bound,
        database=database,
    )
    pages = build_pages(
        config,
        store=store,
        bus=bus,
        clock=clock,
        apps=apps,
        auth=auth,
        operators=operators,
        callbacks=callbacks,
        presence=gateway.hub,
        traces=trace,
        fe_domain=fe_domain,
        health=health.read,
        find_demo_app=find_demo_app,
    )
    api = build_api(
        auth=auth,
        apps=apps,
        topics=Topics(store, store),
        groups=gateway.groups,
        messages=messages,
        history=History(store, store, store, clock),
        contacts=Contacts(store, store, clock),
        blacklist=Blacklist(store, store),
        callbacks=callbacks,
        fe_domain=fe_domain,
        resolver=Resolver(config.public_host, tcp_port),
        check_ready=readiness.check,
        render_metrics=Metrics(gateway.stats, store.stats, dispatcher.stats, admission).render,
        pages=pages,
    )
    return Node(store, apps, auth, operators, gateway, dispatcher, sender, admission, api, readiness, health)


def frontend_name(config: Config) -> str:
    """The name that token answers give as the frontend's; never empty, for some SDKs refuse an empty one."""
    if config.fe_domain or config.public_host:
        return config.fe_domain or config.public_host
    return socket.gethostname() if config.host in _ANY_ADDRESS else config.host
