"""Unlimited groups: who may make, join, see and silence them.

Anybody of the app may join. Who is in a group may talk and read; its owner, in it or not, may dismiss it and
mute members. Changes are told on the bus in one order with the messages, so that nobody hears what was said
before they came or after they went.

Source: protocol reference, 7 and 10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from openmimc.domain.auth import Principal
from openmimc.domain.names import EXTRA_MAX_BYTES, TOPIC_NAME_MAX_BYTES, check_account, check_text
from openmimc.domain.ports import AccountStore, Bus, GroupPresence, GroupStore, Notice
from openmimc.domain.topics import check_is_lasting
from openmimc.errors import BadRequest, Forbidden, NoSuchTopic, NotAMember
from openmimc.model.group import Group, GroupChange, GroupChangeKind, GroupMember
from openmimc.model.ids import AppId, TopicId, UserId

MAX_MUTED_UNTIL_S = 253_402_300_799
"""End of the year 9999; for ever, to people."""


class Groups:
    """The rules of unlimited groups."""

    def __init__(self, store: GroupStore, accounts: AccountStore, bus: Bus, presence: GroupPresence) -> None:
        self._store = store
        self._accounts = accounts
        self._bus = bus
        self._presence = presence
        self._waiting: dict[UserId, list[asyncio.Future[None]]] = {}
        self._is_stopping = False
        bus.subscribe(self._on_notice)

    async def create(self, caller: Principal, *, name: str, extra: str = "") -> Group:
        """Make a group that the caller owns and is in.

        Args:
            caller: The owner to be.
            name: 1 to ``TOPIC_NAME_MAX_BYTES`` bytes of UTF-8; need not be unique.
            extra: The app's own text, up to ``EXTRA_MAX_BYTES`` bytes.

        Raises:
            Forbidden: The app's accounts are temporary.
            MissingField, TooBig, BadRequest: An argument is not as described.
        """
        check_is_lasting(caller, "create unlimited groups")
        check_text("topicName", name, max_bytes=TOPIC_NAME_MAX_BYTES)
        check_text("extra", extra, max_bytes=EXTRA_MAX_BYTES, may_be_empty=True)
        return await self._store.create_group(
            caller.app.app_id, caller.account.user_id, name=name, extra=extra, on_change=self._bus.publish
        )

    async def get(self, caller: Principal, group_id: TopicId) -> Group:
        """A group that the caller is in or owns.

        Raises:
            NoSuchTopic, NotAMember: There is none for the caller.
        """
        return await access_group(self._store, caller.app.app_id, caller.account.user_id, group_id)

    async def dismiss(self, caller: Principal, group_id: TopicId) -> None:
        """Remove a group; only the owner may. Everybody in it who is there is told.

        Raises:
            NoSuchTopic: There is none.
            Forbidden: The caller is not the owner.
        """
        group = await self._store.find_group(group_id)
        if group is None or group.app_id != caller.app.app_id:
            raise NoSuchTopic
        _check_owner(caller, group)
        if not await self._store.delete_group(group_id, self._bus.publish):
            raise NoSuchTopic

    async def list_mine(self, caller: Principal) -> tuple[TopicId, ...]:
        """The groups the caller is in, in the order of joining."""
        return await self._store.groups_of(caller.account.user_id)

    async def list_mine_later(self, caller: Principal, wait_s: float) -> tuple[TopicId, ...]:
        """As ``list_mine``, but held back while there are none.

        Args:
            caller: Who asks.
            wait_s: How long at most. The wait also ends when the caller joins a group or the server stops.
        """
        user_id = caller.account.user_id
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Before the question, or a group joined in between would be waited for in vain.
        self._waiting.setdefault(user_id, []).append(joined)
        try:
            groups = await self.list_mine(caller)
            if groups or self._is_stopping:
                return groups
            await asyncio.wait((joined,), timeout=wait_s)
        finally:
            self._stop_waiting(user_id, joined)
        return await self.list_mine(caller)

    async def members(
        self, caller: Principal, group_id: TopicId, *, after: UserId, limit: int
    ) -> tuple[Group, tuple[GroupMember, ...], bool]:
        """A batch of a group's members, by ascending user id.

        Args:
            caller: A member, or the owner.
            group_id: The group.
            after: Only members with greater ids; 0 for the first batch.
            limit: Size of the batch.

        Returns:
            The group, the members, and whether these are the last.

        Raises:
            NoSuchTopic, NotAMember: There is none for the caller.
        """
        group = await self.get(caller, group_id)
        members = await self._store.group_members(group_id, after=after, limit=limit + 1)
        return group, members[:limit], len(members) <= limit

    async def count_online(self, caller: Principal, group_id: TopicId) -> int:
        """How many members have a device bound now.

        Raises:
            NoSuchTopic, NotAMember: There is none for the caller.
        """
        return await self.count_online_for(caller.app.app_id, caller.account.user_id, group_id)

    async def count_online_for(self, app_id: AppId, user_id: UserId, group_id: TopicId) -> int:
        """``count_online`` for a user who is known by their connection."""
        await access_group(self._store, app_id, user_id, group_id)
        return self._presence.count_online(group_id)

    async def mute(self, caller: Principal, group_id: TopicId, *, account: str, until_s: int) -> None:
        """Let a member not talk before a time; only the owner may. Leaving and coming back does not lift it.

        Args:
            caller: The owner.
            group_id: The group.
            account: The member.
            until_s: UTC epoch seconds; 0, or any time that has passed, lets them talk.

        Raises:
            NoSuchTopic: There is no such group.
            Forbidden: The caller is not the owner.
            MissingField, TooBig, BadRequest: ``account`` is no member, or the time is out of range.
        """
        check_account(account, "account")
        if not 0 <= until_s <= MAX_MUTED_UNTIL_S:
            raise BadRequest(f"forbidUntil is not between 0 and {MAX_MUTED_UNTIL_S} seconds")
        group = await self._store.find_group(group_id)
        if group is None or group.app_id != caller.app.app_id:
            raise NoSuchTopic
        _check_owner(caller, group)
        member = await self._accounts.find_account(caller.app.app_id, account)
        if member is None or not await self._store.mute_group_member(group_id, member.user_id, until_s):
            raise BadRequest("account is not in this group")

    def join(self, app_id: AppId, user_id: UserId, group_id: TopicId) -> Awaitable[None]:
        """Put a user into a group; fine if they are in it. Takes its place in the order of changes at the call.

        Raises:
            NoSuchTopic: There is none.
        """
        return self._store.join_group(group_id, user_id, app_id, self._bus.publish)

    def leave(self, app_id: AppId, user_id: UserId, group_id: TopicId) -> Awaitable[None]:
        """Take a user out of a group; fine if they are not in it. Order and errors as for ``join``."""
        return self._store.leave_group(group_id, user_id, app_id, self._bus.publish)

    def stop(self) -> None:
        """Let nobody wait any more: the server stops."""
        self._is_stopping = True
        for user_id in tuple(self._waiting):
            self._wake(user_id)

    def _on_notice(self, notice: Notice) -> None:
        if type(notice) is GroupChange and notice.kind is GroupChangeKind.JOINED:
            self._wake(notice.user_id)

    def _wake(self, user_id: UserId) -> None:
        for joined in self._waiting.pop(user_id, ()):
            if not joined.done():
                joined.set_result(None)

    def _stop_waiting(self, user_id: UserId, joined: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(user_id, [])
        if joined in waiting:
            waiting.remove(joined)
        if not waiting:
            self._waiting.pop(user_id, None)


async def access_group(store: GroupStore, app_id: AppId, user_id: UserId, group_id: TopicId) -> Group:
    """Look up a group that a user is in or owns.

    Raises:
        NoSuchTopic, NotAMember: There is none for the user.
    """
    group = await store.find_group(group_id)
    if group is None or group.app_id != app_id:
        raise NoSuchTopic
    if group.owner_id != user_id and await store.find_group_member(group_id, user_id) is None:
        raise NotAMember("not a member of this group")
    return group


def _check_owner(caller: Principal, group: Group) -> None:
    if group.owner_id != caller.account.user_id:
        raise Forbidden("only the group's owner may do this")
