"""History: who may read what was said, and how much of it at a time.

A sequence begins with its message's time, so a range of times is a range of sequences: whichever way a range is
named, it ends as one ``Span``, and all that is said about pages holds for every way.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from openmimc.domain.auth import Principal
from openmimc.domain.names import check_account
from openmimc.domain.ports import AccountStore, Clock, GroupStore, HistoryStore, TopicStore
from openmimc.domain.topics import access_topic
from openmimc.errors import BadRequest, Forbidden, NoSuchTopic, NotAMember, TooBig
from openmimc.model.history import Conversation
from openmimc.model.ids import SEQUENCES_PER_MS, Sequence, TopicId
from openmimc.model.message import Message

PAGE_ROWS = 200
"""Most messages of one answer, so that an answer fits into memory whatever their payloads."""

MAX_PERIOD_MS = 24 * 3600 * 1000
"""Longest period of a query by time. Source: operation manual, "Message Roaming", remarks."""

DAY_MS = 24 * 3600 * 1000

MAX_SEQUENCE = 2**63 - 1


class Span(Struct, frozen=True):
    """What to read: ``start <= sequence < stop``, at most ``limit``; of more, the first or the ``newest``."""

    start: Sequence
    stop: Sequence
    limit: int
    newest: bool


class Selection(Protocol):
    """A way to say which messages of a conversation are wanted."""

    def span(self) -> Span:
        """Return what to read.

        Raises:
            BadRequest: The range is empty, reversed or too long.
            TooBig: More messages than a page holds are asked for at once.
        """


class ByTime(Struct, frozen=True):
    """Messages with ``from_ms <= time < to_ms``, oldest first.

    Attributes:
        from_ms: UTC epoch milliseconds, 0 or more.
        to_ms: Likewise; at most ``MAX_PERIOD_MS`` later.
        start: Where to go on inside the period; None for its beginning.
    """

    from_ms: int
    to_ms: int
    start: Sequence | None = None

    def span(self) -> Span:
        """See ``Selection.span``."""
        if self.from_ms >= self.to_ms:
            raise BadRequest("utcFromTime is not before utcToTime")
        if self.to_ms - self.from_ms > MAX_PERIOD_MS:
            raise BadRequest("utcFromTime and utcToTime are more than 24 hours apart")
        first, stop = first_sequence(self.from_ms), first_sequence(self.to_ms)
        start = first if self.start is None else self.start
        if not first <= start < stop:
            raise BadRequest("startSeq is not between utcFromTime and utcToTime")
        return Span(start, stop, PAGE_ROWS, newest=False)


class ByCount(Struct, frozen=True):
    """The newest ``count`` messages with ``time < to_ms``.

    Attributes:
        to_ms: UTC epoch milliseconds, above 0. A time to come means: all there are.
        count: 1 to ``PAGE_ROWS``.
        stop: Where to go on towards older messages; None for ``to_ms``.
    """

    to_ms: int
    count: int
    stop: Sequence | None = None

    def span(self) -> Span:
        """See ``Selection.span``."""
        if self.to_ms <= 0:
            raise BadRequest("there is nothing before utcToTime")
        if self.count < 1:
            raise BadRequest("count is less than 1")
        if self.count > PAGE_ROWS:
            raise TooBig(f"count is larger than {PAGE_ROWS}")
        end = first_sequence(self.to_ms)
        stop = end if self.stop is None else self.stop
        if not 0 < stop <= end:
            raise BadRequest("stopSeq is not between 1 and utcToTime")
        return Span(Sequence(0), stop, self.count, newest=True)


class BySequence(Struct, frozen=True):
    """Messages with ``start <= sequence < stop``, oldest first, however long the range is."""

    start: Sequence
    stop: Sequence

    def span(self) -> Span:
        """See ``Selection.span``."""
        if self.start >= self.stop:
            raise BadRequest("startSeq is not before stopSeq")
        return Span(self.start, self.stop, PAGE_ROWS, newest=False)


class Excerpt(Struct, frozen=True):
    """Messages of a conversation, in ascending sequence.

    Attributes:
        next_sequence: None when these are all that were selected. Else where to go on: the ``start`` of what
            is missing or, if the newest were asked for, its ``stop``.
    """

    messages: tuple[Message, ...]
    next_sequence: Sequence | None


class LogStore(HistoryStore, GroupStore, Protocol):
    """What was said, and who is in which unlimited group."""


class History:
    """The rules of history.

    Nothing that is older than the app's ``msgStorageTime`` is shown, swept away or not yet.

    Source: protocol reference, 9.4; operation manual, "Message Roaming".
    """

    def __init__(self, store: LogStore, accounts: AccountStore, topics: TopicStore, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._topics = topics
        self._clock = clock

    async def read_p2p(
        self, caller: Principal, *, from_account: str, to_account: str, selection: Selection
    ) -> Excerpt:
        """What two accounts said to each other, in both directions; one of them is the caller.

        An account that does not exist has said and heard nothing, and is not created.

        Raises:
            MissingField, TooBig, BadRequest: An account or the selection is not as described.
            Forbidden: The caller is neither of the two.
        """
        span = selection.span()
        check_account(from_account, "fromAccount")
        check_account(to_account, "toAccount")
        me = caller.account
        if me.name not in (from_account, to_account):
            raise Forbidden("neither fromAccount nor toAccount is the caller")
        peer_name = to_account if me.name == from_account else from_account
        peer = await self._accounts.find_account(caller.app.app_id, peer_name)
        if peer is None:
            return Excerpt((), None)
        return await self._read(caller, Conversation.between(me.user_id, peer.user_id), span)

    async def read_p2t(
        self, caller: Principal, topic_id: TopicId, *, account: str | None, selection: Selection
    ) -> Excerpt:
        """What was said in a topic, before the caller came too; present members alone may read it.

        Args:
            caller: A member.
            topic_id: The topic.
            account: If given, the caller's.
            selection: Which messages.

        Raises:
            TooBig, BadRequest: The selection is not as described.
            Forbidden: ``account`` is somebody else's.
            NoSuchTopic, NotAMember: The topic is none of the caller's.
        """
        span = selection.span()
        _check_is_caller(caller, account)
        topic = await access_topic(self._topics, caller, topic_id)
        return await self._read(caller, Conversation.of_topic(topic.topic_id), span)

    async def read_group(
        self, caller: Principal, group_id: TopicId, *, account: str | None, selection: Selection
    ) -> Excerpt:
        """What was said in an unlimited group, before the caller came too; present members alone may read it.

        An owner who has left is no member. Arguments as for ``read_p2t``, errors too.
        """
        span = selection.span()
        _check_is_caller(caller, account)
        group = await self._store.find_group(group_id)
        if group is None or group.app_id != caller.app.app_id:
            raise NoSuchTopic
        if await self._store.find_group_member(group_id, caller.account.user_id) is None:
            raise NotAMember("not a member of this group")
        return await self._read(caller, Conversation.of_group(group_id), span)

    async def _read(self, caller: Principal, conversation: Conversation, span: Span) -> Excerpt:
        kept_ms = caller.app.settings.msgStorageTime * DAY_MS
        start = max(span.start, first_sequence(self._clock.now_ms() - kept_ms))
        if start >= span.stop:
            return Excerpt((), None)
        page = await self._store.read_history(
            conversation, start=start, stop=span.stop, limit=span.limit, newest=span.newest
        )
        if not page.has_more:
            return Excerpt(page.messages, None)
        edge = page.messages[0].sequence if span.newest else Sequence(page.messages[-1].sequence + 1)
        return Excerpt(page.messages, edge)


def _check_is_caller(caller: Principal, account: str | None) -> None:
    if account is not None and account != caller.account.name:
        raise Forbidden("account is not the caller")


def first_sequence(timestamp_ms: int) -> Sequence:
    """The smallest sequence of a message of this time; a time that no message can have is cut off."""
    return Sequence(min(max(timestamp_ms, 0) * SEQUENCES_PER_MS, MAX_SEQUENCE))
