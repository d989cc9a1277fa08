"""Groups as the chat needs them, over the server's REST API: topics, and unlimited groups.

Source: protocol reference, 9.3 and 7.3.
"""

from __future__ import annotations

from types import NoneType
from urllib.parse import quote

from msgspec import Struct

from openmimc.cli.chat_calls import GroupsUnavailable, UserCalls

_UNLIMITED = "/api/uctopic"


class Group(Struct, frozen=True, rename={"topic_id": "topicId", "name": "topicName", "owner": "ownerAccount"}):
    """One topic, or one unlimited group."""

    topic_id: int
    name: str = ""
    owner: str = ""


class _Topic(Struct, rename={"group": "topicInfo"}):
    group: Group


class _Member(Struct, rename="camel"):
    app_account: str


class Members(Struct, frozen=True, rename="camel"):
    """The first members of an unlimited group, and how many there are in all."""

    members: tuple[_Member, ...]
    member_num: int


class Groups:
    """The topics of one user."""

    def __init__(self, calls: UserCalls, app_id: str) -> None:
        self._calls = calls
        self._path = f"/api/topic/{quote(app_id, safe='')}"
        self._names: dict[int, str] = {}

    async def list_mine(self) -> list[Group]:
        """The topics the user is in."""
        groups = await self._calls.call("GET", f"{self._path}/account", list[Group])
        return [self._remember(group) for group in groups]

    async def get(self, topic_id: int) -> Group:
        """One topic that the user is in."""
        return self._remember((await self._calls.call("GET", f"{self._path}/{topic_id}", _Topic)).group)

    async def create(self, name: str, accounts: str) -> Group:
        """Make a topic with the user as its owner and ``accounts`` (comma-separated) as its other members."""
        body = {"topicName": name, "accounts": accounts}
        return self._remember((await self._calls.call("POST", self._path, _Topic, body=body)).group)

    async def name_of(self, topic_id: int) -> str:
        """A topic's name, asked for once; its number if the server does not tell."""
        if topic_id not in self._names:
            try:
                await self.get(topic_id)
            except GroupsUnavailable:
                return str(topic_id)
        return self._names[topic_id] or str(topic_id)

    def _remember(self, group: Group) -> Group:
        self._names[group.topic_id] = group.name
        return group


class UnlimitedGroups:
    """Unlimited groups, as one user may see them. Joining and quitting go by the user's connection instead."""

    def __init__(self, calls: UserCalls) -> None:
        self._calls = calls
        self._names: dict[int, str] = {}

    async def list_mine(self) -> list[int]:
        """The ids of those the user is in."""
        return await self._calls.call("GET", f"{_UNLIMITED}/topics", list[int])

    async def get(self, group_id: int) -> Group:
        """One that the user is in, or owns."""
        return self._remember(await self._calls.call("GET", _UNLIMITED, Group, headers=_named(group_id)))

    async def create(self, name: str) -> Group:
        """Make one, with the user as its owner and first member."""
        return self._remember(await self._calls.call("POST", _UNLIMITED, Group, body={"topicName": name}))

    async def dismiss(self, group_id: int) -> None:
        """End one that the user owns."""
        await self._calls.call("DELETE", _UNLIMITED, NoneType, headers=_named(group_id))

    async def members(self, group_id: int) -> Members:
        """Some hundred of the members of one that the user is in."""
        return await self._calls.call("GET", f"{_UNLIMITED}/userlist", Members, headers=_named(group_id))

    def known_name_of(self, group_id: int) -> str:
        """Its name if it was heard before, else its number."""
        return self._names.get(group_id) or str(group_id)

    async def name_of(self, group_id: int) -> str:
        """Its name, asked for once; its number if the server does not tell."""
        if group_id not in self._names:
            try:
                await self.get(group_id)
            except GroupsUnavailable:
                return str(group_id)
        return self.known_name_of(group_id)

    def _remember(self, group: Group) -> Group:
        self._names[group.topic_id] = group.name
        return group


def _named(group_id: int) -> dict[str, str]:
    return {"topicId": str(group_id)}
