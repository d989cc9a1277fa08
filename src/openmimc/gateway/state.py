"""The states of a connection."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a connection stands; values are labels of the metrics."""

    OPENED = "opened"
    HANDSHAKEN = "handshaken"
    BINDING = "binding"
    BOUND = "bound"
    CLOSED = "closed"
