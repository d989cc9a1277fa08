"""From an event to a call of the rules and back: one function per packet a client may send."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from openmimc.domain.names import check_resource
from openmimc.errors import (
    AccountBanned,
    BadRequest,
    DomainError,
    ImError,
    InvalidToken,
    TokenExpired,
    TooManyConnections,
    Unavailable,
)
from openmimc.gateway import call_handlers, group_handlers, online_handlers
from openmimc.gateway.link import TransportName
from openmimc.gateway.sdk import recognise
from openmimc.gateway.state import State
from openmimc.wire.bind import is_signed_with
from openmimc.wire.events import (
    BadMessage,
    Bind,
    BindResponse,
    Conn,
    ConnResponse,
    Ping,
    Pong,
    Pull,
    SendP2P,
    SendP2T,
    SequenceAck,
    Unbind,
    UnreadableMessage,
)

if TYPE_CHECKING:
    from openmimc.gateway.session import Session

log = structlog.get_logger(__name__)

CHALLENGE_CHARS = 10
_CHALLENGE_ALPHABET = string.ascii_letters + string.digits

REFUSALS: dict[type[ImError], tuple[str, str]] = {
    InvalidToken: ("auto", "invalid-token"),
    TokenExpired: ("token-expired", "token-expired"),
    AccountBanned: ("cancel", "account-banned"),
    TooManyConnections: ("cancel", "too-many-connections"),
    Unavailable: ("cancel", "unavailable"),
}
"""error_type and error_reason of a refused BIND, by what was wrong.

