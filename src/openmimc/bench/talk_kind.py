"""The three ways to address a message that are measured."""

from __future__ import annotations

from enum import StrEnum


class TalkKind(StrEnum):
    """Whom a talker's messages go to."""

    P2P = "p2p"
    TOPIC = "topic"
    GROUP = "group"
