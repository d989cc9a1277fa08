"""What an app gets from the SDK: messages, receipts and the session's status."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from openmimc.wire.events import DeliveredGroupMessage, DeliveredMessage, DeliverOnline


class Status(StrEnum):
    """Where a user stands."""

    OFFLINE = "offline"
    """No session is wanted, or none is possible any more; nothing is tried."""

    CONNECTING = "connecting"
    """A session is wanted and being established, for the first time or again."""

    ONLINE = "online"
    """Logged in: messages flow."""


class SendReceipt(Struct, frozen=True):
    """The server has stored the message.

    Attributes:
        packet_id: The message's name, as given or as made by the SDK.
        sequence: The server's number of it, the same that recipients see. Unique and growing.
        timestamp_ms: Server time of acceptance, UTC epoch milliseconds.
        index: The message's number in its conversation if that was asked for, else 0.
    """

    packet_id: str
    sequence: int
    timestamp_ms: int
    index: int = 0


class Message(Struct, frozen=True):
    """A message to one account or to a topic, as it was received.

    Attributes:
        sequence: The server's number: unique and growing on the whole server.
        timestamp_ms: Server time of acceptance, UTC epoch milliseconds.
        packet_id: The sender's name of the message.
        from_account: Who sent it, as the server knows. May be this user, from another device.
        from_resource: The sender's device.
        to_account: Recipient of a one-to-one message, else "".
        topic_id: Topic of a message to a topic, else 0.
        payload: Opaque bytes, as the sender gave them.
        biz_type: The app's own label, None when the sender set none.
        is_store: Whether the server's history keeps it.
        index: Number in its conversation, from 1, if the sender asked for one, else 0.
    """

    sequence: int
    timestamp_ms: int
    packet_id: str
    from_account: str
    from_resource: str
    to_account: str
    topic_id: int
    payload: bytes
    biz_type: str | None
    is_store: bool
    index: int = 0

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; bytes that are none become U+FFFD."""
        return self.payload.decode(errors="replace")

    @property
    def is_topic(self) -> bool:
        """Whether it came through a topic."""
        return self.topic_id != 0

    @classmethod
    def from_wire(cls, event: DeliveredMessage) -> Message:
        """Take over what the connection read out of a list."""
        return cls(
            sequence=event.sequence,
            timestamp_ms=event.timestamp_ms,
            packet_id=event.packet_id,
            from_account=event.from_account,
            from_resource=event.from_resource,
            to_account=event.to_account,
            topic_id=event.topic_id,
            payload=event.payload,
            biz_type=event.biz_type,
            is_store=event.is_store,
            index=event.index,
        )


class GroupMessage(Struct, frozen=True):
    """A message of an unlimited group, as it was received.

    Attributes:
        group_id: The group.
        sequence: The server's number: unique and growing on the whole server.
        timestamp_ms: Server time of acceptance, UTC epoch milliseconds.
        packet_id: The sender's name of the message.
        from_account: Who sent it, as the server knows. May be this user, from another device.
        from_resource: The sender's device.
        payload: Opaque bytes, as the sender gave them.
        biz_type: The app's own label, None when the sender set none.
        is_store: Whether the server's history keeps it.
    """

    group_id: int
    sequence: int
    timestamp_ms: int
    packet_id: str
    from_account: str
    from_resource: str
    payload: bytes
    biz_type: str | None
    is_store: bool

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; bytes that are none become U+FFFD."""
        return self.payload.decode(errors="replace")

    @classmethod
    def from_wire(cls, group_id: int, event: DeliveredGroupMessage) -> GroupMessage:
        """Take over what the connection read out of a group's list."""
        return cls(
            group_id=group_id,
            sequence=event.sequence,
            timestamp_ms=event.timestamp_ms,
            packet_id=event.packet_id,
            from_account=event.from_account,
            from_resource=event.from_resource,
            payload=event.payload,
            biz_type=event.biz_type,
            is_store=event.is_store,
        )


class OnlineMessage(Struct, frozen=True):
    """An online message, as it was received: it is stored nowhere and has no sequence.

    Attributes:
        timestamp_ms: Server time at which it was passed on, UTC epoch milliseconds.
        packet_id: The sender's name of the message.
        from_account: Who sent it, as the server knows.
        from_resource: The sender's device.
        to_resource: The one device it is for; "" for all of this user's.
        payload: Opaque bytes, as the sender gave them.
        biz_type: The app's own label, None when the sender set none.
    """

    timestamp_ms: int
    packet_id: str
    from_account: str
    from_resource: str
    to_resource: str
    payload: bytes
    biz_type: str | None

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; bytes that are none become U+FFFD."""
        return self.payload.decode(errors="replace")

    @classmethod
    def from_wire(cls, event: DeliverOnline) -> OnlineMessage:
        """Take over what the connection read."""
        return cls(
            timestamp_ms=event.timestamp_ms,
            packet_id=event.packet_id,
            from_account=event.from_account,
            from_resource=event.from_resource,
            to_resource=event.to_resource,
            payload=event.payload,
            biz_type=event.biz_type,
        )


class OnlineReceipt(Struct, frozen=True):
    """A device of the recipient has the online message.

    Attributes:
        packet_id: The message's name.
        code: The receiving SDK's: 1 for received.
        text: The same in words, possibly "".
    """

    packet_id: str
    code: int
    text: str
