"""What an operator is shown of accounts, devices and messages."""

from __future__ import annotations

from msgspec import Struct

from openmimc.model.callback import CallbackEvent, CallbackKind
from openmimc.model.ids import Position, UserId
from openmimc.model.message import Kind, Message


class Device(Struct, frozen=True):
    """One device of one account, as the store knows it.

    Attributes:
        cursor: Up to this position of the account's inbox it has everything.
        seen_ms: Its last login or acknowledgement that was written down, UTC epoch milliseconds.
    """

    resource: str
    cursor: Position
    seen_ms: int


class ConnectionInfo(Struct, frozen=True):
    """One connection of a device that is bound now.

    Attributes:
        transport: ``tcp``, ``tls`` or ``websocket``.
        sdk: The SDK family, as in the metrics.
        peer: The client's address.
        since_ms: Of its login, UTC epoch milliseconds.
    """

    resource: str
    transport: str
    sdk: str
    peer: str
    since_ms: int


class Revocation(Struct, frozen=True):
    """An account's tokens became void, by a ban or otherwise: sessions that they opened have to end."""

    user_id: UserId


class HourCount(Struct, frozen=True):
    """How many messages of a kind an app stored in one hour.

    Attributes:
        hour_ms: The hour's beginning, UTC epoch milliseconds.
    """

    hour_ms: int
    kind: Kind
    messages: int


class DeviceStep(Struct, frozen=True):
    """What became of a message at one device of one recipient.

    Attributes:
        pushed_ms: When it was written to the device's connection, last time; None if it was not, or so long ago
            that this node has forgotten.
        acknowledged_ms: Likewise, when the device acknowledged it.
        is_acknowledged: Whether the device's cursor is past it.
    """

    account: str
    resource: str
    pushed_ms: int | None
    acknowledged_ms: int | None
    is_acknowledged: bool


class CallbackAttempt(Struct, frozen=True):
    """One attempt to tell an app's own server of a message.

    Attributes:
        error: Why it failed, for people; "" when it was delivered.
    """

    kind: CallbackKind
    at_ms: int
    is_delivered: bool
    error: str


class MessageLife(Struct, frozen=True):
    """Everything known of one message.

    Attributes:
        committed_ms: When this node heard that it is on disk; None if it does not remember. It was accepted at
            ``message.timestamp_ms``.
        devices: Of those in whose inbox it lies. None for messages to unlimited groups.
        callbacks: Those that are still waiting or dead.
        attempts: To deliver callbacks, oldest first, as far as this node remembers.
    """

    message: Message
    committed_ms: int | None
    devices: tuple[DeviceStep, ...]
    callbacks: tuple[CallbackEvent, ...]
    attempts: tuple[CallbackAttempt, ...] = ()
