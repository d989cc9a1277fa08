"""The JSON that a callback carries.

Ids and sequences are JSON strings, since 64 bits do not fit into a JavaScript number; the payload is padded
base64.

Source: operation manual, "Message Callback"; protocol reference, 9.1, 9.7 and 9.9.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from openmimc.model.callback import CallbackEvent
from openmimc.model.message import Kind

ANY_RESOURCE = ""
"""A message goes to every device of its recipient, never to a certain one."""


class P2PBody(Struct, frozen=True, rename="camel"):
    """A one-to-one message: ``NORMAL_MSG`` or ``OFFLINE_MSG``.

    Attributes:
        timestamp: When the server took the message, UTC epoch milliseconds.
        biz_type: "" when the sender set none.
    """

    msg_type: str
    event_id: str
    from_app_id: str
    from_account: str
    from_resource: str
    to_app_id: str
    to_account: str
    to_resource: str
    payload: bytes
    timestamp: int
    packet_id: str
    sequence: str
    biz_type: str


class P2TBody(Struct, frozen=True, rename="camel"):
    """A topic's message: ``NORMAL_TOPIC_MSG`` or ``OFFLINE_TOPIC_MSG``.

    Attributes:
        to_accounts: All members (instant), or those that were not reached (offline), never the sender.
    """

    msg_type: str
    event_id: str
    app_id: str
    topic_id: str
    from_account: str
    from_resource: str
    to_accounts: tuple[str, ...]
    payload: bytes
    timestamp: int
    packet_id: str
    sequence: str
    biz_type: str


def serialize_body(event: CallbackEvent) -> bytes:
    """The body of every attempt to deliver an event; the same bytes each time."""
    message = event.message
    if message.kind is Kind.P2T:
        return msgspec.json.encode(
            P2TBody(
                msg_type=event.kind,
                event_id=str(event.event_id),
                app_id=str(event.app_id),
                topic_id=str(message.topic_id),
                from_account=message.sender.account,
                from_resource=message.sender.resource,
                to_accounts=event.to_accounts,
                payload=message.payload,
                timestamp=message.timestamp_ms,
                packet_id=message.packet_id,
                sequence=str(message.sequence),
                biz_type=message.biz_type or "",
            )
        )
    return msgspec.json.encode(
        P2PBody(
            msg_type=event.kind,
            event_id=str(event.event_id),
            from_app_id=str(message.sender.app_id),
            from_account=message.sender.account,
            from_resource=message.sender.resource,
            to_app_id=str(event.app_id),
            to_account=message.to_account,
            to_resource=ANY_RESOURCE,
            payload=message.payload,
            timestamp=message.timestamp_ms,
            packet_id=message.packet_id,
            sequence=str(message.sequence),
            biz_type=message.biz_type or "",
        )
    )
