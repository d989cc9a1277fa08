"""One connection to the server: greeting, login, packets both ways, and finding out that it is dead.

    open() ── CONN, answer ──> bind() ── BIND, accepted ──> serve() ── until it ends ──> aclose()

A link is used by one task, which opens, binds and serves it. ``post`` may be called from any other task of the
same loop once the link is bound: it puts packets into the connection in the order of the calls, and a writer
task moves them out, many at once when they come quickly.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import NoReturn, TypeVar

from openmimc import __version__
from openmimc.client.errors import ConnectionLost, LoginRefused
from openmimc.client.keepalive import Keepalive
from openmimc.client.settings import Settings
from openmimc.client.tokens import Credentials
from openmimc.client.transport import Address, Stream, open_stream
from openmimc.errors import RemoteProtocolError
from openmimc.wire.connection import Connection, Role
from openmimc.wire.events import (
    Bind,
    BindResponse,
    ClientEvent,
    Conn,
    ConnResponse,
    Event,
    GroupAck,
    OnlineAck,
    Ping,
    Pull,
    SendOnline,
    SequenceAck,
)
from openmimc.wire.header_ids import next_header_id
from openmimc.wire.identity import Identity

SDK_NAME = "openmimc-python"
"""What this SDK calls itself in the field ``os`` of its greeting, by which servers tell the SDKs apart."""

_ONE_WAY = (SequenceAck, Pull, GroupAck, SendOnline, OnlineAck)
"""Packets that the server need not answer. Source: protocol reference, 5.5."""

_Expected = TypeVar("_Expected", ConnResponse, BindResponse)


class Link:
    """A connection between its opening and its end. Make it with ``open``, and always ``aclose`` it."""

    __slots__ = (
        "_connection",
        "_failure",
        "_has_output",
        "_is_over",
        "_keepalive",
        "_loop",
        "_settings",
        "_stream",
        "_timer",
    )

    def __init__(self, stream: Stream, connection: Connection, settings: Settings) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._connection = connection
        self._settings = settings
        self._has_output = asyncio.Event()
        self._is_over = False
        self._failure: asyncio.Future[NoReturn] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._keepalive = Keepalive(
            ping_interval_s=settings.ping_interval_s,
            dead_after_s=settings.dead_after_s,
            now_s=self._loop.time(),
        )

    @classmethod
    async def open(cls, address: Address, settings: Settings) -> Link:
        """Connect and greet.

        Raises:
            ConnectionLost: no connection, no greeting in time, or no MIMC server.
        """
        stream: Stream | None = None
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                stream = await open_stream(address, max_packet_bytes=settings.max_packet_bytes)
                connection = Connection(
                    Role.CLIENT,
                    address.framing,
                    max_body_bytes=settings.max_packet_bytes,
                    next_id=next_header_id,
                )
                link = cls(stream, connection, settings)
                await link._send_now(
                    Conn(
                        os=SDK_NAME,
                        model=f"openmimc {__version__}",
                        udid=secrets.token_hex(5),
                        host=address.name,
                        header_id=next_header_id(),
                    )
                )
                await link._wait_for(ConnResponse)
        except BaseException as error:
            if stream is not None:
                await stream.aclose()
            if isinstance(error, TimeoutError):
                raise ConnectionLost(f"no greeting from {address.name} in time") from error
            raise
        return link

    async def bind(self, credentials: Credentials, resource: str, *, sso: bool) -> None:
        """Log in.

        Raises:
            LoginRefused: the server says no.
            ConnectionLost: the connection broke, or no answer came in time.
        """
        self._connection.set_identity(
            Identity(
                app_id=credentials.app_id,
                user_id=credentials.user_id,
                account=credentials.account,
                resource=resource,
                security_key=credentials.security_key,
                package=credentials.app_package,
            )
        )
        try:
            async with asyncio.timeout(self._settings.bind_timeout_s):
                await self._send_now(
                    Bind(
                        token=credentials.token,
                        user_id=credentials.user_id,
                        resource=resource,
                        header_id=next_header_id(),
                        sso=sso,
                    )
                )
                response = await self._wait_for(BindResponse)
        except TimeoutError as error:
            raise ConnectionLost("no answer to the login in time") from error
        if not response.result:
            raise LoginRefused(response.error_type, response.error_reason, response.error_desc)

    def post(self, event: ClientEvent) -> None:
        """Send an event after those posted before it. Returns at once; the link may break before it is out."""
        if self._is_over:
            return
        self._connection.send(event)
        self._has_output.set()
        if not isinstance(event, _ONE_WAY):
            self._keepalive.sent_two_way(self._loop.time())
            self._bring_timer_forward()

    async def serve(self, handle: Callable[[Event], None]) -> NoReturn:
        """Hand every event to ``handle`` until the connection ends; an exception of ``handle`` ends it too.

        Raises:
            ConnectionLost: the connection broke, the server went silent, or it broke the protocol.
        """
        self._arm_timer()
        tasks = (
            self._loop.create_task(self._read(handle)),
            self._loop.create_task(self._write()),
            self._failure,
        )
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # The reader knows best why it ended, so it is asked first.
            ended = next(task for task in tasks if task in done)
            await ended
            raise AssertionError("reader, writer and watch end with an exception only")
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._is_over = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Close the transport; never raises."""
        await self._stream.aclose()

    async def _read(self, handle: Callable[[Event], None]) -> NoReturn:
        try:
            while True:
                handle(await self._next_event())
        finally:
            self._is_over = True  # At once: ``serve`` notices a moment later.

    async def _write(self) -> NoReturn:
        while True:
            await self._has_output.wait()
            self._has_output.clear()
            await self._stream.send(self._connection.packets_to_send())

    async def _next_event(self) -> Event:
        try:
            while (event := self._connection.next_event()) is None:
                self._connection.receive_data(await self._stream.receive())
                self._keepalive.received()
                self._bring_timer_forward()
        except RemoteProtocolError as error:
            raise ConnectionLost(f"the server broke the protocol: {error}") from error
        return event

    async def _wait_for(self, expected: type[_Expected]) -> _Expected:
        while not isinstance(event := await self._next_event(), expected):
            pass  # The server has no business to send anything else here; what it means is unknown.
        return event

    async def _send_now(self, event: ClientEvent) -> None:
        self._connection.send(event)
        await self._stream.send(self._connection.packets_to_send())

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._keepalive.due_s(), self._watch)

    def _bring_timer_forward(self) -> None:
        """Arm the timer again if it would go off too late; one that goes off early arms itself again."""
        if self._timer is not None and self._keepalive.due_s() < self._timer.when():
            self._arm_timer()

    def _watch(self) -> None:
        now_s = self._loop.time()
        if self._keepalive.is_dead(now_s):
            if not self._failure.done():
                self._failure.set_exception(ConnectionLost("the server went silent"))
            return
        if self._keepalive.is_ping_due(now_s):
            self.post(Ping())
        self._arm_timer()
