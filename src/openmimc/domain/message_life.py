"""What became of one message, from its acceptance to the last device."""

from __future__ import annotations

from typing import Protocol

from openmimc.domain.ports import CallbackStore, DeviceStore, MessageStore, Traces
from openmimc.model.app import Account
from openmimc.model.ids import AppId, Position, Sequence
from openmimc.model.insight import Device, DeviceStep, MessageLife
from openmimc.model.message import Kind, Message

PACKETS_MAX = 20
"""Most messages with one packet id: each user's device may use the same."""

HOLDERS_MAX = 500
"""Most accounts whose devices are shown: as many as a topic has members unless its app allows more."""

_MAX_SEQUENCE = 2**63 - 1


class LifeStore(MessageStore, DeviceStore, CallbackStore, Protocol):
    """What the life of a message is read from."""


class MessageLives:
    """Where messages are.

    The store knows messages, devices and callbacks; ``traces`` knows the times, of what passed lately.
    """

    def __init__(self, store: LifeStore, traces: Traces) -> None:
        self._store = store
        self._traces = traces

    async def by_sequence(self, app_id: AppId, sequence: int) -> MessageLife | None:
        """The life of an app's message; None if there is none, whatever the number.

        Of a topic with more members than ``HOLDERS_MAX``, the devices of so many are shown.
        """
        if not 0 < sequence <= _MAX_SEQUENCE:
            return None
        message = await self._store.find_message(Sequence(sequence))
        if message is None or message.sender.app_id != app_id:
            return None
        return await self._life_of(message)

    async def by_packet_id(self, app_id: AppId, packet_id: str) -> tuple[MessageLife, ...]:
        """The lives of an app's newest messages with a packet id, at most ``PACKETS_MAX``, newest first.

        Only so many of the app's newest messages are looked at as the store can within a second.
        """
        messages = await self._store.find_packets(app_id, packet_id, PACKETS_MAX)
        return tuple([await self._life_of(message) for message in messages])

    async def _life_of(self, message: Message) -> MessageLife:
        holders = await self._store.holders_of(message)
        found = [
            (account, position, await self._store.devices_of(account.user_id))
            for account, position in holders[:HOLDERS_MAX]
        ]
        callbacks = await self._store.callbacks_of(message.sequence)
        # From here on nothing waits, so all steps are as of one moment.
        steps = [
            step
            for account, position, devices in found
            for step in self._steps_of(message, account, position, devices)
        ]
        return MessageLife(
            message,
            self._traces.committed_ms(message.sequence),
            tuple(steps),
            callbacks,
            self._traces.attempts_of(message.sequence),
        )

    def _steps_of(
        self, message: Message, account: Account, position: Position, devices: tuple[Device, ...]
    ) -> list[DeviceStep]:
        times = self._traces.steps_of(message.sequence, account.user_id)
        steps = []
        for device in devices:
            pushed_ms, acknowledged_ms = times.get(device.resource, (None, None))
            if pushed_ms is None and _is_sending(message, account, device):
                continue
            steps.append(
                DeviceStep(
                    account.name,
                    device.resource,
                    pushed_ms,
                    acknowledged_ms,
                    # The trace hears of it first.
                    is_acknowledged=device.cursor >= position or acknowledged_ms is not None,
                )
            )
        return steps


def _is_sending(message: Message, account: Account, device: Device) -> bool:
    """Whether it is the device that sent it, which gets no copy, except of what its user sent to themselves."""
    sender = message.sender
    is_sender = (account.user_id, device.resource) == (sender.user_id, sender.resource)
    is_to_oneself = message.kind is Kind.P2P and message.to_user_id == sender.user_id
    return is_sender and not is_to_oneself