The first two make the SDKs fetch a new token (protocol reference, 5.4); "cancel" is for what a new token cannot
cure. Whatever is not named here was a fault of the resource.
"""
_BAD_RESOURCE = ("cancel", "bad-resource")


def on_conn(session: Session, event: Conn) -> None:
    """Answer the handshake with a fresh challenge."""
    session.sdk = recognise(event)
    session.gateway.on_recognised(session)
    session.challenge = "".join(secrets.choice(_CHALLENGE_ALPHABET) for _ in range(CHALLENGE_CHARS))
    session.state = State.HANDSHAKEN
    session.send(ConnResponse(session.challenge, header_id=event.header_id))


def on_ping(session: Session, event: Ping) -> None:
    """Answer a keep-alive."""
    session.send(Pong(header_id=event.header_id))


def on_bind(session: Session, event: Bind) -> None:
    """Begin to decide a login; nothing else is looked at until it is decided."""
    session.unbind()
    session.hold()
    session.bind_attempt += 1
    session.gateway.spawn(_decide_bind(session, event, session.bind_attempt))


async def _decide_bind(session: Session, event: Bind, attempt: int) -> None:
    gateway = session.gateway
    revocations = gateway.revocations
    try:
        principal = await gateway.auth.check_token(event.token)
        account = principal.account
        security_key = gateway.auth.derive_security_key(event.token)
        # A signature that does not fit and a foreign uuid look like a stale token: the cure is the same.
        if account.user_id != event.user_id or not is_signed_with(event, session.challenge, security_key):
            raise InvalidToken
        check_resource(event.resource)
        sessions = gateway.hub.sessions_of(account.user_id)
        is_alone = event.sso and all(other.resource == event.resource for other in sessions)
        if len(sessions) >= principal.app.settings.userMaxConnections and not is_alone:
            raise TooManyConnections
        cursor = await gateway.store.open_device(account.user_id, event.resource)
    except (DomainError, Unavailable) as exc:
        gateway.stats.binds_refused[REFUSALS.get(type(exc), _BAD_RESOURCE)[1]] += 1
        log.info("bind_refused", error=type(exc).__name__, peer=session.link.peer, sdk=session.sdk)
        # The C++ and Java SDKs come back as fast as they are refused (protocol reference, 5.4 and 11).
        gateway.call_later(gateway.limits.refusal_delay_s, partial(_refuse_bind, session, event, attempt, exc))
        return
    except Exception:
        log.exception("bind_failed", peer=session.link.peer)
        session.close()
        return
    if session.bind_attempt != attempt:
        return  # The connection ended meanwhile.
    gateway.stats.binds_accepted += 1
    if event.sso:
        for other in gateway.hub.sessions_of(account.user_id):
            if other.resource == event.resource:
                other.kick("single-resource-kick", "another connection logged in to this device")
    response = BindResponse(
        result=True, user_id=account.user_id, resource=event.resource, header_id=event.header_id
    )
    session.bind(principal, event.resource, security_key, cursor, response)
    if gateway.revocations != revocations:
        # Tokens became void while this one was checked: perhaps it was one of them.
        gateway.enforce_accounts((account.user_id,))


def _refuse_bind(session: Session, event: Bind, attempt: int, error: DomainError | Unavailable) -> None:
    if session.bind_attempt != attempt:
        return
    error_type, error_reason = REFUSALS.get(type(error), _BAD_RESOURCE)
    session.send(
        BindResponse(
            result=False,
            error_type=error_type,
            error_reason=error_reason,
            error_desc=error.text,
            user_id=event.user_id,
            resource=event.resource,
            header_id=event.header_id,
        )
    )
    session.release(State.HANDSHAKEN)


def on_unbind(session: Session, event: Unbind) -> None:
    """Log out: only KICK makes every SDK believe it (protocol reference, 5.7)."""
    session.kick("logout")


def on_send_p2p(session: Session, event: SendP2P) -> None:
    """Store a one-to-one message; the ack follows its commit."""
    _hand_over(session, event, partial(session.gateway.messages.send_p2p, to_account=event.to_account))


def on_send_p2t(session: Session, event: SendP2T) -> None:
    """Store a message to a topic; the ack follows its commit."""
    _hand_over(session, event, partial(session.gateway.messages.send_p2t, topic_id=event.topic_id))


def _hand_over(session: Session, event: SendP2P | SendP2T, send: Callable[..., None]) -> None:
    """Give a message to the rules, and whatever they answer, now or after the commit, to the session."""
    binding = session.binding
    if binding is None:
        raise AssertionError("only bound sessions get here")
    session.gateway.stats.messages_in += 1
    size = len(event.payload)
    session.expect_commit(size)
    reply = partial(session.on_commit, binding, event.packet_id, size)
    try:
        send(
            binding.sender,
            to_app_id=event.to_app_id,
            packet_id=event.packet_id,
            payload=event.payload,
            biz_type=event.biz_type,
            is_store=event.is_store,
            conversation=event.conversation,
            reply=reply,
        )
    except (DomainError, Unavailable) as exc:
        reply(exc)


def on_bad_message(session: Session, event: BadMessage) -> None:
    """Refuse a message that cannot be read."""
    session.refuse(event.packet_id, BadRequest(event.reason))


def on_sequence_ack(session: Session, event: SequenceAck) -> None:
    """Move the device's cursor."""
    session.acknowledge(event.sequence)


def on_pull(session: Session, event: Pull) -> None:
    """Send what lies beyond the device's cursor."""
    if session.binding is not None:
        session.binding.feed.pull()


def on_unreadable_message(session: Session, event: UnreadableMessage) -> None:
    """A message before login: a page learns of it by a KICK; TCP SDKs would return for ever, so they do not."""
    if session.link.transport_name is TransportName.WEBSOCKET:
        session.kick("not-bound")


TRANSITIONS: Mapping[tuple[State, type], Callable[[Session, Any], None]] = {
    (State.OPENED, Conn): on_conn,
    (State.HANDSHAKEN, Bind): on_bind,
    (State.HANDSHAKEN, Ping): on_ping,
    (State.HANDSHAKEN, Unbind): on_unbind,
    (State.HANDSHAKEN, UnreadableMessage): on_unreadable_message,
    (State.BOUND, Bind): on_bind,
    (State.BOUND, Ping): on_ping,
    (State.BOUND, Unbind): on_unbind,
    (State.BOUND, SendP2P): on_send_p2p,
    (State.BOUND, SendP2T): on_send_p2t,
    (State.BOUND, BadMessage): on_bad_message,
    (State.BOUND, SequenceAck): on_sequence_ack,
    (State.BOUND, Pull): on_pull,
    **online_handlers.TRANSITIONS,
    **call_handlers.TRANSITIONS,
    **group_handlers.TRANSITIONS,
}
"""What is done with a packet in a state; any other pair is ignored (protocol reference, 5.1)."""
