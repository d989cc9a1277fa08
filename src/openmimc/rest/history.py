"""``/api/msg/p2p``, ``/p2t`` and ``/p2u``: what was said between two users, in a topic, in an unlimited group.

All three have the same four calls; ``query`` and ``queryOnTime`` are one. An answer that does not hold all
that was asked for says so: ``hasMore``, and ``nextSequence`` to go on with. Accounts in bodies may be numbers,
since the manual's command lines have no quotes around them.

Source: protocol reference, 9.4; operation manual, "Message Roaming". Of unlimited groups only the paths are
known; the rest is as for topics.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable
from typing import Protocol

from litestar import post
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType

from openmimc.domain.auth import Auth, Principal
from openmimc.domain.history import ByCount, BySequence, ByTime, Excerpt, History, Selection
from openmimc.errors import Forbidden, NoSuchTopic, NotAMember
from openmimc.model.ids import AppId, Sequence, TopicId
from openmimc.model.message import Message
from openmimc.rest.answers import Answer, success
from openmimc.rest.callers import Callers
from openmimc.rest.documentation import Caller, documented
from openmimc.rest.requests import ApiRequest, Id, parse_number, parse_topic_id, read_json, require

P2P = "/api/msg/p2p"
P2T = "/api/msg/p2t"
P2U = "/api/msg/p2u"

PAGE = "History"
TWO = {"appId": "2882303761517620813", "fromAccount": "bob", "toAccount": "alice"}
TOPIC = {"appId": "2882303761517620813", "account": "alice", "topicId": "8103265498034170"}
MESSAGE = {
    "sequence": "17660036001230001",
    "payload": "aGVsbG8=",
    "ts": 1766003600123,
    "fromAccount": "bob",
    "bizType": "greeting",
}
ROWS = {"row": 1, "hasMore": True, "nextSequence": "17660036001230002"}
TWO_ANSWER = {**TWO, "messages": [{**MESSAGE, "toAccount": "alice"}], **ROWS}
TOPIC_ANSWER = {
    "appId": "2882303761517620813",
    "topicId": "8103265498034170",
    "messages": [MESSAGE],
    **ROWS,
}


class ByTimeRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """``utcFromTime <= ts < utcToTime``, UTC epoch milliseconds, at most 24 hours apart.

    Attributes:
        app_id: May be absent where a token tells it.
        start_seq: ``nextSequence`` of the answer before, to go on in the same period.
    """

    app_id: Id | None = None
    utc_from_time: Id | None = None
    utc_to_time: Id | None = None
    start_seq: Id | None = None

    def selection(self) -> Selection:
        """What is asked for; raises MissingField or BadRequest for fields that are absent or no numbers."""
        return ByTime(
            from_ms=_number("utcFromTime", self.utc_from_time),
            to_ms=_number("utcToTime", self.utc_to_time),
            start=_sequence_if_given("startSeq", self.start_seq),
        )


class ByCountRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """The newest ``count`` (1 to 200) with ``ts < utcToTime``, UTC epoch milliseconds.

    Attributes:
        app_id: May be absent where a token tells it.
        stop_seq: ``nextSequence`` of the answer before, to go on with older ones.
    """

    app_id: Id | None = None
    utc_to_time: Id | None = None
    count: Id | None = None
    stop_seq: Id | None = None

    def selection(self) -> Selection:
        """What is asked for; raises MissingField or BadRequest for fields that are absent or no numbers."""
        return ByCount(
            to_ms=_number("utcToTime", self.utc_to_time),
            count=_number("count", self.count),
            stop=_sequence_if_given("stopSeq", self.stop_seq),
        )


class BySequenceRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """``startSeq <= sequence < stopSeq``.

    Attributes:
        app_id: May be absent where a token tells it.
        start_seq: To go on in the same range, ``nextSequence`` of the answer before.
    """

    app_id: Id | None = None
    start_seq: Id | None = None
    stop_seq: Id | None = None

    def selection(self) -> Selection:
        """What is asked for; raises MissingField or BadRequest for fields that are absent or no numbers."""
        return BySequence(
            start=Sequence(_number("startSeq", self.start_seq)),
            stop=Sequence(_number("stopSeq", self.stop_seq)),
        )


class P2PByTime(ByTimeRequest, frozen=True, kw_only=True, rename="camel"):
    """Messages of two users in a period of time, in both directions; one of them is the caller."""

    from_account: Id | None = None
    to_account: Id | None = None


class P2PByCount(ByCountRequest, frozen=True, kw_only=True, rename="camel"):
    """The newest messages of two users, in both directions; one of them is the caller."""

    from_account: Id | None = None
    to_account: Id | None = None


class P2PBySequence(BySequenceRequest, frozen=True, kw_only=True, rename="camel"):
    """Messages of two users in a range of sequences, in both directions; one of them is the caller."""

    from_account: Id | None = None
    to_account: Id | None = None


class P2TByTime(ByTimeRequest, frozen=True, kw_only=True, rename="camel"):
    """Messages of a topic or unlimited group in a period of time. ``account``: if given, the caller's."""

    account: Id | None = None
    topic_id: Id | None = None


