"""Whom a connection speaks for."""

from __future__ import annotations

from msgspec import Struct


class Identity(Struct, frozen=True):
    """A user on a device, with what the wire needs to write packets to and from them.

    Attributes:
        user_id: Named ``uuid`` on the wire.
        security_key: Secret bytes (base64-decoded) that sign a BIND and key the payloads of messages.
        package: The app's package name, copied into every message packet.
    """

    app_id: int
    user_id: int
    account: str
    resource: str
    security_key: bytes
    package: str
