"""One connection of a client: its state, what it has been told, and when it is given up.

Theory of operation. Bytes go to ``wire.Connection``; each event that comes out is looked up in
``handlers.TRANSITIONS`` by state and type; what the table does not name is ignored (protocol reference, 5.1).
While a BIND is being decided nothing else is looked at: reading pauses and what is there already waits.
Packets to send are collected and leave once per turn of the loop, in one write.

    OPENED --Conn--> HANDSHAKEN --Bind--> BINDING --accepted--> BOUND
                          ^                  | refused            |
                          +------------------+<---Unbind, kick----+
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from openmimc.domain.auth import Principal
from openmimc.domain.delivery import Feed, ListLimits, Overflow
from openmimc.errors import DomainError, RemoteProtocolError, Unavailable
from openmimc.gateway import handlers
from openmimc.gateway.link import Link, TransportName
from openmimc.gateway.online_handlers import OnlineTraffic
from openmimc.gateway.overflow import Probe
from openmimc.gateway.sdk import KNOW_OVERFLOW, Sdk
from openmimc.gateway.state import State
from openmimc.model.app import App
from openmimc.model.ids import Position, Sequence
from openmimc.model.insight import ConnectionInfo
from openmimc.model.message import Commit, Delivery, Message, Sender
from openmimc.model.online import OnlineMessage, OnlineReceipt
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    BindResponse,
    Deliver,
    DeliverOnline,
    DeliverOverflow,
    Event,
    Kick,
    OnlineAck,
    PacketAck,
)

if TYPE_CHECKING:
    from openmimc.gateway.gateway import Gateway

log = structlog.get_logger(__name__)

_DAY_MS = 86_400_000


class Binding:
    """What a session has while a user is bound to it.

    Attributes:
        token_generation: The account's at the login.
        since_ms: Of the login, UTC epoch milliseconds.
        listed: Greatest sequence in the lists that were sent.
        online: None until the device sends or is sent an online message.
        probe: None until a WebJS client is told of an overflow.
    """

    __slots__ = (
        "feed",
        "key_generation",
        "listed",
        "online",
        "package",
        "probe",
        "sender",
        "since_ms",
        "token_generation",
    )

    def __init__(self, sender: Sender, app: App, token_generation: int, since_ms: int) -> None:
        self.sender = sender
        self.package = app.package
        self.key_generation = app.key_generation
        self.token_generation = token_generation
        self.since_ms = since_ms
        self.listed = Sequence(0)
        self.feed: Feed
        self.online: OnlineTraffic | None = None
        self.probe: Probe | None = None

    def online_traffic(self) -> OnlineTraffic:
        """``online``, made if need be."""
        if self.online is None:
            self.online = OnlineTraffic()
        return self.online


class Session:
    """One connection of a client."""

    __slots__ = (
        "_backlog",
        "_in_flight",
        "_in_flight_bytes",
        "_is_dirty",
        "_is_paused",
        "bind_attempt",
        "binding",
        "challenge",
        "conn",
        "gateway",
        "last_seen_s",
        "link",
        "sdk",
        "state",
    )

    def __init__(self, gateway: Gateway, link: Link) -> None:
        self.gateway = gateway
        self.link = link
        is_websocket = link.transport_name is TransportName.WEBSOCKET
        self.conn = Connection(
            Role.SERVER,
            Framing.WEBSOCKET if is_websocket else Framing.TCP,
            max_body_bytes=gateway.limits.max_body_bytes,
        )
        self.state = State.OPENED
        self.sdk: Sdk | None = None
        self.challenge = ""
        self.binding: Binding | None = None
        self.bind_attempt = 0
        self.last_seen_s = gateway.now_s
        self._backlog: list[bytes] | None = None
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._is_dirty = False
        self._is_paused = False

    # ------------------------------------------------------------------ receiving

    def receive(self, data: bytes) -> None:
        """Take bytes from the client: any piece of a TCP stream, or one whole WebSocket message."""
        self.last_seen_s = self.gateway.now_s
        if self._backlog is not None:
            self._backlog.append(data)
        else:
            self._advance(data)

    def _advance(self, data: bytes | None) -> None:
        """Handle new bytes, if any, and every event that is complete."""
        try:
            if data is not None:
                self.conn.receive_data(data)
            while self.state is not State.BINDING and self.state is not State.CLOSED:
                event = self.conn.next_event()
                if event is None:
                    return
                handler = handlers.TRANSITIONS.get((self.state, type(event)))
                if handler is not None:
                    handler(self, event)
                else:
                    self.gateway.stats.ignored_packets += 1
        except RemoteProtocolError as exc:
            self.gateway.stats.protocol_errors[exc.reason] += 1
            log.info("protocol_error", reason=exc.reason, detail=str(exc), peer=self.link.peer)
            self.close()
        except Exception:
            # A defect of ours met by one client must not reach the others.
            log.exception("session_failed", peer=self.link.peer)
            self.close()

    def hold(self) -> None:
        """Look at nothing until ``release``: a BIND is being decided."""
        self.state = State.BINDING
        self._backlog = []
        self.link.pause_reading()

    def release(self, state: State) -> None:
        """Go on in ``state`` with what waited."""
        self.state = state
        waiting, self._backlog = self._backlog or [], None
        if not self._is_paused:
            self.link.resume_reading()
        self._advance(None)
        # A further BIND among what waited holds the rest back once more.
        while waiting and self._backlog is None and self.state is not State.CLOSED:
            self._advance(waiting.pop(0))
        if self._backlog is not None:
            self._backlog.extend(waiting)

    # ------------------------------------------------------------------ sending

    def send(self, event: Event) -> None:
        """Queue a packet; it leaves at the end of this turn of the loop."""
        if self.state is State.CLOSED:
            return
        self.conn.send(event)
        if not self._is_dirty:
            self._is_dirty = True
            self.gateway.flush_soon(self)

    def flush(self) -> None:
        """Write what was queued. A client that does not read is cut off here."""
        self._is_dirty = False
        packets = self.conn.packets_to_send()
        if not packets or self.state is State.CLOSED:
            return
        self.gateway.stats.packets_out += len(packets)
        # The C# SDK misreads a packet that does not arrive in one piece (protocol reference, 3.1).
        self.link.send_packets(packets, one_by_one=self.sdk is Sdk.CSHARP)
        if self.link.unsent_bytes() > self.gateway.limits.max_unsent_bytes:
            self.gateway.stats.slow_readers += 1
            log.info("slow_reader", peer=self.link.peer, sdk=self.sdk)
            self.link.abort()
            self.close()

    # ------------------------------------------------------------------ a user's session

    @property
    def resource(self) -> str:
        """The bound device, "" while none is bound."""
        return self.binding.sender.resource if self.binding else ""

    def bind(
        self, principal: Principal, resource: str, security_key: bytes, cursor: Position, response: BindResponse
    ) -> None:
        """Accept a BIND: answer it, then deliver what waits."""
        gateway = self.gateway
        app, account = principal.app, principal.account
        sender = Sender(app.app_id, account.user_id, account.name, resource)
        binding = Binding(sender, app, account.token_generation, gateway.clock.now_ms())
        binding.feed = Feed(
            sender.user_id,
            sender.resource,
            cursor,
            inbox_time_ms=app.settings.inboxTime * _DAY_MS,
            # The C# SDK takes one message per list (protocol reference, 3.5).
            limits=ListLimits(max_messages=1) if self.sdk is Sdk.CSHARP else gateway.limits.lists,
            store=gateway.store,
            clock=gateway.clock,
            send_list=self._send_list,
            spawn=gateway.spawn,
            on_acknowledged=self._on_acknowledged,
            overflow=self._overflow_of(app),
        )
        self.binding = binding
        self.conn.set_identity(
            Identity(
                app_id=sender.app_id,
                user_id=sender.user_id,
                account=sender.account,
                resource=sender.resource,
                security_key=security_key,
                package=app.package,
            )
        )
        gateway.hub.add(sender.user_id, self)
        self.send(response)
        binding.feed.start()
        self.release(State.BOUND)

    def unbind(self) -> None:
        """Forget the user; the connection stays. Harmless when none is bound."""
        binding, self.binding = self.binding, None
        if binding is None:
            return
        binding.feed.close()
        self.gateway.hub.remove(binding.sender.user_id, self)
        self.conn.clear_identity()
        if self.state is State.BOUND:
            self.state = State.HANDSHAKEN

    def kick(self, reason: str, description: str = "") -> None:
        """Log the user out; the connection stays, for the SDKs use it for the next login."""
        if self.state in (State.HANDSHAKEN, State.BOUND):
            self.gateway.stats.kicks[reason] += 1
            self.send(Kick(reason, description or reason))
        self.unbind()

    def revoke(self) -> None:
        """Log out a user whose token is void."""
        if self.sdk is Sdk.CSHARP:
            # After a KICK it never logs in again; after a lost connection it does.
            self.close()
        else:
            self.kick("invalid-token", "the token was revoked")

    def describe(self) -> ConnectionInfo:
        """What an operator is shown of the connection of a bound device."""
        return ConnectionInfo(
            resource=self.resource,
            transport=self.link.transport_name.value,
            sdk=(self.sdk or Sdk.OTHER).value,
            peer=self.link.peer,
            since_ms=self.binding.since_ms if self.binding else 0,
        )

    def offer(self, delivery: Delivery) -> None:
        """Take notice of a message in the user's inbox."""
        if self.binding is not None:
            self.binding.feed.offer(delivery)

    def note_cursor(self, position: Position) -> None:
        """Take notice that another connection of the same device moved the cursor."""
        if self.binding is not None:
            self.binding.feed.note_cursor(position)

    def _send_list(self, messages: list[Message]) -> None:
        binding = self.binding
        if binding is None:
            raise AssertionError("a feed sends only while its user is bound")
        serialize = self.gateway.serialize_message
        packets = tuple(serialize(message, binding.package) for message in messages)
        self.gateway.stats.messages_out += len(packets)
        binding.listed = max(message.sequence for message in messages)
        self.gateway.trace.on_push(binding.sender.user_id, binding.sender.resource, messages)
        self.send(Deliver(binding.listed, packets))

    def _overflow_of(self, app: App) -> Overflow | None:
        most = app.settings.offlineMsgMaxCount
        return Overflow(most, self._send_overflow) if most and self.sdk in KNOW_OVERFLOW else None

    def _send_overflow(self, first: Sequence, last: Sequence) -> None:
        binding = self.binding
        if binding is None:
            raise AssertionError("a feed sends only while its user is bound")
        if self.sdk is Sdk.WEBJS:
            if binding.probe is None:
                binding.probe = Probe()
                self.send(DeliverOverflow(is_probe=True))
            binding.probe.on_overflow_sent()
        elif self.sdk is Sdk.CPP:
            # It takes a second overflow in a row for a repetition, even after a new login, and acknowledges it
            # without asking the app. Any ordinary list in between, even an empty one, tells it otherwise.
            self.send(DeliverOverflow(is_probe=True))
        self.send(DeliverOverflow(first, last))

    def acknowledge(self, sequence: int) -> None:
        """The client says that it has everything up to ``sequence``."""
        binding = self.binding
        if binding is None:
            return
        probe = binding.probe
        if probe is not None and probe.takes(sequence):
            # At the first of these the client turns out to be an old one; after that this changes nothing.
            binding.feed.renounce_overflow()
            return
        feed = binding.feed
        cursor, listed = feed.cursor, binding.listed
        feed.acknowledge(sequence)
        if feed.cursor > cursor:
            upto = listed if sequence > listed else Sequence(sequence)
            self.gateway.trace.on_acknowledged(binding.sender.user_id, binding.sender.resource, upto)

    def offer_online(self, message: OnlineMessage) -> None:
        """Send an online message, and remember whom the device may confirm it to."""
        binding = self.binding
        if binding is None:
            return
        binding.online_traffic().remember(message)
        self.gateway.stats.messages_out += 1
        sender = message.sender
        self.send(
            DeliverOnline(
                packet_id=message.packet_id,
                from_account=sender.account,
                from_user_id=sender.user_id,
                from_resource=sender.resource,
                to_account=message.to_account,
                to_user_id=message.to_user_id,
                to_resource=message.to_resource,
                payload=message.payload,
                timestamp_ms=message.timestamp_ms,
                biz_type=message.biz_type,
            )
        )

    def offer_receipt(self, receipt: OnlineReceipt) -> None:
        """Pass on what a receiver says of an online message of this device."""
        if self.binding is not None:
            self.send(
                OnlineAck(receipt.packet_id, receipt.user_id, receipt.resource, receipt.code, receipt.text)
            )

    def _on_acknowledged(self, position: Position) -> None:
        if self.binding is not None:
            self.gateway.hub.on_acknowledged(self.binding.sender.user_id, self, position)

    # ------------------------------------------------------------------ messages on their way to the store

    def expect_commit(self, payload_bytes: int) -> None:
        """Count a message or request that has to wait for the store; too many of them make the client wait."""
        self._in_flight += 1
        self._in_flight_bytes += payload_bytes
        self.gateway.in_flight += 1
        limits = self.gateway.limits
        if not self._is_paused and (
            self._in_flight >= limits.max_in_flight or self._in_flight_bytes >= limits.max_in_flight_bytes
        ):
            self._is_paused = True
            self.link.pause_reading()

    def on_commit(
        self,
        binding: Binding,
        packet_id: str,
        payload_bytes: int,
        result: Commit | DomainError | Unavailable,
    ) -> None:
        """Acknowledge a message to the client that sent it, if it is still there."""
        self.settle(payload_bytes)
        if self.binding is not binding:
            return  # Logged out or gone: nobody is waiting.
        if isinstance(result, Commit):
            message = result.message
            self.send(PacketAck(packet_id, message.sequence, message.timestamp_ms, index=message.index))
        else:
            self.refuse(packet_id, result)

    def settle(self, payload_bytes: int) -> None:
        """Undo ``expect_commit``: what was counted there is dealt with."""
        self._in_flight -= 1
        self._in_flight_bytes -= payload_bytes
        self.gateway.in_flight -= 1
        limits = self.gateway.limits
        if (
            self._is_paused
            and self._in_flight * 2 < limits.max_in_flight
            and self._in_flight_bytes * 2 < limits.max_in_flight_bytes
        ):
            self._is_paused = False
            if self._backlog is None and self.state is not State.CLOSED:
                self.link.resume_reading()

    def refuse(self, packet_id: str, error: DomainError | Unavailable) -> None:
        """Tell the client that a message was not stored, and why."""
        self.gateway.stats.refusals[error.code] += 1
        self.send(PacketAck(packet_id, 0, self.gateway.clock.now_ms(), error.code, error.text))

    # ------------------------------------------------------------------ time

    def check(self, now_s: float) -> bool:
        """Do what time demands: give up a silent connection, send again what was not acknowledged.

        Returns:
            Whether this connection wants to be looked at again.
        """
        if self.state is State.CLOSED:
            return False
        silent_s = now_s - self.last_seen_s
        limits = self.gateway.limits
        if self.state is State.OPENED:
            is_overdue = silent_s >= limits.conn_timeout_s
        elif self.state is State.BOUND:
            is_overdue = silent_s >= limits.bound_timeout_s
        else:
            is_overdue = silent_s >= limits.handshaken_timeout_s
        if is_overdue:
            self.gateway.stats.timeouts[self.state.value] += 1
            log.info("idle_timeout", state=self.state.value, peer=self.link.peer)
            self.close()
            return False
        if silent_s >= limits.quiet_after_s:
            self.conn.drop_caches()
        if self.binding is not None:
            self.binding.feed.check()
            self.gateway.verify_account(self)
        return True

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """End the connection after what was queued has left. Harmless when closed."""
        if self.state is State.CLOSED:
            return
        self.flush()
        self._end()
        self.link.close()

    def on_connection_lost(self) -> None:
        """The transport is gone."""
        self._end()

    def _end(self) -> None:
        if self.state is State.CLOSED:
            return
        self.unbind()
        self.state = State.CLOSED
        self._backlog = None
        self.bind_attempt += 1
        self.gateway.on_session_end(self)
