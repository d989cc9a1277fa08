"""Rows of the table ``message`` as values."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender

ROW = (
    "json_array(m.sequence, m.app_id, m.kind, m.sender_id, m.sender_account, m.sender_resource, m.target_id,"
    " m.target_account, m.packet_id, hex(m.payload), m.biz_type, m.is_store, m.conv_index)"
)
"""SQL of one row ``m`` as a JSON array: ``MessageRow``."""


class MessageRow(Struct, frozen=True, array_like=True):
    """A row as ``ROW`` selects it."""

    sequence: Sequence
    app_id: AppId
    kind: Kind
    sender_id: UserId
    sender_account: str
    sender_resource: str
    target_id: int
    target_account: str
    packet_id: str
    payload_hex: str
    biz_type: str | None
    is_store: int
    conv_index: int | None

    def message(self) -> Message:
        """Return the message."""
        is_p2p = self.kind is Kind.P2P
        return Message(
            sequence=self.sequence,
            kind=self.kind,
            sender=Sender(self.app_id, self.sender_id, self.sender_account, self.sender_resource),
            to_user_id=UserId(self.target_id if is_p2p else 0),
            to_account=self.target_account,
            topic_id=TopicId(0 if is_p2p else self.target_id),
            packet_id=self.packet_id,
            payload=bytes.fromhex(self.payload_hex),
            biz_type=self.biz_type,
            is_store=bool(self.is_store),
            index=self.conv_index or 0,
        )


rows_decoder = msgspec.json.Decoder(list[MessageRow])
