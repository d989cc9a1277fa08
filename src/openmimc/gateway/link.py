"""What a session needs of the transport below it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class TransportName(StrEnum):
    """How a client came. Values are labels of the metrics."""

    TCP = "tcp"
    TLS = "tls"
    WEBSOCKET = "websocket"


class Link(Protocol):
    """One connection of a client, as the session writes to it."""

    @property
    def transport_name(self) -> TransportName:
        """How the client came."""

    @property
    def peer(self) -> str:
        """The client's address, for logs."""

    def send_packets(self, packets: list[bytes], *, one_by_one: bool) -> None:
        """Write packets; in as few system calls as possible unless ``one_by_one``.

        What the client does not take at once is kept in memory: see ``unsent_bytes``.
        """

    def unsent_bytes(self) -> int:
        """How much was written and not yet taken by the client's side."""

    def pause_reading(self) -> None:
        """Call ``receive`` no more for now. Harmless when paused already."""

    def resume_reading(self) -> None:
        """Undo ``pause_reading``."""

    def close(self) -> None:
        """End the connection after what was written has left."""

    def abort(self) -> None:
        """End the connection now; forget what has not left."""
