"""What all messages that a client sends have in common: packet ids, texts with limits, and their faults.

Protobuf's reader hands out text that is not UTF-8 as ``bytes``; the checks for ``str`` are there for that.
"""

from __future__ import annotations

from openmimc.wire.events import OtherPacket
from openmimc.wire.pb.mimc_pb2 import MIMCPacket
from openmimc.wire.protobuf import text

MAX_PACKET_ID_BYTES = 256
"""Longest packet id of a message. The SDKs' have 20 to 40; it is an index key of the store."""

MAX_BIZ_TYPE_BYTES = 1024
"""Longest bizType. It is a label; what is longer belongs into the payload."""

MAX_TOPIC_ID = 2**63 - 1
"""Greatest id of a topic or group to ask for: databases have signed 64-bit numbers, the field is unsigned."""

_MAX_UTF8_BYTES_PER_CHARACTER = 4


def is_storable(value: str, max_bytes: int) -> bool:
    """Whether a text field is UTF-8 without U+0000, which databases cannot hold, and short enough."""
    return (
        type(value) is str
        and "\0" not in value
        and (len(value) * _MAX_UTF8_BYTES_PER_CHARACTER <= max_bytes or len(value.encode()) <= max_bytes)
    )


def is_packet_id(value: str) -> bool:
    """Whether a message can be stored under this id."""
    return bool(value) and is_storable(value, MAX_PACKET_ID_BYTES)


def fault_of_packet_id(packet: MIMCPacket) -> tuple[str, str]:
    """What to call a packet whose id ``is_packet_id`` refuses, and why it was refused."""
    packet_id = packet.packetId
    if type(packet_id) is not str:
        return "", "packetId is no text"
    return packet_id, "packetId is too long or no text" if packet_id else "packetId is missing"


def parse_other(packet: MIMCPacket) -> OtherPacket:
    """A packet that this side makes nothing of, as it came.

    Raises:
        BadPayload: its packet id is no text.
    """
    return OtherPacket(
        type=int(packet.type) if packet.HasField("type") else 0,
        packet_id=text(packet.packetId),
        payload=packet.payload,
    )
