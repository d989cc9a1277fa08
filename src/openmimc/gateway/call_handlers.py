"""Audio and video calls, which this server does not carry: whoever asks for one is told that nobody is there.

All other signals belong to calls that there can not be, and are ignored.

Source: protocol reference, 8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import structs

from openmimc.errors import Unavailable
from openmimc.gateway.state import State
from openmimc.wire.events import AskCall, CallParty, RefuseCall

if TYPE_CHECKING:
    from openmimc.gateway.session import Binding, Session

log = structlog.get_logger(__name__)

NOBODY_THERE = "calls are not available on this server"
"""For people; the SDK acts on the result code PEER_OFFLINE."""


def on_ask_call(session: Session, event: AskCall) -> None:
    """Refuse a call, with the callee's user id, which SDKs look at."""
    binding = session.binding
    if binding is None:
        raise AssertionError("only bound sessions get here")
    session.expect_commit(0)
    session.gateway.spawn(_refuse_call(session, binding, event))


async def _refuse_call(session: Session, binding: Binding, event: AskCall) -> None:
    sender, callee = binding.sender, event.callee
    try:
        user_id = await _find_callee(session, binding, callee)
    finally:
        session.settle(0)
    if session.binding is binding:
        session.send(
            RefuseCall(
                packet_id=event.packet_id,
                call_id=event.call_id,
                call_type=event.call_type,
                caller=CallParty(sender.app_id, sender.account, sender.user_id, sender.resource),
                callee=structs.replace(
                    event.callee, app_id=event.callee.app_id or sender.app_id, user_id=user_id
                ),
                text=NOBODY_THERE,
            )
        )


async def _find_callee(session: Session, binding: Binding, callee: CallParty) -> int:
    """The callee's user id; 0 if there is no such account in the caller's app, and none is made."""
    app_id = binding.sender.app_id
    if callee.app_id not in (0, app_id):
        return 0
    try:
        account = await session.gateway.store.find_account(app_id, callee.account)
    except Unavailable as exc:
        log.warning("callee_unknown", reason=str(exc))
        return 0
    return account.user_id if account is not None else 0


TRANSITIONS: Mapping[tuple[State, type], Callable[[Session, Any], None]] = {(State.BOUND, AskCall): on_ask_call}
"""See ``handlers.TRANSITIONS``."""
