"""Recent contacts: with whom, or where, somebody talked last."""

from __future__ import annotations

from msgspec import Struct

from openmimc.model.ids import TopicId, UserId
from openmimc.model.message import Message


class Contact(Struct, frozen=True):
    """One entry of a user's recent contacts.

    Attributes:
        user_id: The other user; 0 for a topic.
        topic_id: The topic; 0 for a user.
        name: The other user's account, or the topic's name.
        last_message: The newest message with ``is_store`` of the conversation.
    """

    user_id: UserId
    topic_id: TopicId
    name: str
    last_message: Message
