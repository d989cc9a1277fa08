"""What a client may send about online messages: one function per packet.

Source: protocol reference, 6.9.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from openmimc.errors import BadRequest, DomainError, Unavailable
from openmimc.gateway.state import State
from openmimc.model.online import OnlineMessage, OnlineReceipt
from openmimc.wire.events import BadOnlineMessage, OnlineAck, SendOnline

if TYPE_CHECKING:
    from openmimc.gateway.session import Binding, Session

log = structlog.get_logger(__name__)

RECEIPTS_EXPECTED_MAX = 64
"""How many online messages a connection is remembered to have been sent; who is slower gets no word through."""


class OnlineTraffic:
    """Online messages of one login: those on their way from the device, and those it may still confirm.

    Attributes:
        outgoing: Sent by the device, not yet passed on.
        received: Sent to the device, oldest first: by packet id, a receipt as its sender is to get it, but for
            what the device says.
    """

    __slots__ = ("is_working", "outgoing", "received")

    def __init__(self) -> None:
        self.outgoing: deque[SendOnline] = deque()
        self.received: dict[str, OnlineReceipt] = {}
        self.is_working = False

    def remember(self, message: OnlineMessage) -> None:
        """The device is being sent a message; the oldest one is forgotten if they are too many."""
        sender = message.sender
        self.received.pop(message.packet_id, None)
        if len(self.received) >= RECEIPTS_EXPECTED_MAX:
            del self.received[next(iter(self.received))]
        self.received[message.packet_id] = OnlineReceipt(
            sender.user_id, sender.resource, message.packet_id, code=0, text=""
        )

    def take_receipt(self, ack: OnlineAck) -> OnlineReceipt | None:
        """The receipt that a device's ack makes, once for each message; None if it was sent no such message."""
        expected = self.received.pop(ack.packet_id, None)
        if expected is None:
            return None
        return OnlineReceipt(expected.user_id, expected.resource, ack.packet_id, ack.code, ack.text)


def on_send_online(session: Session, event: SendOnline) -> None:
    """Pass a message on, after those that came before it on this connection."""
    binding = _binding_of(session)
    session.gateway.stats.messages_in += 1
    session.expect_commit(len(event.payload))
    traffic = binding.online_traffic()
    traffic.outgoing.append(event)
    if not traffic.is_working:
        traffic.is_working = True
        session.gateway.spawn(_work_off(session, binding, traffic))


async def _work_off(session: Session, binding: Binding, traffic: OnlineTraffic) -> None:
    while traffic.outgoing:
        event = traffic.outgoing.popleft()
        try:
            await _pass_on(session, binding, event)
        finally:
            session.settle(len(event.payload))
    traffic.is_working = False


async def _pass_on(session: Session, binding: Binding, event: SendOnline) -> None:
    try:
        await session.gateway.online.send(
            binding.sender,
            to_app_id=event.to_app_id,
            to_account=event.to_account,
            to_resource=event.to_resource,
            packet_id=event.packet_id,
            payload=event.payload,
            biz_type=event.biz_type,
        )
    except (DomainError, Unavailable) as exc:
        if session.binding is binding:
            _refuse(session, binding, event.packet_id, exc)
    except Exception:
        # Must not keep what waits behind it.
        log.exception("online_message_failed", peer=session.link.peer)


def on_bad_online_message(session: Session, event: BadOnlineMessage) -> None:
    """Refuse a message that cannot be read."""
    _refuse(session, _binding_of(session), event.packet_id, BadRequest(event.reason))


def _refuse(session: Session, binding: Binding, packet_id: str, error: DomainError | Unavailable) -> None:
    session.gateway.stats.refusals[error.code] += 1
    sender = binding.sender
    session.send(OnlineAck(packet_id, sender.user_id, sender.resource, error.code, error.text))


def on_online_ack(session: Session, event: OnlineAck) -> None:
    """Tell the sender of a message what this device says of it; whom that is, the device does not decide."""
    traffic = _binding_of(session).online
    receipt = traffic.take_receipt(event) if traffic is not None else None
    if receipt is None:
        session.gateway.stats.ignored_packets += 1
    else:
        session.gateway.online.confirm(receipt)


def _binding_of(session: Session) -> Binding:
    if session.binding is None:
        raise AssertionError("only bound sessions get here")
    return session.binding


TRANSITIONS: Mapping[tuple[State, type], Callable[[Session, Any], None]] = {
    (State.BOUND, SendOnline): on_send_online,
    (State.BOUND, BadOnlineMessage): on_bad_online_message,
    (State.BOUND, OnlineAck): on_online_ack,
}
"""See ``handlers.TRANSITIONS``."""
