"""Callbacks to an app's own server: what happened, and how far telling it has come."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

from msgspec import Struct

from openmimc.model.ids import AppId
from openmimc.model.message import Message

EventId = NewType("EventId", int)
"""The server's number of a callback: unique and growing; a receiver tells repeats by it."""


class CallbackKind(StrEnum):
    """What a callback tells; values are the ``msgType`` of its body.

    Source: operation manual, "Message Callback".
    """

    INSTANT_P2P = "NORMAL_MSG"
    OFFLINE_P2P = "OFFLINE_MSG"
    INSTANT_P2T = "NORMAL_TOPIC_MSG"
    OFFLINE_P2T = "OFFLINE_TOPIC_MSG"

    @property
    def is_offline(self) -> bool:
        """Whether it goes to the offline callback's address."""
        return self in (CallbackKind.OFFLINE_P2P, CallbackKind.OFFLINE_P2T)


class CallbackState(StrEnum):
    """How far a callback has come; delivered ones are forgotten."""

    WAITING = "waiting"
    DEAD = "dead"


class CallbackEvent(Struct, frozen=True):
    """One callback that has not been delivered.

    Attributes:
        to_accounts: For a topic, as of the commit: all its members (instant), or those of them, without the
            sender, that had no device bound (offline). Empty for a one-to-one message.
        attempts: Made so far.
        next_attempt_ms: Not before this time, UTC epoch milliseconds; of a dead one, since when it is dead.
        last_error: Why the last attempt failed, for people; "" before the first.
    """

    event_id: EventId
    app_id: AppId
    kind: CallbackKind
    message: Message
    to_accounts: tuple[str, ...]
    state: CallbackState
    attempts: int
    next_attempt_ms: int
    last_error: str
