"""What is refused before it is sent, because a server would close the connection on it."""

from __future__ import annotations

from openmimc.client.errors import GroupRefused, MessageRefused
from openmimc.errors import BadRequest, TooBig
from openmimc.wire.events import AskGroup, SendGroup, SendOnline, SendP2P, SendP2T

MAX_PAYLOAD_BYTES = 65_536
"""No server of ours takes more; an app's own limit may be lower. Checked here too, because the server closes
the connection on a packet far beyond it, and would do so again after every reconnect."""

MAX_ACCOUNT_BYTES = 256
MAX_PACKET_ID_BYTES = 256
MAX_BIZ_TYPE_BYTES = 1024
MAX_RESOURCE_BYTES = 128

MAX_GROUP_ID = 2**63 - 1
"""Greatest id of a topic or group that servers answer; what is no unsigned number cannot even be sent."""


_NO_GROUP_ID = "the id is out of range"


def check_sendable(message: SendP2P | SendP2T | SendGroup | SendOnline) -> None:
    """Refuse what would make the server close the connection instead of answering.

    Raises:
        MessageRefused: with the code that a server gives for the like.
    """
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise MessageRefused(
            message.packet_id,
            TooBig.code,
            f"{len(message.payload)} bytes of payload, {MAX_PAYLOAD_BYTES} allowed",
        )
    limits = [("packet_id", message.packet_id, MAX_PACKET_ID_BYTES)]
    if message.biz_type is not None:
        limits.append(("biz_type", message.biz_type, MAX_BIZ_TYPE_BYTES))
    if isinstance(message, SendP2P | SendOnline):
        limits.append(("to_account", message.to_account, MAX_ACCOUNT_BYTES))
    if isinstance(message, SendOnline):
        limits.append(("to_resource", message.to_resource, MAX_RESOURCE_BYTES))
    if isinstance(message, SendP2T | SendGroup):
        group_id = message.topic_id if isinstance(message, SendP2T) else message.group_id
        if not 0 <= group_id <= MAX_GROUP_ID:
            raise MessageRefused(message.packet_id, BadRequest.code, _NO_GROUP_ID)
    for name, text, limit_bytes in limits:
        if len(text.encode()) > limit_bytes:
            raise MessageRefused(
                message.packet_id, BadRequest.code, f"{name} has more than {limit_bytes} bytes"
            )


def check_askable(request: AskGroup) -> None:
    """Refuse what a server would leave without an answer.

    Raises:
        GroupRefused: with the code that a server gives for the like.
    """
    if not 0 <= request.group_id <= MAX_GROUP_ID:
        raise GroupRefused(request.group_id, BadRequest.code, _NO_GROUP_ID)
