"""What an app's server gets from ``AppServer``: values decoded from the API's JSON.

Ids and sequences, which are strings there, are numbers here; payloads are bytes.
"""

from __future__ import annotations

from msgspec import Struct, field


class PushReceipt(Struct, frozen=True):
    """The server has stored what was pushed.

    Attributes:
        packet_ids: The messages' names, in the order of the targets, without repeated and blocked ones.
        blocked: Of many recipients, those who block the sender; they got nothing.
    """

    packet_ids: tuple[str, ...]
    blocked: tuple[str, ...] = ()


class TopicInfo(
    Struct,
    frozen=True,
    rename={
        "topic_id": "topicId",
        "owner_id": "ownerUuid",
        "owner_account": "ownerAccount",
        "name": "topicName",
    },
):
    """A topic without its members.

    Attributes:
        owner_id: The server's number of the owner's account.
        bulletin: "" when unset.
        extra: The app's own text, "" when unset.
    """

    topic_id: int
    owner_id: int
    owner_account: str
    name: str
    bulletin: str
    extra: str = ""


class TopicMember(Struct, frozen=True, rename={"user_id": "uuid"}):
    """A member of a topic.

    Attributes:
        user_id: The server's number of the account.
    """

    user_id: int
    account: str


class Topic(Struct, frozen=True, rename={"info": "topicInfo"}):
    """A topic and its members, the owner first."""

    info: TopicInfo
    members: tuple[TopicMember, ...]

    @property
    def topic_id(self) -> int:
        """The server's number of the topic."""
        return self.info.topic_id

    @property
    def accounts(self) -> tuple[str, ...]:
        """The members' accounts, the owner's first."""
        return tuple(member.account for member in self.members)


class GroupConversation(Struct, frozen=True):
    """What is said in an unlimited group, as a conversation; a bare number means a topic's."""

    group_id: int


class UnlimitedGroup(
    Struct,
    frozen=True,
    rename={
        "group_id": "topicId",
        "owner_id": "ownerId",
        "owner_account": "ownerAccount",
        "name": "topicName",
        "member_count": "memberNum",
    },
):
    """An unlimited group.

    Attributes:
        owner_id: The server's number of the owner's account.
        extra: The app's own text, "" when unset.
    """

    group_id: int
    owner_id: int
    owner_account: str
    name: str
    member_count: int
    extra: str = ""

    @property
    def conversation(self) -> GroupConversation:
        """What history is asked for."""
        return GroupConversation(self.group_id)


class UnlimitedGroupMember(
    Struct,
    frozen=True,
    rename={"user_id": "uuid", "account": "appAccount", "muted_until_s": "forbidUntil"},
):
    """A member of an unlimited group.

    Attributes:
        user_id: The server's number of the account.
        muted_until_s: UTC epoch seconds before which the member may not talk; 0 when not muted.
    """

    user_id: int
    account: str
    muted_until_s: int = 0


class HistoryMessage(
    Struct,
    frozen=True,
    rename={
        "timestamp_ms": "ts",
        "from_account": "fromAccount",
        "to_account": "toAccount",
        "biz_type": "bizType",
    },
):
    """A message as history keeps it.

    Attributes:
        sequence: The server's number: unique and growing on the whole server.
        timestamp_ms: Server time of acceptance, UTC epoch milliseconds.
        to_account: Recipient of a one-to-one message, else "".
        biz_type: The app's own label, "" when the sender set none.
    """

    sequence: int
    timestamp_ms: int
    from_account: str
    payload: bytes
    to_account: str = ""
    biz_type: str = ""

    @property
    def text(self) -> str:
        """The payload as UTF-8 text; bytes that are none become U+FFFD."""
        return self.payload.decode(errors="replace")


class LastMessage(Struct, frozen=True, rename={"from_id": "fromUuid", "from_account": "fromAccount"}):
    """The newest message of a contact.

    Attributes:
        from_id: The server's number of the sender's account.
    """

    from_id: int
    from_account: str
    payload: bytes
    sequence: int


class Contact(
    Struct,
    frozen=True,
    rename={"kind": "userType", "timestamp_ms": "timestamp", "last_message": "lastMessage"},
):
    """With whom, or where, a user talked.

    Attributes:
        kind: ``USER`` or ``TOPIC``.
        id: The server's number of the other account, or the topic's id.
        name: The other account, or the topic's name.
        timestamp_ms: Time of the last message, UTC epoch milliseconds.
    """

    kind: str
    id: int
    name: str
    timestamp_ms: int
    last_message: LastMessage

    @property
    def is_topic(self) -> bool:
        """Whether it is a topic."""
        return self.kind == "TOPIC"


class HistoryPage(Struct, frozen=True, rename={"has_more": "hasMore", "next_sequence": "nextSequence"}):
    """One answer to a query of history.

    Attributes:
        messages: In ascending sequence.
        next_sequence: With ``has_more``: where the next request goes on.
    """

    messages: tuple[HistoryMessage, ...]
    has_more: bool
    next_sequence: str = ""


class GroupMembersPage(Struct, frozen=True, rename={"is_end": "isEnd"}):
    """One answer to a query of members."""

    members: tuple[UnlimitedGroupMember, ...]
    is_end: bool


class OnlineCount(Struct, frozen=True, rename={"count": "userCnt"}):
    """How many members are online."""

    count: int


class PushedOne(Struct, frozen=True, rename={"packet_id": "packetId"}):
    """The answer to a push to one target."""

    packet_id: str


class PushedMany(Struct, frozen=True, rename={"packet_ids": "packetIds"}):
    """The answer to a push to many targets."""

    packet_ids: tuple[str, ...]
    blocked: tuple[str, ...] = ()


class Blocked(Struct, frozen=True):
    """Whether somebody blocks somebody."""

    is_blocked: bool = field(name="isBlack")
