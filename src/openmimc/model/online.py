"""Online messages: passed on to whoever is there, stored nowhere."""

from __future__ import annotations

from msgspec import Struct

from openmimc.model.ids import UserId
from openmimc.model.message import Sender


class OnlineMessage(Struct, frozen=True):
    """A message for the devices that are bound now.

    Attributes:
        to_resource: The one device it is for; "" for all of the user's.
        timestamp_ms: Server time at which it was passed on, UTC epoch milliseconds.
    """

    sender: Sender
    to_user_id: UserId
    to_account: str
    to_resource: str
    packet_id: str
    payload: bytes
    biz_type: str | None
    timestamp_ms: int


class OnlineReceipt(Struct, frozen=True):
    """A device's word to the sender of an online message.

    Attributes:
        user_id: The online message's sender, to whose device ``resource`` the receipt goes.
        code: The receiving SDK's: 1 for received.
    """

    user_id: UserId
    resource: str
    packet_id: str
    code: int
    text: str
