"""What a client may send about unlimited groups: one function per packet.

Source: protocol reference, 7.1 and 10.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from openmimc.errors import DomainError, Forbidden, ForeignApp, NoSuchTopic, Unavailable
from openmimc.gateway.state import State
from openmimc.model.ids import TopicId
from openmimc.wire.events import AskGroup, GroupAck, GroupAnswer, GroupPing, GroupPong, GroupRequest, SendGroup

if TYPE_CHECKING:
    from openmimc.gateway.session import Binding, Session

log = structlog.get_logger(__name__)

INTERNAL_ERROR = 500
"""What a client is told of errors that are not its own; the SDKs ask only whether a code is 0."""

MAX_GROUP_ID = 2**63 - 1


def on_ask_group(session: Session, event: AskGroup) -> None:
    """Join, leave, or count who is there; the answer follows when it is on disk."""
    binding = _binding_of(session)
    groups = session.gateway.groups
    sender = binding.sender
    group_id = TopicId(event.group_id)
    work: Awaitable[int | None]
    if event.app_id not in (None, sender.app_id):
        _answer(session, event, ForeignApp.code, ForeignApp.default_text)
        return
    if not 0 < group_id <= MAX_GROUP_ID:
        _answer(session, event, NoSuchTopic.code, NoSuchTopic.default_text)
        return
    if event.request is GroupRequest.JOIN:
        # Called here, not in the task: a message that follows at once has to find the sender inside.
        work = groups.join(sender.app_id, sender.user_id, group_id)
    elif event.request is GroupRequest.QUIT:
        work = groups.leave(sender.app_id, sender.user_id, group_id)
    else:
        work = groups.count_online_for(sender.app_id, sender.user_id, group_id)
    session.gateway.spawn(_finish(session, binding, event, work))


async def _finish(session: Session, binding: Binding, event: AskGroup, work: Awaitable[int | None]) -> None:
    code, text, online = 0, "", 0
    try:
        online = await work or 0
    except (NoSuchTopic, Forbidden) as exc:
        code, text = exc.code, exc.text
    except (DomainError, Unavailable) as exc:
        code, text = INTERNAL_ERROR, exc.text
    except Exception:
        log.exception("group_request_failed", request=event.request.value, peer=session.link.peer)
        code, text = INTERNAL_ERROR, "internal error"
    if session.binding is binding:
        _answer(session, event, code, text, online)


def _answer(session: Session, event: AskGroup, code: int, text: str, online: int = 0) -> None:
    if code:
        session.gateway.stats.refusals[code] += 1
    app_id = _binding_of(session).sender.app_id
    session.send(GroupAnswer(event.request, event.packet_id, app_id, event.group_id, code, text, online))


def on_send_group(session: Session, event: SendGroup) -> None:
    """Store a message in a group's log; the ack follows its commit."""
    binding = _binding_of(session)
    session.gateway.stats.messages_in += 1
    size = len(event.payload)
    session.expect_commit(size)
    reply = partial(session.on_commit, binding, event.packet_id, size)
    try:
        session.gateway.messages.send_group(
            binding.sender,
            to_app_id=event.to_app_id,
            group_id=event.group_id,
            packet_id=event.message_id,
            payload=event.payload,
            biz_type=event.biz_type,
            is_store=event.is_store,
            reply=reply,
        )
    except (DomainError, Unavailable) as exc:
        reply(exc)


def on_group_ping(session: Session, event: GroupPing) -> None:
    """Answer a keep-alive. Whoever is bound is present, whatever it names (protocol reference, 7.2)."""
    session.send(GroupPong(event.packet_id))


def on_group_ack(session: Session, event: GroupAck) -> None:
    """Move the device's cursor in a group."""
    session.gateway.rooms.acknowledge(session, TopicId(event.group_id), event.sequence)


def _binding_of(session: Session) -> Binding:
    if session.binding is None:
        raise AssertionError("only bound sessions get here")
    return session.binding


TRANSITIONS: Mapping[tuple[State, type], Callable[[Session, Any], None]] = {
    (State.BOUND, AskGroup): on_ask_group,
    (State.BOUND, SendGroup): on_send_group,
    (State.BOUND, GroupPing): on_group_ping,
    (State.BOUND, GroupAck): on_group_ack,
}
"""See ``handlers.TRANSITIONS``."""
