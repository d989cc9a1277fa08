"""Unlimited groups: chat rooms with a log of their own, in which nothing is written per member."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from openmimc.model.ids import AppId, Sequence, TopicId, UserId


class Group(Struct, frozen=True):
    """An unlimited group.

    Attributes:
        owner_id: May dismiss the group and mute members, whether or not they are a member themselves.
        extra: The app's own text, "" when unset.
        member_count: How many members there are.
    """

    group_id: TopicId
    app_id: AppId
    owner_id: UserId
    owner_account: str
    name: str
    extra: str
    member_count: int


class GroupMember(Struct, frozen=True):
    """One member of an unlimited group.

    Attributes:
        muted_until_s: UTC epoch seconds before which the member may not talk; 0 when not muted.
    """

    user_id: UserId
    account: str
    muted_until_s: int = 0


class GroupPlace(Struct, frozen=True):
    """How far one device is in one group that its user is a member of.

    Attributes:
        joined: Messages with a greater sequence are for the member.
        cursor: Up to this sequence the device has everything; None for a device that has acknowledged nothing.
        last: Of the newest message in the group's log when this was read; 0 if there is none.
    """

    group_id: TopicId
    joined: Sequence
    cursor: Sequence | None
    last: Sequence


class GroupCursor(Struct, frozen=True):
    """A device's cursor in one group."""

    group_id: TopicId
    user_id: UserId
    resource: str
    sequence: Sequence


class GroupChangeKind(Enum):
    """What happened to a group's members."""

    JOINED = "joined"
    LEFT = "left"
    DISMISSED = "dismissed"


class GroupChange(Struct, frozen=True):
    """A committed change of who is in a group.

    Attributes:
        user_id: Who came or went; 0 when the group is dismissed.
        sequence: Messages with a smaller one were for the members before the change, those with a greater one
            are for those after it.
    """

    kind: GroupChangeKind
    group_id: TopicId
    user_id: UserId
    sequence: Sequence