class P2TByCount(ByCountRequest, frozen=True, kw_only=True, rename="camel"):
    """The newest messages of a topic or unlimited group. ``account``: if given, the caller's."""

    account: Id | None = None
    topic_id: Id | None = None


class P2TBySequence(BySequenceRequest, frozen=True, kw_only=True, rename="camel"):
    """Messages of a topic or unlimited group in a range of sequences. ``account``: if given, the caller's."""

    account: Id | None = None
    topic_id: Id | None = None


class P2PMessage(Struct, frozen=True, rename="camel"):
    """A message between two users.

    Attributes:
        payload: Base64.
        ts: Server time of acceptance, UTC epoch milliseconds.
        biz_type: Left out when the sender set none.
    """

    sequence: str
    payload: str
    ts: int
    from_account: str
    to_account: str
    biz_type: str | UnsetType = UNSET


class P2TMessage(Struct, frozen=True, rename="camel"):
    """A message to a topic or unlimited group.

    Attributes:
        payload: Base64.
        ts: Server time of acceptance, UTC epoch milliseconds.
        biz_type: Left out when the sender set none.
    """

    sequence: str
    payload: str
    ts: int
    from_account: str
    biz_type: str | UnsetType = UNSET


class P2PHistory(Struct, frozen=True, rename="camel", kw_only=True):
    """Messages of two users, in ascending sequence.

    Attributes:
        to_account: As asked.
        from_account: As asked.
        row: How many messages there are in this answer.
        timestamp: The first one's ``ts``; only for queries by count or sequence that found something.
        has_more: Whether there are more than these in what was asked for.
        next_sequence: Only with ``has_more``: ``startSeq`` (by count: ``stopSeq``) of the request that goes on.
    """

    app_id: str
    to_account: str
    from_account: str
    messages: list[P2PMessage]
    row: int
    timestamp: int | UnsetType = UNSET
    has_more: bool
    next_sequence: str | UnsetType = UNSET


class P2THistory(Struct, frozen=True, rename="camel", kw_only=True):
    """Messages of a topic or unlimited group, in ascending sequence.

    Attributes:
        row: How many messages there are in this answer.
        timestamp: The first one's ``ts``; only for queries by count or sequence that found something.
        has_more: Whether there are more than these in what was asked for.
        next_sequence: Only with ``has_more``: ``startSeq`` (by count: ``stopSeq``) of the request that goes on.
    """

    app_id: str
    topic_id: str
    messages: list[P2TMessage]
    row: int
    timestamp: int | UnsetType = UNSET
    has_more: bool
    next_sequence: str | UnsetType = UNSET


