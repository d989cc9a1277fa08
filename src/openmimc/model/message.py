"""Messages, from what a sender asks for to what was stored."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from openmimc.model.ids import AppId, Position, Sequence, TopicId, UserId, timestamp_ms_of


class Kind(IntEnum):
    """What a message is addressed to. Values are the wire's ``MIMC_MSG_TYPE``."""

    P2P = 1
    P2T = 2
    GROUP = 8


class CallbackWish(Struct, frozen=True):
    """Which callbacks a message causes, by its app's settings.

    Attributes:
        instant: For every message.
        offline: Where a recipient has no device bound at the time of the commit.
        max_waiting: With so many of the app's waiting already, further ones are dead at once: kept, not sent.
    """

    instant: bool = False
    offline: bool = False
    max_waiting: int = 1_000_000


class Sender(Struct, frozen=True):
    """Who sends, from which device, as the server knows it (never as a packet claims it)."""

    app_id: AppId
    user_id: UserId
    account: str
    resource: str


class Draft(Struct, frozen=True):
    """A message that was checked but has no sequence yet.

    Attributes:
        to_account: Recipient's account for ``Kind.P2P``, else "".
        topic_id: Topic for ``Kind.P2T``, unlimited group for ``Kind.GROUP``, else 0.
        packet_id: The sender's name of the message: repeating it repeats nothing.
        payload: Opaque bytes.
        biz_type: The app's own label, None when the sender set none.
        is_store: Whether history keeps it. Delivery does not depend on it.
        copy_to_sender: Whether the sender's other devices receive it too.
        as_app: The app's own server sends in the user's name: no membership of the topic or group is needed.
        callbacks: What the app's server is told of it; nothing of messages to unlimited groups.
        wants_index: Whether the message gets the next number in its conversation. Not for ``Kind.GROUP``.
    """

    kind: Kind
    sender: Sender
    to_account: str
    topic_id: TopicId
    packet_id: str
    payload: bytes
    biz_type: str | None = None
    is_store: bool = True
    copy_to_sender: bool = True
    as_app: bool = False
    callbacks: CallbackWish = CallbackWish()
    wants_index: bool = False


class Message(Struct, frozen=True):
    """A message as it is stored and delivered.

    Attributes:
        to_user_id: Recipient for ``Kind.P2P``, else 0.
        to_account: Recipient's account for ``Kind.P2P``, else "".
        topic_id: Topic for ``Kind.P2T``, unlimited group for ``Kind.GROUP``, else 0.
        index: Number in its conversation, from 1, of those that asked for one; 0 if it has none.
    """

    sequence: Sequence
    kind: Kind
    sender: Sender
    to_user_id: UserId
    to_account: str
    topic_id: TopicId
    packet_id: str
    payload: bytes
    biz_type: str | None
    is_store: bool
    index: int = 0

    @property
    def timestamp_ms(self) -> int:
        """Server time of acceptance, UTC epoch milliseconds."""
        return timestamp_ms_of(self.sequence)


class Commit(Struct, frozen=True):
    """What an append came to; the message is on disk.

    Attributes:
        message: The stored message. For a repeated packet id: the first one.
        is_repeat: True when this packet id had been stored before and nothing was stored now.
        recipients: Users whose inbox got the message (the sender too, where copies are due), each with the
            position it has there. Empty for a repeat, and for a message to an unlimited group, which lies in
            the group's log alone.
    """

    message: Message
    is_repeat: bool
    recipients: tuple[tuple[UserId, Position], ...]


class Delivery(Struct, frozen=True):
    """A message at its place in one user's inbox."""

    position: Position
    message: Message


class InboxPage(Struct, frozen=True):
    """A run of one user's inbox, in ascending position.

    Attributes:
        deliveries: Possibly empty.
        has_more: Whether the inbox goes on behind the last one.
    """

    deliveries: tuple[Delivery, ...]
    has_more: bool


class Backlog(Struct, frozen=True):
    """More undelivered messages than a device wants to be sent one by one.

    Attributes:
        first: Sequence of the first of them.
        last: Sequence of the last.
        position: Place of the last in the inbox.
    """

    first: Sequence
    last: Sequence
    position: Position
