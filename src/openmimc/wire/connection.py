"""One connection as a state machine: bytes in, events out, events in, bytes out. No I/O, no clock.

Theory of operation. A connection has three states, and both ends are in the same one:

    OPENED     nothing has passed
    GREETED    CONN has passed; its answer, with the challenge, is due
    READY      the answer has passed; both sides know the key of the outer cipher

``CLIENT_PACKETS`` and ``SERVER_PACKETS`` are the transitions: what each side may send in which state. The
receiver refuses what is not in them (the peer's fault), the sender does, too (our bug). Two kinds of packet
stand outside: the packet without a header is a keep-alive in any state, and a command that no table knows is
passed on as ``OtherCommand``, to be ignored.

Whether a user is bound is not a state here. It shows in whether an identity is set: the server sets it when it
accepts a BIND, the client before it sends one. Until then messages can neither be read nor written.

After a ``RemoteProtocolError`` the rest of the stream means nothing. The connection then forgets its input and
raises the same error for ever; it can still send.

Source: protocol reference, 5.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec

from openmimc.errors import BadPacket, LocalProtocolError, RemoteProtocolError
from openmimc.wire import bind as bind_signature
from openmimc.wire import calls, commands, group_messages, messages, online
from openmimc.wire.cipher import body_key
from openmimc.wire.codec import new_codec
from openmimc.wire.events import (
    AskCall,
    AskGroup,
    Bind,
    BindResponse,
    Conn,
    ConnResponse,
    Deliver,
    DeliverGroup,
    DeliverOnline,
    DeliverOverflow,
    Event,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    Kick,
    OnlineAck,
    OtherCommand,
    OtherPacket,
    PacketAck,
    Ping,
    Pong,
    Pull,
    RefuseCall,
    SendGroup,
    SendOnline,
    SendP2P,
    SendP2T,
    SequenceAck,
    Unbind,
    UnreadableMessage,
)
from openmimc.wire.framing import Framing, Role
from openmimc.wire.header_ids import next_header_id
from openmimc.wire.headers import BIND, CONN, KICK, PING, SECMSG, UNBIND, Packet
from openmimc.wire.identity import Identity
from openmimc.wire.packet_fields import is_packet_id

__all__ = ["MAX_BODY_BYTES", "Connection", "Framing", "Identity", "Role", "State"]

MAX_BODY_BYTES = 131_072
"""Longest body accepted by default, and longest packet a client sends, whatever it accepts.

