"""Callbacks to send, as the outbox hands them out."""

from __future__ import annotations

from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState, EventId
from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender

APP_ID = AppId(2882303761517669588)
TOPIC_ID = TopicId(8103265498034170)
SEQUENCE = Sequence(17_000_000_000_001_230_007)


def make_message(kind: Kind = Kind.P2P, *, payload: bytes = b"hi", biz_type: str | None = None) -> Message:
    is_p2p = kind is Kind.P2P
    return Message(
        sequence=SEQUENCE,
        kind=kind,
        sender=Sender(APP_ID, UserId(1001), "alice", "phone"),
        to_user_id=UserId(1002 if is_p2p else 0),
        to_account="bob" if is_p2p else "",
        topic_id=TopicId(0) if is_p2p else TOPIC_ID,
        packet_id="p1",
        payload=payload,
        biz_type=biz_type,
        is_store=True,
    )


def make_event(
    kind: CallbackKind = CallbackKind.INSTANT_P2P,
    *,
    message: Message | None = None,
    to_accounts: tuple[str, ...] = (),
) -> CallbackEvent:
    is_p2t = kind in (CallbackKind.INSTANT_P2T, CallbackKind.OFFLINE_P2T)
    return CallbackEvent(
        event_id=EventId(9_007_199_254_740_993),
        app_id=APP_ID,
        kind=kind,
        message=message or make_message(Kind.P2T if is_p2t else Kind.P2P),
        to_accounts=to_accounts,
        state=CallbackState.WAITING,
        attempts=0,
        next_attempt_ms=0,
        last_error="",
    )
