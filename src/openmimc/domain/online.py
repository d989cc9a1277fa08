"""Online messages: passed on to the devices that are there, stored nowhere.

What may be sent is decided as for one-to-one messages; the difference is what happens then. Nobody there, or no
such account: the message is dropped without a word, and nothing is created for it.

Source: protocol reference, 6.9.
"""

from __future__ import annotations

from typing import Protocol

from openmimc.domain.apps import Apps
from openmimc.domain.messages import check_payload
from openmimc.domain.names import RESOURCE_MAX_BYTES, check_account, check_text
from openmimc.domain.ports import AccountStore, BlacklistStore, Bus, Clock
from openmimc.domain.rates import Rates
from openmimc.errors import ForeignApp, SenderBlocked, UnknownApp
from openmimc.model.message import Kind, Sender
from openmimc.model.online import OnlineMessage, OnlineReceipt


class OnlineStore(AccountStore, BlacklistStore, Protocol):
    """What online messages need of a store."""


class OnlineMessages:
    """Checks online messages and has them passed on.

    Args:
        rates: The same as ``Messages``': an online message costs what a one-to-one message costs.
    """

    def __init__(self, store: OnlineStore, apps: Apps, bus: Bus, rates: Rates, clock: Clock) -> None:
        self._store = store
        self._apps = apps
        self._bus = bus
        self._rates = rates
        self._clock = clock

    async def send(
        self,
        sender: Sender,
        *,
        to_app_id: int | None,
        to_account: str,
        to_resource: str,
        packet_id: str,
        payload: bytes,
        biz_type: str | None,
    ) -> None:
        """Pass a message on to the bound devices of one account, or to one of them.

        Messages arrive in the order of the calls if each is awaited before the next. A repeated ``packet_id``
        is passed on once more: nothing is remembered.

        Args:
            sender: Who sends, from which device.
            to_app_id: None, or the sender's.
            to_account: The app's own name of the recipient.
            to_resource: The one device it is for; "" for all of them.
            packet_id: Shown to the receivers, who repeat it in a receipt.
            payload: Opaque bytes.
            biz_type: The app's own label, None for none.

        Raises:
            UnknownApp: The app was deleted.
            ForeignApp: ``to_app_id`` is given and not the sender's.
            MissingField, TooBig, BadRequest: Account, resource or payload cannot be accepted.
            RateLimited: The app sends more than its ``p2pMaxQps``.
            SenderBlocked: The recipient has the sender on their blacklist.
            Unavailable: The store does not answer. Whatever is raised, nobody got the message.
        """
        app = self._apps.find(sender.app_id)
        if app is None:
            raise UnknownApp
        if to_app_id is not None and to_app_id != sender.app_id:
            raise ForeignApp
        check_payload(payload, app.settings)
        check_account(to_account)
        check_text("resource", to_resource, max_bytes=RESOURCE_MAX_BYTES, may_be_empty=True)
        self._rates.check(sender.app_id, Kind.P2P, 1, app.settings.p2pMaxQps)
        recipient = await self._store.find_account(sender.app_id, to_account)
        if recipient is None:
            return
        if await self._store.is_blocked(recipient.user_id, sender.user_id):
            raise SenderBlocked
        self._bus.publish(
            OnlineMessage(
                sender=sender,
                to_user_id=recipient.user_id,
                to_account=recipient.name,
                to_resource=to_resource,
                packet_id=packet_id,
                payload=payload,
                biz_type=biz_type,
                timestamp_ms=self._clock.now_ms(),
            )
        )

    def confirm(self, receipt: OnlineReceipt) -> None:
        """Pass a receiving device's word on to the sending device, if that is still there."""
        self._bus.publish(receipt)