def p2p_history(app_id: AppId, accounts: tuple[str, str], excerpt: Excerpt, *, dated: bool) -> P2PHistory:
    """Spell messages of two users.

    Args:
        app_id: Of both.
        accounts: ``fromAccount`` and ``toAccount`` of the request.
        excerpt: The messages.
        dated: Whether ``timestamp`` tells the first one's time.
    """
    from_account, to_account = accounts
    messages = [
        P2PMessage(
            sequence=str(message.sequence),
            payload=base64.b64encode(message.payload).decode(),
            ts=message.timestamp_ms,
            from_account=message.sender.account,
            to_account=message.to_account,
            biz_type=_biz_type(message),
        )
        for message in excerpt.messages
    ]
    return P2PHistory(
        app_id=str(app_id),
        to_account=to_account,
        from_account=from_account,
        messages=messages,
        row=len(messages),
        timestamp=_timestamp(excerpt, dated),
        has_more=excerpt.next_sequence is not None,
        next_sequence=_next_sequence(excerpt),
    )


def p2t_history(app_id: AppId, topic_id: TopicId, excerpt: Excerpt, *, dated: bool) -> P2THistory:
    """Spell messages of a topic or unlimited group; arguments as ``p2p_history``."""
    messages = [
        P2TMessage(
            sequence=str(message.sequence),
            payload=base64.b64encode(message.payload).decode(),
            ts=message.timestamp_ms,
            from_account=message.sender.account,
            biz_type=_biz_type(message),
        )
        for message in excerpt.messages
    ]
    return P2THistory(
        app_id=str(app_id),
        topic_id=str(topic_id),
        messages=messages,
        row=len(messages),
        timestamp=_timestamp(excerpt, dated),
        has_more=excerpt.next_sequence is not None,
        next_sequence=_next_sequence(excerpt),
    )


def history_pages(auth: Auth, history: History) -> list[HTTPRouteHandler]:
    """The pages of history.

    Requests are read to the end before callers are identified, because that may create an account.
    """
    callers = Callers(auth)

    async def read_p2p(
        request: ApiRequest, asked: P2PByTime | P2PByCount | P2PBySequence
    ) -> Answer[P2PHistory]:
        selection = asked.selection()
        from_account = require("fromAccount", asked.from_account)
        to_account = require("toAccount", asked.to_account)
        caller = await callers.identify(request, asked.app_id)
        excerpt = await history.read_p2p(
            caller, from_account=from_account, to_account=to_account, selection=selection
        )
        dated = not isinstance(asked, P2PByTime)
        return success(p2p_history(caller.app.app_id, (from_account, to_account), excerpt, dated=dated))

    @documented(
        PAGE,
        "What two users said in a period of time",
        text="For either of the two.",
        caller=Caller.USER,
        body=P2PByTime,
        required=("fromAccount", "toAccount", "utcFromTime", "utcToTime"),
        body_example={**TWO, "utcFromTime": 1766000000000, "utcToTime": 1766007200000},
        data_example=TWO_ANSWER,
        errors=(Forbidden,),
    )
    @post([f"{P2P}/query", f"{P2P}/queryOnTime"], status_code=200)
    async def p2p_by_time(request: ApiRequest) -> Answer[P2PHistory]:
        return await read_p2p(request, await read_json(request, P2PByTime))

    @documented(
        PAGE,
        "The newest messages of two users",
        text="For either of the two.",
        caller=Caller.USER,
        body=P2PByCount,
        required=("fromAccount", "toAccount", "utcToTime", "count"),
        body_example={**TWO, "utcToTime": 1766007200000, "count": 50},
        data_example={**TWO_ANSWER, "timestamp": 1766003600123},
        errors=(Forbidden,),
    )
    @post(f"{P2P}/queryOnCount", status_code=200)
    async def p2p_by_count(request: ApiRequest) -> Answer[P2PHistory]:
        return await read_p2p(request, await read_json(request, P2PByCount))

    @documented(
        PAGE,
        "Messages of two users in a range of sequences",
        text="For either of the two.",
        caller=Caller.USER,
        body=P2PBySequence,
        required=("fromAccount", "toAccount", "startSeq", "stopSeq"),
        body_example={**TWO, "startSeq": "17660000000000000", "stopSeq": "17660072000000000"},
        data_example={**TWO_ANSWER, "timestamp": 1766003600123},
        errors=(Forbidden,),
    )
    @post(f"{P2P}/queryOnSequence", status_code=200)
    async def p2p_by_sequence(request: ApiRequest) -> Answer[P2PHistory]:
        return await read_p2p(request, await read_json(request, P2PBySequence))

    return [
        *(p2p_by_time, p2p_by_count, p2p_by_sequence),
        *_pages_of_many(callers, P2T, "a topic", history.read_p2t),
        *_pages_of_many(callers, P2U, "an unlimited group", history.read_group),
    ]


