"""A server that does only what a test tells it, on real sockets.

A test accepts a connection and plays the server's part step by step, so that it decides what is answered, what
is lost and in which order.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed

from openmimc.client import MIMCUser, Settings
from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender
from openmimc.wire.bind import is_signed_with
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    Bind,
    BindResponse,
    Conn,
    ConnResponse,
    Deliver,
    DeliverGroup,
    Event,
    Kick,
    PacketAck,
    SendGroup,
    SendP2P,
    SendP2T,
)
from openmimc.wire.group_messages import serialize_group_list, serialize_group_message
from openmimc.wire.messages import serialize_message

APP_ID = 2882303761517669588
PACKAGE = "com.example.chat"
SECURITY_KEY = b"0123456789abcdef"
USER_IDS = {"alice": 8049600000000001, "bob": 8049600000000002}
GROUP_ID = 2**53 - 1
CHALLENGE = "4rz7Qk2mWx"
DEADLINE_S = 5.0
"""When a test gives up; nothing here takes a hundredth of it."""

QUICK = Settings(backoff_initial_s=0.001, backoff_max_s=0.002, jitter=lambda: 1.0, handler_retry_s=0.001)

Expected = TypeVar("Expected", bound=Event)


def token_answer(
    account: str = "alice",
    token: str = "token-1",  # noqa: S107 - made up
    **changes: Any,
) -> dict[str, Any]:
    """What the token service answers, as ``protocol reference, 2.1`` has it."""
    return {
        "code": 200,
        "message": "success",
        "data": {
            "appId": str(APP_ID),
            "appPackage": PACKAGE,
            "appAccount": account,
            "miChid": 9,
            "miUserId": str(USER_IDS[account]),
            "miUserSecurityKey": base64.b64encode(SECURITY_KEY).decode(),
            "token": token,
            **changes,
        },
    }


class TokenService:
    """Counts what it is asked; each answer has another token, ``token-1`` first."""

    def __init__(self, account: str = "alice") -> None:
        self.account = account
        self.calls = 0

    async def __call__(self) -> dict[str, Any]:
        self.calls += 1
        return token_answer(self.account, f"token-{self.calls}")


def message(
    sequence: int,
    payload: bytes = b"hello",
    *,
    from_account: str = "bob",
    topic_id: int = 0,
    packet_id: str = "",
) -> Message:
    """A stored message to alice, or to a topic."""
    return Message(
        sequence=Sequence(sequence),
        kind=Kind.P2T if topic_id else Kind.P2P,
        sender=Sender(AppId(APP_ID), UserId(USER_IDS[from_account]), from_account, "bobs-phone"),
        to_user_id=UserId(0 if topic_id else USER_IDS["alice"]),
        to_account="" if topic_id else "alice",
        topic_id=TopicId(topic_id),
        packet_id=packet_id or f"packet-{sequence}",
        payload=payload,
        biz_type=None,
        is_store=True,
    )


def group_message(
    sequence: int, payload: bytes = b"hello", *, group_id: int = GROUP_ID, from_account: str = "bob"
) -> Message:
    """A stored message to an unlimited group."""
    return msgspec.structs.replace(
        message(sequence, payload, from_account=from_account, topic_id=group_id), kind=Kind.GROUP
    )


class ClientGone(Exception):
    """The client has closed the connection, which the test did not expect."""


class Peer:
    """The server's end of one connection."""

    def __init__(
        self,
        framing: Framing,
        receive: Callable[[], Awaitable[bytes]],
        send: Callable[[bytes], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = Connection(Role.SERVER, framing)
        self._receive = receive
        self._send = send
        self._close = close
        self.conn: Conn | None = None
        self.bind: Bind | None = None

    async def next_event(self) -> Event | None:
        """What the client says next; None when it has closed."""
        async with asyncio.timeout(DEADLINE_S):
            while (event := self._connection.next_event()) is None:
                data = await self._receive()
                if not data:
                    return None
                self._connection.receive_data(data)
        return event

    async def expect(self, kind: type[Expected]) -> Expected:
        """The next event, which has to be of this kind."""
        event = await self.next_event()
        if event is None:
            raise ClientGone
        assert isinstance(event, kind), f"{event!r} instead of {kind.__name__}"
        return event

    async def send(self, *events: Event) -> None:
        """Say something, several events in one write."""
        for event in events:
            self._connection.send(event)
        for packet in self._connection.packets_to_send():
            try:
                await self._send(packet)
            except (ConnectionError, ConnectionClosed) as error:
                raise ClientGone from error

    async def send_raw(self, data: bytes) -> None:
        """Say what is no packet."""
        await self._send(data)

    async def greet(self) -> None:
        """Answer CONN."""
        self.conn = await self.expect(Conn)
        await self.send(ConnResponse(CHALLENGE))

    async def accept(self) -> Bind:
        """Answer CONN, check the signature of the BIND, and accept it."""
        await self.greet()
        self.bind = await self.expect(Bind)
        assert is_signed_with(self.bind, CHALLENGE, SECURITY_KEY)
        account = next(name for name, user_id in USER_IDS.items() if user_id == self.bind.user_id)
        self._connection.set_identity(
            Identity(APP_ID, self.bind.user_id, account, self.bind.resource, SECURITY_KEY, PACKAGE)
        )
        await self.send(BindResponse(result=True, user_id=self.bind.user_id, resource=self.bind.resource))
        return self.bind

    async def refuse(self, error_type: str, reason: str, description: str = "") -> Bind:
        """Answer CONN and refuse the BIND."""
        await self.greet()
        self.bind = await self.expect(Bind)
        await self.send(BindResponse(False, error_type, reason, description))
        return self.bind

    async def deliver(self, *messages: Message) -> None:
        """Send a list."""
        await self.send(
            Deliver(
                max(message.sequence for message in messages),
                tuple(serialize_message(message, PACKAGE) for message in messages),
            )
        )

    async def deliver_group(self, *messages: Message) -> None:
        """Send a list of an unlimited group's messages."""
        sequence = max(message.sequence for message in messages)
        group_id = messages[0].topic_id
        parts = [serialize_group_message(message) for message in messages]
        await self.send(DeliverGroup(serialize_group_list(group_id, APP_ID, sequence, parts)))

    async def acknowledge(self, sent: SendP2P | SendP2T | SendGroup, sequence: int) -> None:
        """Say that a message was stored."""
        await self.send(PacketAck(sent.packet_id, sequence, sequence // 10_000))

    async def kick(self, reason: str) -> None:
        """Log the user out."""
        await self.send(Kick(reason))

    async def close(self) -> None:
        """End the connection from this side."""
        await self._close()


class ScriptedServer:
    """Accepts connections and hands them to the test."""

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.port = 0
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()

    @property
    def address(self) -> dict[str, str]:
        """Where it is, as arguments of ``MIMCUser``."""
        if self.framing is Framing.TCP:
            return {"tcp": f"127.0.0.1:{self.port}"}
        return {"websocket": f"ws://127.0.0.1:{self.port}/"}

    async def next_peer(self) -> Peer:
        """The next connection that is opened."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._peers.get()

    async def accept_at_last(self) -> Peer:
        """Accept a user whose patience is short, however often he comes back before it is done."""
        while True:
            peer = await self.next_peer()
            try:
                await peer.accept()
            except ClientGone:
                continue
            return peer

    @property
    def has_waiting_peer(self) -> bool:
        """Whether somebody has connected whom no test has taken up."""
        return not self._peers.empty()

    def user(self, fetch: Any = None, *, settings: Settings = QUICK, **arguments: Any) -> MIMCUser:
        """A user of this server, alice if nothing else is said."""
        return MIMCUser(
            APP_ID, "alice", fetch or TokenService(), settings=settings, **(self.address | arguments)
        )

    async def log_in(self, user: MIMCUser) -> Peer:
        """Let a user log in and return the server's end of it."""
        login = asyncio.create_task(user.login(timeout_s=DEADLINE_S))
        peer = await self.next_peer()
        await peer.accept()
        await login
        return peer

    async def serve_tcp_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one TCP connection."""

        async def receive() -> bytes:
            try:
                return await reader.read(65_536)
            except ConnectionError:
                return b""

        async def send(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        async def close() -> None:
            writer.close()

        self._peers.put_nowait(Peer(Framing.TCP, receive, send, close))

    async def serve_websocket_client(self, websocket: ServerConnection) -> None:
        """Take one WebSocket connection."""

        async def receive() -> bytes:
            try:
                data = await websocket.recv()
            except ConnectionClosed:
                return b""
            assert isinstance(data, bytes), "the SDK sent a text message"
            return data

        self._peers.put_nowait(Peer(Framing.WEBSOCKET, receive, websocket.send, websocket.close))
        await websocket.wait_closed()


@asynccontextmanager
async def run_server(framing: Framing) -> AsyncIterator[ScriptedServer]:
    """A scripted server on a free port."""
    server = ScriptedServer(framing)
    if framing is Framing.TCP:
        writers: list[asyncio.StreamWriter] = []

        async def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await server.serve_tcp_client(reader, writer)

        tcp = await asyncio.start_server(on_client, "127.0.0.1", 0)
        server.port = tcp.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            tcp.close()
            for writer in writers:
                writer.transport.abort()
            await tcp.wait_closed()
    else:
        async with serve_websocket(
            server.serve_websocket_client, "127.0.0.1", 0, close_timeout=0.1
        ) as websocket:
            server.port = next(iter(websocket.sockets)).getsockname()[1]
            yield server


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens soon but cannot be awaited."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.001)