A message of 64 KiB and its envelope fit well. Source: protocol reference, 3.5.
"""


class State(Enum):
    """How far the handshake is."""

    OPENED = "opened"
    GREETED = "greeted"
    READY = "ready"


CLIENT_PACKETS: Mapping[tuple[State, str], State] = {
    (State.OPENED, CONN): State.GREETED,
    (State.READY, BIND): State.READY,
    (State.READY, PING): State.READY,
    (State.READY, UNBIND): State.READY,
    (State.READY, SECMSG): State.READY,
}
"""What a client may send in which state, and the state after it."""

SERVER_PACKETS: Mapping[tuple[State, str], State] = {
    (State.GREETED, CONN): State.READY,
    (State.READY, BIND): State.READY,
    (State.READY, PING): State.READY,
    (State.READY, KICK): State.READY,
    (State.READY, SECMSG): State.READY,
}
"""What a server may send in which state, and the state after it."""

_Received = tuple[frozenset[str], Mapping[tuple[State, str], State], Callable[[Packet], Event]]
_RECEIVED: Mapping[Role, _Received] = {
    Role.SERVER: (
        frozenset(command for _, command in CLIENT_PACKETS),
        CLIENT_PACKETS,
        commands.parse_client_command,
    ),
    Role.CLIENT: (
        frozenset(command for _, command in SERVER_PACKETS),
        SERVER_PACKETS,
        commands.parse_server_command,
    ),
}
"""What each role receives: the commands it knows, their transitions, and how to read them."""


class Connection:
    """One end of one connection.

    Args:
        role: Which end.
        framing: What the packets travel in.
        max_body_bytes: Longest body accepted from the peer. Clients need more than the default for servers that
            send long lists.
        next_id: Gives header ids. One id must never be used twice for one user: it keys a cipher.
    """

    __slots__ = (
        "_challenge",
        "_codec",
        "_failure",
        "_identity",
        "_next_id",
        "_out",
        "_role",
        "_state",
        "_udid",
        "framing",
    )

    def __init__(
        self,
        role: Role,
        framing: Framing,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        next_id: Callable[[], str] = next_header_id,
    ) -> None:
        self.framing = framing
        self._role = role
        self._codec = new_codec(role, framing, max_body_bytes)
        self._next_id = next_id
        self._state = State.OPENED
        self._identity: Identity | None = None
        self._udid = ""
        self._challenge = ""
        self._failure: RemoteProtocolError | None = None
        self._out: list[bytes] | None = None

    @property
    def state(self) -> State:
        """How far the handshake is."""
        return self._state

    @property
    def challenge(self) -> str:
        """What BINDs on this connection are signed with; "" until the answer to CONN has passed."""
        return self._challenge

    @property
    def identity(self) -> Identity | None:
        """Whom messages on this connection are to (server) or from (client)."""
        return self._identity

    def set_identity(self, identity: Identity) -> None:
        """Read and write messages as this user's from here on.

        A server does this when it accepts a BIND, before it sends anything else, a client before it sends one.
        """
        self._identity = identity
        if self._state is State.READY:
            self._codec.set_identity(identity)

    def clear_identity(self) -> None:
        """Forget the user, as after a logout; messages become unreadable."""
        self._identity = None
        self._codec.set_identity(None)

    def drop_caches(self) -> None:
        """Give back memory that only speeds up packets; for connections that have been quiet for long."""
        self._codec.drop_caches()

    # ------------------------------------------------------------------ receiving

    def receive_data(self, data: bytes) -> None:
        """Take what the peer sent: any bytes over TCP, exactly one binary message over WebSocket.

        Call ``next_event`` until it returns None before the next call; then never more than one packet is kept.
        """
        if self._failure is None:
            self._codec.feed(data)

    def next_event(self) -> Event | None:
        """Return what the peer said next, or None if more data is needed.

        Answer a ``Conn`` before the next call: nothing that follows it could be decrypted.

        Raises:
            RemoteProtocolError: one of its subclasses: the peer broke the protocol, close. Every later call
                raises the same.
        """
        if self._failure is not None:
            raise self._failure
        try:
            received = self._codec.next_packet()
            if type(received) is Packet:
                return self._receive(received)
        except RemoteProtocolError as error:
            self._failure = error
            self._codec.clear()
            raise
        return received  # type: ignore[return-value]  # It is no Packet; mypy does not narrow by type().

    def _receive(self, packet: Packet) -> Event:
        command = packet.command
        known, transitions, parse = _RECEIVED[self._role]
        if command not in known:
            return OtherCommand(command)
        state = transitions.get((self._state, command))
        if state is None:
            raise BadPacket(f"{command} while {self._state.value}")
        if command == SECMSG:
            return UnreadableMessage()
        event = parse(packet)
        if type(event) is Conn:
            self._udid = event.udid
        elif type(event) is ConnResponse:
            self._finish_handshake(event.challenge)
        self._state = state
        return event

    def _finish_handshake(self, challenge: str) -> None:
        self._challenge = challenge
        self._codec.set_body_key(body_key(challenge, self._udid))
        self._codec.set_identity(self._identity)
        self._udid = ""

    # ------------------------------------------------------------------ sending

    def send(self, event: Event) -> None:
        """Make packets of an event; ``data_to_send`` or ``packets_to_send`` has them.

        Raises:
            LocalProtocolError: role or state do not allow it, or the SDKs could not read it. Nothing was made.
        """
        send = (_SERVER_SENDERS if self._role is Role.SERVER else _CLIENT_SENDERS).get(type(event))
        if send is None:
            raise LocalProtocolError(f"a {self._role.value} sends no {type(event).__name__}")
        packet = send(self, event)
        if self._out is None:
            self._out = [packet]
        else:
            self._out.append(packet)

    def data_to_send(self) -> bytes:
        """Take everything that waits to be sent, joined. For TCP."""
        packets = self._out
        if packets is None:
            return b""
        self._out = None
        return packets[0] if len(packets) == 1 else b"".join(packets)

    def packets_to_send(self) -> list[bytes]:
        """Take everything that waits to be sent, packet by packet.

        For WebSocket, where each is one binary message, and for the C# SDK, which wants one write for each.
        """
        packets = self._out
        self._out = None
        return [] if packets is None else packets

    def _seal(
        self,
        command: str,
        header_id: str,
        payload: bytes,
        user_id: int,
        resource: str,
        *,
        is_push: bool = False,
    ) -> bytes:
        transitions = SERVER_PACKETS if self._role is Role.SERVER else CLIENT_PACKETS
        state = transitions.get((self._state, command))
        if state is None:
            raise LocalProtocolError(f"{command} while {self._state.value}")
        packet = self._codec.seal(
            command,
            header_id or self._next_id(),
            payload,
            user_id=user_id,
            resource=resource,
            is_push=is_push,
        )
        self._state = state
        return packet

    def _seal_for_identity(
        self, command: str, header_id: str, payload: bytes, *, is_push: bool = False
    ) -> bytes:
        identity = self._identity
        user_id, resource = (0, "") if identity is None else (identity.user_id, identity.resource)
        return self._seal(command, header_id, payload, user_id, resource, is_push=is_push)

    def _needed_identity(self) -> Identity:
        if self._identity is None:
            raise LocalProtocolError("no identity was set")
        return self._identity

    # A server's events.

    def _send_conn_response(self, response: ConnResponse) -> bytes:
        if not response.challenge or not response.challenge.isascii():
            raise LocalProtocolError("a challenge is ASCII and not empty")
        # The answer itself is plain: the key comes into being with it.
        packet = self._seal(CONN, response.header_id, commands.serialize_conn_response(response), 0, "")
        self._finish_handshake(response.challenge)
        return packet

    def _send_bind_response(self, response: BindResponse) -> bytes:
        payload = commands.serialize_bind_response(response)
        return self._seal(BIND, response.header_id, payload, response.user_id, response.resource)

    def _send_pong(self, pong: Pong) -> bytes:
        if self.framing is Framing.TCP:
            # It satisfies every TCP SDK, also as the answer to a ping with a header (protocol reference, 5.5).
            return self._codec.seal_empty()
        return self._seal_for_identity(PING, pong.header_id, b"")

    def _send_kick(self, kick: Kick) -> bytes:
        return self._seal_for_identity(KICK, "", commands.serialize_kick(kick), is_push=True)

    def _send_packet_ack(self, ack: PacketAck) -> bytes:
        return self._codec.seal_ack(self._next_id(), ack)

    def _send_deliver(self, deliver: Deliver) -> bytes:
        return self._codec.seal_list(self._next_id(), deliver)

    def _send_deliver_overflow(self, overflow: DeliverOverflow) -> bytes:
        header_id = self._next_id()
        payload = messages.serialize_overflow(overflow, self._needed_identity(), header_id)
        return self._codec.seal_message(header_id, payload)

    def _send_deliver_group(self, deliver: DeliverGroup) -> bytes:
        self._needed_identity()  # Without one, no header id is used up.
        return self._codec.seal_group(self._next_id(), deliver)

    def _send_group_answer(self, answer: GroupAnswer) -> bytes:
        payload = group_messages.serialize_group_answer(answer, self._needed_identity())
        return self._codec.seal_message(self._next_id(), payload)

    def _send_group_pong(self, pong: GroupPong) -> bytes:
        payload = group_messages.serialize_group_pong(pong, self._needed_identity())
        return self._codec.seal_message(self._next_id(), payload)

    def _send_group_dismissed(self, dismissed: GroupDismissed) -> bytes:
        header_id = self._next_id()
        payload = group_messages.serialize_group_dismissed(dismissed, self._needed_identity(), header_id)
        return self._codec.seal_message(header_id, payload)

    def _send_deliver_online(self, deliver: DeliverOnline) -> bytes:
        payload = online.serialize_deliver_online(deliver, self._needed_identity())
        return self._codec.seal_message(self._next_id(), payload)

    def _send_refuse_call(self, refusal: RefuseCall) -> bytes:
        payload = calls.serialize_refuse_call(refusal, self._needed_identity())
        return self._codec.seal_message(self._next_id(), payload)

    # A client's events.

    def _send_conn(self, conn: Conn) -> bytes:
        packet = self._seal_for_identity(CONN, conn.header_id, commands.serialize_conn(conn))
        self._udid = conn.udid
        return packet

    def _send_bind(self, bind: Bind) -> bytes:
        identity = self._needed_identity()
        bind = msgspec.structs.replace(
            bind,
            user_id=bind.user_id or identity.user_id,
            resource=bind.resource or identity.resource,
            header_id=bind.header_id or self._next_id(),
        )
        if not bind.signature:
            signature = bind_signature.sign(bind, self._challenge, identity.security_key)
            bind = msgspec.structs.replace(bind, signature=signature)
        payload = commands.serialize_bind(bind, with_empty_attrs=self.framing is Framing.TCP)
        return self._seal(BIND, bind.header_id, payload, bind.user_id, bind.resource)

    def _send_ping(self, ping: Ping) -> bytes:
        if ping.is_empty:
            return self._codec.seal_empty()
        return self._seal_for_identity(PING, ping.header_id, b"")

    def _send_unbind(self, unbind: Unbind) -> bytes:
        return self._seal_for_identity(UNBIND, unbind.header_id, b"")

    def _send_p2p(self, event: SendP2P) -> bytes:
        return self._seal_request(self._next_id(), messages.serialize_p2p(event, self._needed_identity()))

    def _send_p2t(self, event: SendP2T) -> bytes:
        return self._seal_request(self._next_id(), messages.serialize_p2t(event, self._needed_identity()))

    def _send_sequence_ack(self, ack: SequenceAck) -> bytes:
        header_id = self._next_id()
        packet_id = header_id if self.framing is Framing.TCP else None
        payload = messages.serialize_sequence_ack(ack, self._needed_identity(), packet_id)
        return self._seal_request(header_id, payload)

    def _send_pull(self, pull: Pull) -> bytes:
        header_id = self._next_id()
        return self._seal_request(header_id, messages.serialize_pull(pull, self._needed_identity(), header_id))

    def _send_ask_group(self, event: AskGroup) -> bytes:
        payload = group_messages.serialize_ask_group(event, self._needed_identity())
        return self._seal_request(self._next_id(), payload)

    def _send_group(self, event: SendGroup) -> bytes:
        payload = group_messages.serialize_group_send(event, self._needed_identity())
        # The message's own id, as the official SDKs have it (protocol reference, 7.1). Under one key, the same
        # message sent again is the same bytes again. An id that will be refused is kept out of the header.
        header_id = event.packet_id if is_packet_id(event.packet_id) else self._next_id()
        return self._seal_request(header_id, payload)

    def _send_group_ping(self, ping: GroupPing) -> bytes:
        payload = group_messages.serialize_group_ping(ping, self._needed_identity())
        return self._seal_request(self._next_id(), payload)

    def _send_group_ack(self, ack: GroupAck) -> bytes:
        header_id = self._next_id()
        payload = group_messages.serialize_group_ack(ack, self._needed_identity(), header_id)
        return self._seal_request(header_id, payload)

    def _send_online(self, event: SendOnline) -> bytes:
        payload = online.serialize_send_online(event, self._needed_identity())
        return self._seal_request(self._next_id(), payload)

    def _send_ask_call(self, event: AskCall) -> bytes:
        payload = calls.serialize_ask_call(event, self._needed_identity())
        return self._seal_request(self._next_id(), payload)

    def _seal_request(self, header_id: str, payload: bytes) -> bytes:
        packet = self._codec.seal_message(header_id, payload)
        # It would end the connection, and again after each reconnect.
        if len(packet) > MAX_BODY_BYTES:
            raise LocalProtocolError(f"a packet of {len(packet)} bytes, {MAX_BODY_BYTES} allowed")
        return packet

    # Both sides' events.

    def _send_online_ack(self, ack: OnlineAck) -> bytes:
        header_id = self._next_id()
        return self._seal_either(
            header_id, online.serialize_online_ack(ack, self._needed_identity(), header_id)
        )

    def _send_other(self, packet: OtherPacket) -> bytes:
        header_id = self._next_id()
        return self._seal_either(
            header_id, messages.serialize_other(packet, self._needed_identity(), header_id)
        )

    def _seal_either(self, header_id: str, payload: bytes) -> bytes:
        if self._role is Role.CLIENT:
            return self._seal_request(header_id, payload)
        return self._codec.seal_message(header_id, payload)


# The key says what the value takes, which no type can: hence Any.
_SERVER_SENDERS: Mapping[type, Callable[[Connection, Any], bytes]] = {
    PacketAck: Connection._send_packet_ack,
    Deliver: Connection._send_deliver,
    DeliverGroup: Connection._send_deliver_group,
    Pong: Connection._send_pong,
    ConnResponse: Connection._send_conn_response,
    BindResponse: Connection._send_bind_response,
    Kick: Connection._send_kick,
    DeliverOverflow: Connection._send_deliver_overflow,
    GroupAnswer: Connection._send_group_answer,
    GroupPong: Connection._send_group_pong,
    GroupDismissed: Connection._send_group_dismissed,
    DeliverOnline: Connection._send_deliver_online,
    OnlineAck: Connection._send_online_ack,
    RefuseCall: Connection._send_refuse_call,
    OtherPacket: Connection._send_other,
}
_CLIENT_SENDERS: Mapping[type, Callable[[Connection, Any], bytes]] = {
    SendP2P: Connection._send_p2p,
    SendP2T: Connection._send_p2t,
    SequenceAck: Connection._send_sequence_ack,
    Ping: Connection._send_ping,
    Conn: Connection._send_conn,
    Bind: Connection._send_bind,
    Unbind: Connection._send_unbind,
    Pull: Connection._send_pull,
    SendGroup: Connection._send_group,
    AskGroup: Connection._send_ask_group,
    GroupPing: Connection._send_group_ping,
    GroupAck: Connection._send_group_ack,
    SendOnline: Connection._send_online,
    OnlineAck: Connection._send_online_ack,
    AskCall: Connection._send_ask_call,
    OtherPacket: Connection._send_other,
}
