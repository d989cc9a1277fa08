"""Devices of users: a login, messages out, messages and acks in, with as little of everything else as may be.

``MimcDevice`` speaks the protocol, ``RelayDevice`` the relay's few packets; a load treats them alike.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar, cast

from openmimc.bench.errors import BenchError
from openmimc.bench.relay import HEAD_BYTES, RelayPacket, make_packet, split_packets
from openmimc.bench.sizes import PacketSizes
from openmimc.bench.stamps import read_stamp
from openmimc.bench.talk_kind import TalkKind
from openmimc.client.tokens import Credentials
from openmimc.errors import RemoteProtocolError
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    AskGroup,
    Bind,
    BindResponse,
    ClientEvent,
    Conn,
    ConnResponse,
    Delivered,
    DeliveredGroup,
    Event,
    GroupAck,
    GroupAnswer,
    GroupRequest,
    Kick,
    PacketAck,
    Ping,
    SendGroup,
    SendP2P,
    SendP2T,
    SequenceAck,
)

PATIENCE_S = 60.0
"""How long an answer may take before the run is given up."""

MAX_LIST_BYTES = 1 << 24
"""Longest packet accepted from the server."""

E = TypeVar("E", ConnResponse, BindResponse, GroupAnswer)


class Watcher(Protocol):
    """What a load wants to know of its devices."""

    def on_ack(self, device: Device, number: int) -> None:
        """The message of this number is stored."""

    def on_message(self, device: Device, payload: bytes) -> None:
        """A message has come."""

    def on_failure(self, reason: str) -> None:
        """The run means nothing any more."""


class Target(Protocol):
    """Where messages go."""

    @property
    def kind(self) -> TalkKind:
        """How they are addressed."""

    @property
    def account(self) -> str:
        """Of ``TalkKind.P2P``."""

    @property
    def group_id(self) -> int:
        """Of the others."""


class Device(asyncio.Protocol):
    """One connection. What is to be sent leaves once per turn of the loop.

    Args:
        watcher: Is told what comes.
    """

    __slots__ = ("_is_closing", "_is_waiting", "_loop", "_transport", "_watcher")

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._is_waiting = False
        self._is_closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        if not self._is_closing:
            self._watcher.on_failure(f"the server closed a connection{f': {exc}' if exc else ''}")

    async def join(self, group_id: int) -> None:
        """Become a member of an unlimited group, or of a room of the relay.

        Raises:
            BenchError: The server refuses or does not answer.
        """
        raise NotImplementedError

    def say(self, target: Target, number: int, payload: bytes) -> None:
        """Send a message. The watcher hears its number again when the ack comes."""
        raise NotImplementedError

    def close(self) -> None:
        """End the connection."""
        self._is_closing = True
        self._transport.close()

    def _flush_soon(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_waiting = False
        data = self._data_to_send()
        if data and not self._is_closing:
            self._transport.write(data)

    def _data_to_send(self) -> bytes:
        raise NotImplementedError


class MimcDevice(Device):
    """A device that speaks the protocol over TCP; acknowledges every list when it has read it."""

    __slots__ = ("_answer", "_conn", "_numbers", "credentials")

    def __init__(self, watcher: Watcher, credentials: Credentials) -> None:
        super().__init__(watcher)
        self.credentials = credentials
        self._conn = Connection(Role.CLIENT, Framing.TCP, max_body_bytes=MAX_LIST_BYTES)
        self._answer: asyncio.Future[Event] | None = None
        # Packet id to number, of messages without an ack. Most devices never send one.
        self._numbers: dict[str, int] | None = None

    def data_received(self, data: bytes) -> None:
        """Handle what came."""
        conn = self._conn
        conn.receive_data(data)
        try:
            while (event := conn.next_event()) is not None:
                self._handle(event)
        except RemoteProtocolError as error:
            self._watcher.on_failure(f"the server broke the protocol: {error}")
        if not self._is_waiting:
            self._flush()

    def _handle(self, event: Event) -> None:
        match event:
            case Delivered():
                if event.is_overflow:
                    self._watcher.on_failure("the server says that too many messages wait (an app's setting)")
                for message in event.messages:
                    self._watcher.on_message(self, message.payload)
                self._conn.send(SequenceAck(event.max_sequence))
            case DeliveredGroup():
                for group_message in event.messages:
                    self._watcher.on_message(self, group_message.payload)
                self._conn.send(GroupAck(event.group_id, event.max_sequence))
            case PacketAck():
                number = None if self._numbers is None else self._numbers.pop(event.packet_id, None)
                if event.code:
                    self._watcher.on_failure(f"a message was refused: {event.code} {event.error_message}")
                elif number is not None:
                    self._watcher.on_ack(self, number)
            case Kick():
                self._watcher.on_failure(f"the server ended a session: {event.reason}")
            case _:
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(event)

    async def login(self, resource: str = "bench") -> None:
        """Greet and log in.

        Raises:
            BenchError: The server refuses or does not answer.
        """
        await self._ask(Conn(os="openmimc-bench"), ConnResponse)
        credentials = self.credentials
        self._conn.set_identity(
            Identity(
                app_id=credentials.app_id,
                user_id=credentials.user_id,
                account=credentials.account,
                resource=resource,
                security_key=credentials.security_key,
                package=credentials.app_package,
            )
        )
        answer = await self._ask(Bind(credentials.token, credentials.user_id, resource, ""), BindResponse)
        if not answer.result:
            raise BenchError(f"a login was refused: {answer.error_type} {answer.error_reason}")

    async def join(self, group_id: int) -> None:
        """Join an unlimited group."""
        request = AskGroup(
            GroupRequest.JOIN, f"{self.credentials.user_id}-join", self.credentials.app_id, group_id
        )
        answer = await self._ask(request, GroupAnswer)
        if answer.code:
            raise BenchError(f"joining a group was refused: {answer.code} {answer.text}")

    def ping(self) -> None:
        """Stay logged in."""
        self._conn.send(Ping(is_empty=True))
        self._flush_soon()

    def say(self, target: Target, number: int, payload: bytes) -> None:
        """Send a message."""
        stream, _, _ = read_stamp(payload)
        packet_id = f"{stream:x}-{number}"
        if self._numbers is None:
            self._numbers = {}
        self._numbers[packet_id] = number
        app_id = self.credentials.app_id
        event: ClientEvent
        match target.kind:
            case TalkKind.P2P:
                event = SendP2P(packet_id, app_id, target.account, payload)
            case TalkKind.TOPIC:
                event = SendP2T(packet_id, app_id, target.group_id, payload)
            case TalkKind.GROUP:
                event = SendGroup(packet_id, packet_id, app_id, target.group_id, payload, is_store=True)
        self._conn.send(event)
        self._flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended; nobody answers any more."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(BenchError("the server closed a connection instead of answering"))
        super().connection_lost(exc)

    async def _ask(self, event: ClientEvent, expected: type[E]) -> E:
        try:
            async with asyncio.timeout(PATIENCE_S):
                self._answer = self._loop.create_future()
                self._conn.send(event)
                self._flush()
                while True:
                    answer = await self._answer
                    if isinstance(answer, expected):
                        return answer
                    self._answer = self._loop.create_future()
        except TimeoutError as error:
            raise BenchError(f"no {expected.__name__} within {PATIENCE_S:g} s") from error
        finally:
            self._answer = None

    def _data_to_send(self) -> bytes:
        return self._conn.data_to_send()


class RelayDevice(Device):
    """A member of a room of the relay, which sends and gets packets of the protocol's sizes."""

    __slots__ = ("_has_joined", "_out", "_rest", "_sizes")

    def __init__(self, watcher: Watcher, sizes: PacketSizes) -> None:
        super().__init__(watcher)
        self._sizes = sizes
        self._has_joined: asyncio.Future[None]
        self._rest = b""
        self._out: list[bytes] = []

    async def join(self, group_id: int) -> None:
        """Enter a room; returns when messages to it come here."""
        self._has_joined = self._loop.create_future()
        self._out.append(make_packet(RelayPacket.JOIN, group_id.to_bytes(8), 0))
        self._flush_soon()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._has_joined
        except TimeoutError as error:
            raise BenchError(f"the relay did not answer within {PATIENCE_S:g} s") from error

    def say(self, target: Target, number: int, payload: bytes) -> None:
        """Send a message to everybody else in the room; the relay knows which."""
        self._out.append(make_packet(RelayPacket.MESSAGE, payload, self._sizes.message))
        self._flush_soon()

    def data_received(self, data: bytes) -> None:
        """Handle what came."""
        packets, self._rest = split_packets(self._rest + data if self._rest else data)
        has_arrived = False
        for packet in packets:
            if packet[0] == RelayPacket.LIST:
                self._watcher.on_message(self, packet[HEAD_BYTES:])
                has_arrived = True
            elif packet[0] == RelayPacket.ACK:
                self._watcher.on_ack(self, int.from_bytes(packet[HEAD_BYTES + 8 : HEAD_BYTES + 16]))
            elif packet[0] == RelayPacket.JOIN:
                self._has_joined.set_result(None)
        if has_arrived:
            self._out.append(make_packet(RelayPacket.ARRIVED, b"", self._sizes.sequence_ack))
        if not self._is_waiting:
            self._flush()

    def _data_to_send(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)
