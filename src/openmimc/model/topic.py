"""Topics: ordinary groups."""

from __future__ import annotations

from msgspec import Struct

from openmimc.model.ids import AppId, TopicId, UserId


class Member(Struct, frozen=True):
    """One member of a topic."""

    user_id: UserId
    account: str


class Topic(Struct, frozen=True):
    """An ordinary group.

    Attributes:
        owner_id: One of the members.
        bulletin: "" when unset.
        extra: The app's own text, "" when unset.
        version: Grows by one with every change; a change names the version it was decided on.
        members: The owner first, the others in the order they came.
    """

    topic_id: TopicId
    app_id: AppId
    owner_id: UserId
    name: str
    bulletin: str
    extra: str
    version: int
    members: tuple[Member, ...]

    @property
    def owner(self) -> Member:
        """The owner's entry among the members."""
        return next(member for member in self.members if member.user_id == self.owner_id)

    def has_member(self, user_id: UserId) -> bool:
        """Whether the user is in the topic now."""
        return any(member.user_id == user_id for member in self.members)


class TopicChange(Struct, frozen=True):
    """What one update does to a topic; None or empty leaves a part as it is."""

    owner_id: UserId | None = None
    name: str | None = None
    bulletin: str | None = None
    extra: str | None = None
    add: tuple[UserId, ...] = ()
    remove: tuple[UserId, ...] = ()
