"""Which end of which kind of connection."""

from __future__ import annotations

from enum import Enum


class Role(Enum):
    """Which of the two ends this one is."""

    SERVER = "server"
    CLIENT = "client"


class Framing(Enum):
    """What packets travel in: ``v6`` over a byte stream, ``web`` in WebSocket messages."""

    TCP = "tcp"
    WEBSOCKET = "websocket"
