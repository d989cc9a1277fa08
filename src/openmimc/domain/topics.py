"""Topics: who may make, see and change ordinary groups.

Every change is decided on a topic as it was read and applied only if the topic is still at that version. A
change that lost the race starts over, rights included: whoever was removed in between is refused. Within this
process the changes of one topic wait for one another, so that a burst of them costs one attempt each and none
starves; between processes the version alone decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar
from weakref import WeakValueDictionary

from openmimc.domain.auth import Principal
from openmimc.domain.names import (
    BULLETIN_MAX_BYTES,
    EXTRA_MAX_BYTES,
    TOPIC_NAME_MAX_BYTES,
    check_account,
    check_text,
)
from openmimc.domain.ports import AccountStore, TopicStore
from openmimc.errors import (
    BadRequest,
    Forbidden,
    MissingField,
    NoSuchTopic,
    NotAMember,
    OwnerMayNotLeave,
    TopicFull,
    Unavailable,
)
from openmimc.model.ids import TopicId, UserId
from openmimc.model.topic import Topic, TopicChange

MAX_ATTEMPTS = 16
"""Lost races before a change is given up. Only other processes can win them."""

T = TypeVar("T")


class Topics:
    """The rules of ordinary groups.

    Source: protocol reference, 9.3; operation manual, "Group Chat Information".
    """

    def __init__(self, store: TopicStore, accounts: AccountStore) -> None:
        self._store = store
        self._accounts = accounts
        self._turns: WeakValueDictionary[TopicId, asyncio.Lock] = WeakValueDictionary()

    async def create(self, caller: Principal, *, name: str, accounts: Iterable[str], extra: str = "") -> Topic:
        """Make a topic that the caller owns.

        Args:
            caller: The owner to be.
            name: 1 to ``TOPIC_NAME_MAX_BYTES`` bytes of UTF-8; need not be unique.
            accounts: The other members, one at least. Those never seen before are created; repeats and the
                caller's own name are harmless.
            extra: The app's own text, up to ``EXTRA_MAX_BYTES`` bytes.

        Raises:
            Forbidden: The app's accounts are temporary.
            MissingField, TooBig, BadRequest: An argument is not as described.
            TopicFull: More members than the app allows; no account was created.
        """
        check_is_lasting(caller, "create topics")
        check_text("topicName", name, max_bytes=TOPIC_NAME_MAX_BYTES)
        check_text("extra", extra, max_bytes=EXTRA_MAX_BYTES, may_be_empty=True)
        owner = caller.account
        others = tuple(account for account in _distinct(accounts) if account != owner.name)
        _check_size(caller, 1 + len(others))
        members = await self._ensure(caller, others)
        return await self._store.create_topic(caller.app.app_id, owner.user_id, members, name=name, extra=extra)

    async def get(self, caller: Principal, topic_id: TopicId) -> Topic:
        """A topic that the caller is in, with all members.

        Raises:
            NoSuchTopic, NotAMember: There is none for the caller.
        """
        return await access_topic(self._store, caller, topic_id)

    async def list_mine(self, caller: Principal) -> tuple[Topic, ...]:
        """The topics the caller is in, in the order of joining; ``members`` holds the owner alone."""
        return await self._store.topics_of(caller.account.user_id)

    async def invite(self, caller: Principal, topic_id: TopicId, accounts: Iterable[str]) -> Topic:
        """Add members; any member may. Accounts never seen before are created, members stay where they are.

        Returns:
            The topic with the new members last.

        Raises:
            NoSuchTopic, NotAMember: The topic is none of the caller's.
            MissingField, TooBig, BadRequest: The accounts are none.
            TopicFull: Not all of them fit; none was added or, unless another process filled the topic at this
                very moment, created.
        """
        names = _distinct(accounts)

        async def attempt(topic: Topic) -> Topic | None:
            present = {member.account for member in topic.members}
            new = tuple(name for name in names if name not in present)
            if not new:
                return topic
            _check_size(caller, len(topic.members) + len(new))
            change = TopicChange(add=await self._ensure(caller, new))
            return await self._store.change_topic(topic_id, topic.version, change)

        return await self._settle(caller, topic_id, attempt)

    async def leave(self, caller: Principal, topic_id: TopicId) -> Topic:
        """Take the caller out of a topic.

        Returns:
            The topic without the caller.

        Raises:
            NoSuchTopic, NotAMember: The topic is none of the caller's.
            OwnerMayNotLeave: The caller owns it.
        """

        async def attempt(topic: Topic) -> Topic | None:
            if topic.owner_id == caller.account.user_id:
                raise OwnerMayNotLeave
            change = TopicChange(remove=(caller.account.user_id,))
            return await self._store.change_topic(topic_id, topic.version, change)

        return await self._settle(caller, topic_id, attempt)

    async def kick(self, caller: Principal, topic_id: TopicId, accounts: Iterable[str]) -> Topic:
        """Remove members; only the owner may. Accounts that are not in the topic are passed over, not created.

        Returns:
            The topic without them.

        Raises:
            NoSuchTopic, NotAMember: The topic is none of the caller's.
            Forbidden: The caller is not the owner, or named themselves; nobody was removed.
            MissingField: No accounts are named.
        """
        names = set(_distinct(accounts))

        async def attempt(topic: Topic) -> Topic | None:
            _check_owner(caller, topic)
            leavers = tuple(member.user_id for member in topic.members if member.account in names)
            if topic.owner_id in leavers:
                raise Forbidden("the owner can not be removed")
            if not leavers:
                return topic
            return await self._store.change_topic(topic_id, topic.version, TopicChange(remove=leavers))

        return await self._settle(caller, topic_id, attempt)

    async def update(
        self,
        caller: Principal,
        topic_id: TopicId,
        *,
        owner_account: str | None = None,
        owner_id: UserId | None = None,
        name: str | None = None,
        bulletin: str | None = None,
        extra: str | None = None,
    ) -> Topic:
        """Change what is given, all of it or nothing; only the owner may.

        Args:
            caller: Its owner.
            topic_id: The topic.
            owner_account: Member to hand the topic over to; the caller stays in it as a member.
            owner_id: The same by number; if both are given, they must mean the same member.
            name: 1 to ``TOPIC_NAME_MAX_BYTES`` bytes of UTF-8.
            bulletin: Up to ``BULLETIN_MAX_BYTES`` bytes; "" removes it.
            extra: Up to ``EXTRA_MAX_BYTES`` bytes; "" removes it.

        Raises:
            NoSuchTopic, NotAMember: The topic is none of the caller's.
            Forbidden: The caller is not the owner, or a new one is given and the app's accounts are temporary.
            MissingField: Nothing to change is given, or a name is empty.
            TooBig: A text is too long.
            BadRequest: A text is none, or the new owner is not a member.
        """
        if all(part is None for part in (owner_account, owner_id, name, bulletin, extra)):
            raise MissingField("one of ownerUuid, ownerAccount, topicName, bulletin, extra")
        if owner_account is not None or owner_id is not None:
            check_is_lasting(caller, "own topics")
        if owner_account is not None:
            check_account(owner_account, "ownerAccount")
        if name is not None:
            check_text("topicName", name, max_bytes=TOPIC_NAME_MAX_BYTES)
        if bulletin is not None:
            check_text("bulletin", bulletin, max_bytes=BULLETIN_MAX_BYTES, may_be_empty=True)
        if extra is not None:
            check_text("extra", extra, max_bytes=EXTRA_MAX_BYTES, may_be_empty=True)

        async def attempt(topic: Topic) -> Topic | None:
            _check_owner(caller, topic)
            heir = None
            if owner_account is not None or owner_id is not None:
                heir = _find_heir(topic, owner_account, owner_id)
            change = TopicChange(owner_id=heir, name=name, bulletin=bulletin, extra=extra)
            return await self._store.change_topic(topic_id, topic.version, change)

        return await self._settle(caller, topic_id, attempt)

    async def dismiss(self, caller: Principal, topic_id: TopicId) -> None:
        """Remove a topic; only the owner may. Messages already in inboxes stay there.

        Raises:
            NoSuchTopic, NotAMember: The topic is none of the caller's.
            Forbidden: The caller is not the owner.
        """

        async def attempt(topic: Topic) -> bool | None:
            _check_owner(caller, topic)
            return await self._store.delete_topic(topic_id, topic.version) or None

        await self._settle(caller, topic_id, attempt)

    async def _ensure(self, caller: Principal, names: tuple[str, ...]) -> tuple[UserId, ...]:
        """User ids of accounts, created if need be; raises MissingField, TooBig, BadRequest."""
        if not names:
            return ()
        for name in names:
            check_account(name, "accounts")
        accounts = await self._accounts.ensure_accounts(caller.app.app_id, names)
        return tuple(account.user_id for account in accounts)

    async def _settle(
        self, caller: Principal, topic_id: TopicId, attempt: Callable[[Topic], Awaitable[T | None]]
    ) -> T:
        """Repeat ``attempt`` on the topic as it is now until it does not return None, which means a lost race.

        Raises:
            NoSuchTopic, NotAMember: The topic is none of the caller's (any more).
            Unavailable: Other processes won every race.
        """
        turn = self._turns.get(topic_id)
        if turn is None:
            turn = self._turns[topic_id] = asyncio.Lock()
        async with turn:
            for _ in range(MAX_ATTEMPTS):
                outcome = await attempt(await self.get(caller, topic_id))
                if outcome is not None:
                    return outcome
        raise Unavailable


async def access_topic(store: TopicStore, caller: Principal, topic_id: TopicId) -> Topic:
    """Look up a topic that the caller is in, with all members.

    Raises:
        NoSuchTopic, NotAMember: There is none for the caller.
    """
    topic = await store.find_topic(topic_id)
    if topic is None or topic.app_id != caller.app.app_id:
        raise NoSuchTopic
    if not topic.has_member(caller.account.user_id):
        raise NotAMember
    return topic


def check_is_lasting(caller: Principal, deed: str) -> None:
    """Refuse what accounts that will be removed may not do: what they own would be left without an owner.

    Raises:
        Forbidden: The app's accounts are temporary.
    """
    if caller.app.settings.uuidTTL > 0:
        raise Forbidden(f"temporary accounts can not {deed} (uuidTTL)")


def _distinct(accounts: Iterable[str]) -> tuple[str, ...]:
    """The accounts without repeats, in order; raises MissingField if there are none.

    They are many at will: what is dear is done when their number is known to be allowed.
    """
    names = tuple(dict.fromkeys(accounts))
    if not names:
        raise MissingField("accounts")
    return names


def _check_size(caller: Principal, members: int) -> None:
    if members > caller.app.settings.topicMemberCount:
        raise TopicFull


def _check_owner(caller: Principal, topic: Topic) -> None:
    if topic.owner_id != caller.account.user_id:
        raise Forbidden("only the topic's owner may do this")


def _find_heir(topic: Topic, account: str | None, user_id: UserId | None) -> UserId:
    for member in topic.members:
        if account in (None, member.account) and user_id in (None, member.user_id):
            return member.user_id
    raise BadRequest("the new owner is not a member of this topic")
