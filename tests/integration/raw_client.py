"""A client that says exactly what a test tells it to: the wire's client side on a real socket, no more."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any, Self, TypeVar

import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed

from openmimc.domain.auth import TokenGrant
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    AskGroup,
    Bind,
    BindResponse,
    Conn,
    ConnResponse,
    Delivered,
    DeliveredGroup,
    DeliveredGroupMessage,
    DeliveredMessage,
    Event,
    GroupAck,
    GroupAnswer,
    GroupRequest,
    Kick,
    PacketAck,
    Ping,
    Pong,
    SendGroup,
    SendOnline,
    SendP2P,
    SendP2T,
    SequenceAck,
)

E = TypeVar("E")

PATIENCE_S = 10.0
"""How long a test waits for what must come."""


class RawClient:
    """One connection to a server. Keeps what it received and did not look at yet."""

    def __init__(self, framing: Framing) -> None:
        self.conn = Connection(Role.CLIENT, framing)
        self.events: list[Event] = []
        self.is_closed = False
        self.said = Conn()
        self._arrived = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.StreamWriter | None = None
        self._websocket: Any = None
        self._packet_number = 0

    @classmethod
    async def over_tcp(cls, host: str, port: int, **options: Any) -> Self:
        client = cls(Framing.TCP)
        reader, client._writer = await asyncio.open_connection(host, port, **options)
        client._tasks.append(asyncio.create_task(client._read_tcp(reader)))
        return client

    @classmethod
    async def over_websocket(cls, url: str, **options: Any) -> Self:
        client = cls(Framing.WEBSOCKET)
        client._websocket = await websockets.asyncio.client.connect(url, compression=None, **options)
        client._tasks.append(asyncio.create_task(client._read_websocket()))
        return client

    async def _read_tcp(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(65536):
                await self._take(data)
        except ConnectionError:
            pass  # Being cut off is what some tests wait for.
        await self._end()

    async def _read_websocket(self) -> None:
        try:
            async for data in self._websocket:
                await self._take(data)
        except ConnectionClosed:
            pass  # As above.
        await self._end()

    async def _take(self, data: bytes) -> None:
        self.conn.receive_data(data)
        while (event := self.conn.next_event()) is not None:
            self.events.append(event)
        async with self._arrived:
            self._arrived.notify_all()

    async def _end(self) -> None:
        self.is_closed = True
        async with self._arrived:
            self._arrived.notify_all()

    async def send_bytes(self, data: bytes) -> None:
        if self._websocket is not None:
            await self._websocket.send(data)
        else:
            assert self._writer is not None
            self._writer.write(data)
            await self._writer.drain()

    async def send(self, *events: Event) -> None:
        for event in events:
            self.conn.send(event)
        if self._websocket is not None:
            for packet in self.conn.packets_to_send():
                await self._websocket.send(packet)
        else:
            await self.send_bytes(self.conn.data_to_send())

    async def expect(self, kind: type[E], *, timeout_s: float = PATIENCE_S) -> E:
        """Wait for the next event of a type; others are kept."""
        async with asyncio.timeout(timeout_s), self._arrived:
            while True:
                for index, event in enumerate(self.events):
                    if isinstance(event, kind):
                        del self.events[index]
                        return event
                if self.is_closed:
                    raise ConnectionError(f"closed while waiting for {kind.__name__}; has {self.events}")
                await self._arrived.wait()

    async def expect_closed(self, *, timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s), self._arrived:
            while not self.is_closed:
                await self._arrived.wait()

    async def expect_closed_or_kicked(self, *, timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s), self._arrived:
            while not self.is_closed and not any(isinstance(event, Kick) for event in self.events):
                await self._arrived.wait()

    async def handshake(self, conn: Conn | None = None) -> ConnResponse:
        self.said = conn or Conn(os="test", udid="test-udid")
        await self.send(self.said)
        return await self.expect(ConnResponse)

    async def bind(
        self, grant: TokenGrant | dict[str, Any], resource: str = "phone", **fields: Any
    ) -> BindResponse:
        """Log in with a token grant, or with the ``data`` of a token answer."""
        token, identity = _identity(grant, resource)
        self.conn.set_identity(identity)
        await self.send(Bind(token=token, user_id=identity.user_id, resource=resource, header_id="", **fields))
        return await self.expect(BindResponse)

    async def login(
        self, grant: TokenGrant | dict[str, Any], resource: str = "phone", conn: Conn | None = None
    ) -> Self:
        await self.handshake(conn)
        response = await self.bind(grant, resource)
        assert response.result, response
        return self

    def new_packet_id(self) -> str:
        self._packet_number += 1
        return f"{id(self):x}-{self._packet_number}"

    async def send_p2p(self, to: str, payload: bytes, *, packet_id: str = "", **fields: Any) -> PacketAck:
        """Send a message and wait for its ack."""
        packet_id = packet_id or self.new_packet_id()
        await self.send(SendP2P(packet_id, fields.pop("to_app_id", self._app_id), to, payload, **fields))
        return await self.expect_ack(packet_id)

    async def send_p2t(self, topic_id: int, payload: bytes, *, packet_id: str = "", **fields: Any) -> PacketAck:
        packet_id = packet_id or self.new_packet_id()
        await self.send(SendP2T(packet_id, fields.pop("to_app_id", self._app_id), topic_id, payload, **fields))
        return await self.expect_ack(packet_id)

    async def send_group(
        self, group_id: int, payload: bytes, *, packet_id: str = "", message_id: str = "", **fields: Any
    ) -> PacketAck:
        """Send to an unlimited group and wait for the ack."""
        packet_id = packet_id or self.new_packet_id()
        to_app_id = fields.pop("to_app_id", self._app_id)
        await self.send(SendGroup(packet_id, message_id, to_app_id, group_id, payload, **fields))
        return await self.expect_ack(packet_id)

    async def ask_group(self, request: GroupRequest, group_id: int, **fields: Any) -> GroupAnswer:
        """Join or leave an unlimited group, or ask who is there, and wait for the answer."""
        packet_id = self.new_packet_id()
        await self.send(AskGroup(request, packet_id, fields.pop("app_id", self._app_id), group_id))
        answer = await self.expect(GroupAnswer)
        assert (answer.request, answer.packet_id, answer.group_id) == (request, packet_id, group_id)
        return answer

    async def send_online(
        self, to: str, payload: bytes, *, to_resource: str = "", packet_id: str = "", **fields: Any
    ) -> str:
        """Send an online message, which nobody acknowledges; return its packet id."""
        packet_id = packet_id or self.new_packet_id()
        to_app_id = fields.pop("to_app_id", self._app_id)
        await self.send(SendOnline(packet_id, to_app_id, to, to_resource, payload, **fields))
        return packet_id

    @property
    def _app_id(self) -> int:
        assert self.conn.identity is not None
        return self.conn.identity.app_id

    async def expect_ack(self, packet_id: str) -> PacketAck:
        ack = await self.expect(PacketAck)
        assert ack.packet_id == packet_id
        return ack

    async def receive(self, count: int, *, acknowledge: bool = True) -> list[DeliveredMessage]:
        """Collect this many messages, acknowledging each list as the SDKs do."""
        messages: list[DeliveredMessage] = []
        while len(messages) < count:
            delivered = await self.expect(Delivered)
            messages += delivered.messages
            if acknowledge:
                await self.send(SequenceAck(delivered.max_sequence))
        return messages

    async def receive_group(self, count: int, *, acknowledge: bool = True) -> list[DeliveredGroupMessage]:
        """Collect this many messages of unlimited groups, acknowledging each list as WebJS does."""
        messages: list[DeliveredGroupMessage] = []
        while len(messages) < count:
            delivered = await self.expect(DeliveredGroup)
            messages += delivered.messages
            if acknowledge:
                await self.send(GroupAck(delivered.group_id, delivered.max_sequence))
        return messages

    async def expect_silence(self, kind: type[Event] = Delivered) -> None:
        """Check that nothing of a type is on its way: a ping's answer overtakes nothing sent before it."""
        for _ in range(3):  # The store's answers may need a few turns more than the ping.
            await self.send(Ping())
            await self.expect(Pong)
            await asyncio.sleep(0.02)
        assert [event for event in self.events if isinstance(event, kind)] == []

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._websocket is not None:
            await self._websocket.close()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):  # Whoever was cut off is closed all the same.
                await self._writer.wait_closed()


def _identity(grant: TokenGrant | dict[str, Any], resource: str) -> tuple[str, Identity]:
    if isinstance(grant, TokenGrant):
        return grant.token, Identity(
            app_id=grant.app.app_id,
            user_id=grant.account.user_id,
            account=grant.account.name,
            resource=resource,
            security_key=grant.security_key,
            package=grant.app.package,
        )
    return grant["token"], Identity(
        app_id=int(grant["appId"]),
        user_id=int(grant["miUserId"]),
        account=grant["appAccount"],
        resource=resource,
        security_key=base64.b64decode(grant["miUserSecurityKey"]),
        package=grant["appPackage"],
    )