class _Read(Protocol):
    """How ``History`` reads a conversation of many."""

    def __call__(
        self, caller: Principal, topic_id: TopicId, /, *, account: str | None, selection: Selection
    ) -> Awaitable[Excerpt]: ...


def _pages_of_many(callers: Callers, path: str, place: str, read: _Read) -> list[HTTPRouteHandler]:
    """The pages of a kind of conversations of many, below ``path``; ``place`` is what one is called."""

    async def answer(request: ApiRequest, asked: P2TByTime | P2TByCount | P2TBySequence) -> Answer[P2THistory]:
        selection = asked.selection()
        topic_id = parse_topic_id(require("topicId", asked.topic_id))
        account = None if asked.account in (None, "") else str(asked.account)
        caller = await callers.identify(request, asked.app_id)
        excerpt = await read(caller, topic_id, account=account, selection=selection)
        dated = not isinstance(asked, P2TByTime)
        return success(p2t_history(caller.app.app_id, topic_id, excerpt, dated=dated))

    @documented(
        PAGE,
        f"What was said in {place} in a period of time",
        text="For present members.",
        caller=Caller.USER,
        body=P2TByTime,
        required=("topicId", "utcFromTime", "utcToTime"),
        body_example={**TOPIC, "utcFromTime": 1766000000000, "utcToTime": 1766007200000},
        data_example=TOPIC_ANSWER,
        errors=(Forbidden, NoSuchTopic, NotAMember),
    )
    @post([f"{path}/query", f"{path}/queryOnTime"], status_code=200)
    async def by_time(request: ApiRequest) -> Answer[P2THistory]:
        return await answer(request, await read_json(request, P2TByTime))

    @documented(
        PAGE,
        f"The newest messages of {place}",
        text="For present members.",
        caller=Caller.USER,
        body=P2TByCount,
        required=("topicId", "utcToTime", "count"),
        body_example={**TOPIC, "utcToTime": 1766007200000, "count": 50},
        data_example={**TOPIC_ANSWER, "timestamp": 1766003600123},
        errors=(Forbidden, NoSuchTopic, NotAMember),
    )
    @post(f"{path}/queryOnCount", status_code=200)
    async def by_count(request: ApiRequest) -> Answer[P2THistory]:
        return await answer(request, await read_json(request, P2TByCount))

    @documented(
        PAGE,
        f"Messages of {place} in a range of sequences",
        text="For present members.",
        caller=Caller.USER,
        body=P2TBySequence,
        required=("topicId", "startSeq", "stopSeq"),
        body_example={**TOPIC, "startSeq": "17660000000000000", "stopSeq": "17660072000000000"},
        data_example={**TOPIC_ANSWER, "timestamp": 1766003600123},
        errors=(Forbidden, NoSuchTopic, NotAMember),
    )
    @post(f"{path}/queryOnSequence", status_code=200)
    async def by_sequence(request: ApiRequest) -> Answer[P2THistory]:
        return await answer(request, await read_json(request, P2TBySequence))

    return [by_time, by_count, by_sequence]


def _number(field: str, value: Id | None) -> int:
    return parse_number(field, require(field, value))


def _sequence_if_given(field: str, value: Id | None) -> Sequence | None:
    return None if value is None or value == "" else Sequence(parse_number(field, value))


def _biz_type(message: Message) -> str | UnsetType:
    return message.biz_type or UNSET


def _timestamp(excerpt: Excerpt, dated: bool) -> int | UnsetType:
    return excerpt.messages[0].timestamp_ms if dated and excerpt.messages else UNSET


def _next_sequence(excerpt: Excerpt) -> str | UnsetType:
    return UNSET if excerpt.next_sequence is None else str(excerpt.next_sequence)
