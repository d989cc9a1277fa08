"""The HTTP port: uvicorn inside our own loop, with bounds on what a peer may do before anybody looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, cast

import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openmimc.app.listeners import BACKLOG

HEAD_MAX_BYTES = 64 * 1024
"""Request line and headers, beyond the read in which they begin. The longest useful ones have 4 KiB."""
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"
REQUEST_TIMEOUT_S = 30.0
"""How long a request may take to arrive, counted from its first byte, or from the connection's start."""
KEEP_ALIVE_S = 30
"""How long a connection waits for its next request."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, refusing endless heads and requests that arrive too slowly."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # uvicorn narrows the type as well: stream transports are all it ever gets.
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._is_in_head = False
        self._has_begun = False
        self._deadline: asyncio.TimerHandle | None = None
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass data on unless a head grows beyond its bound."""
        self._has_begun = False
        super().data_received(data)
        # The parser joins a head's pieces without a bound of its own. The read in which a head begins may hold
        # the request before it as well, so counting starts with the next one.
        if self._is_in_head and not self._has_begun:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_MAX_BYTES:
                self.transport.write(TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head = True
        self._has_begun = True
        self._head_bytes = 0
        self._start_deadline()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stop_deadline()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; from here on its new protocol watches the time."""
        self._stop_deadline()
        super().handle_websocket_upgrade()

    def _start_deadline(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class HttpServer(uvicorn.Server):
    """uvicorn's server on sockets of ours; leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the runner's business."""
        yield


async def start_http(
    app: ASGIApp,
    websocket: Callable[..., asyncio.Protocol],
    sock: socket.socket,
    *,
    tls: ssl.SSLContext | None,
    max_connections: int,
    grace_s: float,
) -> HttpServer:
    """Serve an ASGI app, and WebSockets beside it, on a bound socket.

    Args:
        app: Answers requests.
        websocket: Called with ``config``, ``server_state`` and ``app_state`` for each upgraded connection;
            its ``data_received`` then gets the whole upgrade request.
        sock: Bound; the server closes it.
        tls: None for plain HTTP.
        max_connections: HTTP connections beyond these are answered with 503.
        grace_s: How long ``shutdown`` lets requests finish.

    Returns:
        The server, accepting. ``main_loop`` has to run until ``should_exit`` is set, then ``shutdown``.
    """
    settings: dict[str, Any] = {}
    if tls is not None:
        settings["ssl_context_factory"] = lambda config, default: tls
    config = uvicorn.Config(
        cast("Any", app),  # ASGI has two sets of names in the two libraries.
        http=BoundedHttpProtocol,
        ws=websocket,  # type: ignore[arg-type] # uvicorn only calls it: a factory does where it asks for a class
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=max_connections,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(grace_s)),
        workers=1,
        **settings,
    )
    config.load()
    server = HttpServer(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[sock])
    return server
