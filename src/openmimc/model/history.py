"""Conversations and pages of their history."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from openmimc.model.ids import TopicId, UserId
from openmimc.model.message import Message


class Conversation(Struct, frozen=True):
    """Where messages are exchanged: between two users, in either direction, in a topic or an unlimited group.

    Attributes:
        first: The smaller id of the two users (equal to ``second`` for notes to oneself); else 0.
        second: The greater id of the two users; else 0.
        topic_id: The topic or group; 0 for two users.
        is_group: Whether ``topic_id`` is an unlimited group.
    """

    first: UserId
    second: UserId
    topic_id: TopicId
    is_group: bool = False

    @classmethod
    def between(cls, one: UserId, other: UserId) -> Self:
        """What two users say to each other."""
        return cls(min(one, other), max(one, other), TopicId(0))

    @classmethod
    def of_topic(cls, topic_id: TopicId) -> Self:
        """What is said in a topic."""
        return cls(UserId(0), UserId(0), topic_id)

    @classmethod
    def of_group(cls, group_id: TopicId) -> Self:
        """What is said in an unlimited group."""
        return cls(UserId(0), UserId(0), group_id, is_group=True)


class HistoryPage(Struct, frozen=True):
    """A run of one conversation, in ascending sequence.

    Attributes:
        messages: Those with ``is_store`` alone.
        has_more: Whether the range that was asked for holds more than these: beyond the last, or, where the
            newest were asked for, before the first.
    """

    messages: tuple[Message, ...]
    has_more: bool
