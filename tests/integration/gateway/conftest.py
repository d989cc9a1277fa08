"""A gateway on real sockets and a real SQLite file, in the test's own process, with a clock that tests move."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from openmimc.app.http import start_http
from openmimc.bus.local import LocalBus
from openmimc.domain.accounts import Accounts
from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth, TokenGrant
from openmimc.domain.message_life import MessageLives
from openmimc.domain.messages import Messages
from openmimc.domain.online import OnlineMessages
from openmimc.domain.rates import Rates
from openmimc.domain.topics import Topics
from openmimc.gateway import Gateway, GatewayLimits
from openmimc.model.app import App
from openmimc.store.sqlite import SqliteStore
from tests.fakes.clock import FakeClock
from tests.integration.raw_client import RawClient

NOW_MS = 1_750_000_000_000


class RunningGateway:
    """The server's inside, without its REST API."""

    def __init__(self, path: Path, limits: GatewayLimits) -> None:
        self.path = path
        self.limits = limits
        self.clock = FakeClock(NOW_MS)
        self.clients: list[RawClient] = []

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.store = SqliteStore.open(self.path, clock=self.clock)
        bus = LocalBus()
        self.apps = Apps(self.store, self.clock)
        self.auth = Auth(self.apps, self.store, bytes(32), self.clock)
        self.topics = Topics(self.store, self.store)
        rates = Rates(self.clock)
        self.messages = Messages(self.store, self.apps, bus, clock=self.clock, rates=rates)
        self.gateway = Gateway(
            auth=self.auth,
            apps=self.apps,
            messages=self.messages,
            online=OnlineMessages(self.store, self.apps, bus, rates, self.clock),
            store=self.store,
            bus=bus,
            clock=self.clock,
            limits=self.limits,
        )
        self.accounts = Accounts(self.store, self.gateway.hub, bus)
        self.lives = MessageLives(self.store, self.gateway.trace)
        self.store.set_presence(self.gateway.hub)
        await self.apps.refresh()
        await self.gateway.start()
        self._tcp = await loop.create_server(self.gateway.tcp_protocol, "127.0.0.1", 0)
        self.tcp_port = self._tcp.sockets[0].getsockname()[1]
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        self.http_port = sock.getsockname()[1]
        self._http = await start_http(
            _no_http, self.gateway.websocket_protocol, sock, tls=None, max_connections=10_000, grace_s=1
        )
        self._http_loop = asyncio.create_task(self._http.main_loop())

    async def stop(self) -> None:
        for client in self.clients:
            await client.aclose()
        self.clients.clear()
        self._tcp.close()
        for server in self._http.servers:
            server.close()
        self._http.should_exit = True
        await self.gateway.drain(5)
        await self._http.shutdown()
        await self._http_loop
        await self.store.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def new_app(self, name: str = "test", **settings: Any) -> App:
        app, _ = await self.apps.create_app(name)
        if settings:
            app = await self.apps.change_settings(
                app.app_id, {key: str(value) for key, value in settings.items()}
            )
        return app

    async def grant(self, app: App, account: str) -> TokenGrant:
        return await self.auth.mint_token(app, account)

    async def connect(self, transport: str = "tcp") -> RawClient:
        if transport == "tcp":
            client = await RawClient.over_tcp("127.0.0.1", self.tcp_port)
        else:
            client = await RawClient.over_websocket(f"ws://127.0.0.1:{self.http_port}/")
        self.clients.append(client)
        return client

    async def login(
        self, app: App, account: str, resource: str = "phone", *, transport: str = "tcp", conn: Any = None
    ) -> RawClient:
        client = await self.connect(transport)
        return await client.login(await self.grant(app, account), resource, conn)


async def _no_http(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


StartGateway = Callable[..., Awaitable[RunningGateway]]


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    started: list[RunningGateway] = []

    async def start(**limits: Any) -> RunningGateway:
        limits.setdefault("refusal_delay_s", 0.05)
        gateway = RunningGateway(tmp_path / f"store-{len(started)}.db", GatewayLimits(**limits))
        await gateway.start()
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        await gateway.stop()


@pytest.fixture
async def server(start_gateway: StartGateway) -> RunningGateway:
    return await start_gateway()


@pytest.fixture
async def app(server: RunningGateway) -> App:
    return await server.new_app()
