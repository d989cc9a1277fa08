"""The API for an app's own server: tokens, push, topics, unlimited groups, history, contacts, blacklist.

Source: protocol reference, 7.3 and 9.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from types import NoneType, TracebackType
from typing import Self

from openmimc.client.api_calls import ApiCalls
from openmimc.client.app_results import (
    Blocked,
    Contact,
    GroupConversation,
    GroupMembersPage,
    HistoryMessage,
    HistoryPage,
    OnlineCount,
    PushedMany,
    PushedOne,
    PushReceipt,
    Topic,
    TopicInfo,
    UnlimitedGroup,
    UnlimitedGroupMember,
)

Conversation = str | int | GroupConversation
"""Where messages were exchanged: with another account (its name), in a topic (its id) or an unlimited group."""

TIMEOUT_S = 10.0

PAGE_ROWS = 200
"""Most messages that the server gives in one answer."""

END_OF_TIME_MS = (1 << 53) - 1
"""Later than any message."""

_GROUP = "/api/uctopic"


class AppServer:
    """An app's own server, as a client of the messaging server.

    Every method but ``token`` and the pushes speaks for one account, the first argument, and may do what that
    user may. Accounts are created when they are first spoken for or written to. Methods may be called at the
    same time; connections are kept and shared.

    Nothing is repeated by itself: after ``ConnectionLost`` a push may have been done or not.

    Args:
        base_url: ``http://host:port`` or ``https://host``.
        app_id: The app.
        app_key: Its key.
        app_secret: Its secret, which never leaves the app's server except to the messaging server.
        ssl_context: For ``https``; None trusts the system's authorities.
        timeout_s: How long a step of a call (connecting, sending, receiving) may take.

    Raises:
        ApiError: By every method: the server refuses; ``code`` says why, and nothing was changed.
        ConnectionLost: By every method: the server cannot be reached or went silent.
        UnexpectedAnswer: By every method: what answers is no messaging server, or a proxy in front of it.
    """

    def __init__(
        self,
        base_url: str,
        app_id: int | str,
        app_key: str,
        app_secret: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._api = ApiCalls(
            base_url, str(app_id), app_key, app_secret, ssl_context=ssl_context, timeout_s=timeout_s
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def token(self, account: str) -> bytes:
        """Get a token for one of the app's users, who has proved to the app's server who he is.

        Returns:
            The token service's answer as it came: what a token fetcher hands to an SDK.
        """
        return await self._api.token(account)

    async def push_p2p(
        self,
        from_account: str,
        to: str | Iterable[str],
        payload: bytes | str,
        *,
        from_resource: str = "",
        biz_type: str | None = None,
        is_store: bool = True,
    ) -> PushReceipt:
        """Send a message in a user's name, to one account or, in one transaction, to many.

        Args:
            from_account: Who is seen as the sender.
            to: One account, or up to 500; a repeated one gets the message once.
            payload: Opaque bytes, or text to be sent as UTF-8.
            from_resource: The device it seems to come from.
            biz_type: The app's own label.
            is_store: Whether history keeps it.

        Raises:
            ApiError: 405 if the one recipient blocks the sender. Of many, the receipt names those.
        """
        body = self._push(from_account, payload, from_resource, biz_type, is_store)
        if isinstance(to, str):
            one = await self._api.call("POST", "/api/push/p2p/", PushedOne, body=body | {"toAccount": to})
            return PushReceipt((one.packet_id,))
        return _receipt(
            await self._api.call("POST", "/api/push/p2p/more", PushedMany, body=body | {"toAccounts": list(to)})
        )

    async def push_p2t(
        self,
        from_account: str,
        to: int | Iterable[int],
        payload: bytes | str,
        *,
        from_resource: str = "",
        biz_type: str | None = None,
        is_store: bool = True,
    ) -> PushReceipt:
        """Send a message in a user's name to one topic or, in one transaction, to many.

        The user need not be a member. Arguments are those of ``push_p2p``, with ids of topics for ``to``.
        """
        body = self._push(from_account, payload, from_resource, biz_type, is_store)
        return await self._push_to_ids("/api/push/p2t/", to, body)

    async def push_group(
        self,
        from_account: str,
        to: int | Iterable[int],
        payload: bytes | str,
        *,
        from_resource: str = "",
        biz_type: str | None = None,
        is_store: bool = True,
    ) -> PushReceipt:
        """Send a message in a user's name to one unlimited group or, in one transaction, to many.

        The user need not be a member. Arguments are those of ``push_p2p``, with ids of groups for ``to``.
        """
        body = self._push(from_account, payload, from_resource, biz_type, is_store)
        return await self._push_to_ids("/api/push/p2u/", to, body)

    async def create_topic(self, owner: str, name: str, accounts: Iterable[str], *, extra: str = "") -> Topic:
        """Create a topic of an owner and other members; ``extra`` is the app's own text."""
        body = {"topicName": name, "accounts": list(accounts), "extra": extra}
        return await self._api.call("POST", self._topic(), Topic, account=owner, body=body)

    async def get_topic(self, account: str, topic_id: int) -> Topic:
        """Return a topic as a member sees it."""
        return await self._api.call("GET", self._topic(topic_id), Topic, account=account)

    async def list_topics(self, account: str) -> tuple[TopicInfo, ...]:
        """Return the topics that a user is in, in the order of joining."""
        return await self._api.call("GET", self._topic("account"), tuple[TopicInfo, ...], account=account)

    async def invite(self, account: str, topic_id: int, accounts: Iterable[str]) -> Topic:
        """Add members, as one of them: all the accounts, or none."""
        body = {"accounts": list(accounts)}
        return await self._api.call(
            "POST", self._topic(topic_id, "accounts"), Topic, account=account, body=body
        )

    async def leave(self, account: str, topic_id: int) -> Topic:
        """Take a user out of a topic, which is returned as it is without him. The owner can not leave."""
        return await self._api.call("DELETE", self._topic(topic_id, "account"), Topic, account=account)

    async def kick(self, owner: str, topic_id: int, accounts: Iterable[str]) -> Topic:
        """Remove members, as the owner.

        The names travel as one text: one that holds a comma, or begins or ends with a blank, can not be named.
        """
        query = {"accounts": ",".join(accounts)}
        return await self._api.call(
            "DELETE", self._topic(topic_id, "accounts"), Topic, account=owner, query=query
        )

    async def update_topic(
        self,
        owner: str,
        topic_id: int,
        *,
        name: str | None = None,
        bulletin: str | None = None,
        extra: str | None = None,
        new_owner: str | None = None,
    ) -> Topic:
        """Change a topic, as the owner; None leaves a part as it is, and "" removes bulletin or extra.

        Args:
            owner: Who owns it now.
            topic_id: The topic.
            name: New name.
            bulletin: New bulletin.
            extra: New text of the app's own.
            new_owner: The member who owns it from now on.
        """
        changes = {"topicName": name, "bulletin": bulletin, "extra": extra, "ownerAccount": new_owner}
        body = {field: value for field, value in changes.items() if value is not None}
        return await self._api.call("PUT", self._topic(topic_id), Topic, account=owner, body=body)

    async def dismiss_topic(self, owner: str, topic_id: int) -> None:
        """End a topic, as the owner."""
        await self._api.call("DELETE", self._topic(topic_id), NoneType, account=owner)

    async def create_group(self, owner: str, name: str, *, extra: str = "") -> UnlimitedGroup:
        """Create an unlimited group, whose first member is its owner. Others join by their SDKs."""
        body = {"topicName": name, "extra": extra}
        return await self._api.call("POST", _GROUP, UnlimitedGroup, account=owner, body=body)

    async def get_group(self, account: str, group_id: int) -> UnlimitedGroup:
        """Return an unlimited group, for a member or its owner."""
        return await self._api.call("GET", _GROUP, UnlimitedGroup, query=_naming(group_id), account=account)

    async def list_groups(self, account: str) -> tuple[int, ...]:
        """Return the ids of the unlimited groups that a user is in, in the order of joining."""
        return await self._api.call("GET", f"{_GROUP}/topics", tuple[int, ...], account=account)

    async def group_members(self, account: str, group_id: int) -> AsyncIterator[UnlimitedGroupMember]:
        """Iterate over the members of an unlimited group, by ascending ``user_id``; for a member or its owner.

        They are asked for in batches, meanwhile others may come and go.
        """
        after = 0
        while True:
            query = _naming(group_id) | {"startUuid": str(after)}
            page = await self._api.call(
                "GET", f"{_GROUP}/userlist", GroupMembersPage, query=query, account=account
            )
            for member in page.members:
                yield member
            if page.is_end or not page.members:
                return
            after = page.members[-1].user_id

    async def count_online(self, account: str, group_id: int) -> int:
        """Return how many members of an unlimited group are logged in now; for a member or its owner."""
        answer = await self._api.call(
            "GET", f"{_GROUP}/onlineinfo", OnlineCount, query=_naming(group_id), account=account
        )
        return answer.count

    async def mute(self, owner: str, group_id: int, account: str, *, until_s: int) -> None:
        """Let a member not talk in an unlimited group before a time (UTC epoch seconds); 0 lifts it."""
        body = {"topicId": str(group_id), "account": account, "forbidUntil": until_s}
        await self._api.call("POST", f"{_GROUP}/forbid", NoneType, account=owner, body=body)

    async def dismiss_group(self, owner: str, group_id: int) -> None:
        """End an unlimited group, as its owner, who need not be in it."""
        await self._api.call("DELETE", _GROUP, NoneType, query=_naming(group_id), account=owner)

    def history_by_time(
        self, account: str, conversation: Conversation, *, from_ms: int, to_ms: int
    ) -> AsyncIterator[HistoryMessage]:
        """Iterate over messages with ``from_ms <= timestamp_ms < to_ms``, oldest first.

        Args:
            account: Who asks: one of the two, or a present member of the topic or group.
            conversation: The other account, the topic's id, or a group's ``conversation``.
            from_ms: UTC epoch milliseconds.
            to_ms: Likewise; at most 24 hours later. For longer periods ask by sequence.
        """
        body = {"utcFromTime": from_ms, "utcToTime": to_ms}
        return self._forward(account, conversation, "queryOnTime", body)

    def history_by_sequence(
        self, account: str, conversation: Conversation, *, start: int, stop: int
    ) -> AsyncIterator[HistoryMessage]:
        """Iterate over messages with ``start <= sequence < stop``, oldest first.

        The messages of a time begin with the sequence ``timestamp_ms * 10000``. For the first two arguments see
        ``history_by_time``.
        """
        return self._forward(
            account, conversation, "queryOnSequence", {"startSeq": str(start), "stopSeq": str(stop)}
        )

    async def latest(
        self, account: str, conversation: Conversation, *, count: int, before_ms: int = END_OF_TIME_MS
    ) -> AsyncIterator[HistoryMessage]:
        """Iterate over the newest ``count`` messages with ``timestamp_ms < before_ms``, newest first.

        For the first two arguments see ``history_by_time``.
        """
        body: dict[str, object] = {"utcToTime": before_ms}
        while count > 0:
            body["count"] = min(count, PAGE_ROWS)
            page = await self._page(account, conversation, "queryOnCount", body)
            for message in reversed(page.messages):
                yield message
            if not page.has_more:
                return
            count -= len(page.messages)
            body["stopSeq"] = page.next_sequence

    async def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return with whom and where a user talked of late, newest first."""
        return await self._api.call("GET", "/api/contact/", tuple[Contact, ...], account=account)

    async def delete_contact(self, account: str, conversation: str | int) -> tuple[Contact, ...]:
        """Take a conversation, not one of a group, off a user's contacts until its next message.

        Returns:
            What is left.
        """
        if isinstance(conversation, int):
            path, query = "/api/contact/p2t/session", {"topicId": str(conversation)}
        else:
            path, query = "/api/contact/p2p/session", {"member": conversation}
        return await self._api.call("DELETE", path, tuple[Contact, ...], query=query, account=account)

    async def block(self, account: str, blocked: str) -> None:
        """From now on ``blocked`` cannot write to ``account``. The other way stays open."""
        body = {"blackAccount": blocked}
        await self._api.call("POST", "/api/blacklist/", NoneType, body=body, account=account)

    async def unblock(self, account: str, blocked: str) -> None:
        """Undo ``block``; fine if there was none."""
        query = {"blackAccount": blocked}
        await self._api.call("DELETE", "/api/blacklist/", NoneType, query=query, account=account)

    async def is_blocked(self, account: str, blocked: str) -> bool:
        """Whether ``account`` blocks ``blocked``."""
        query = {"blackAccount": blocked}
        answer = await self._api.call("GET", "/api/blacklist/", Blocked, query=query, account=account)
        return answer.is_blocked

    async def _forward(
        self, account: str, conversation: Conversation, query: str, body: Mapping[str, object]
    ) -> AsyncIterator[HistoryMessage]:
        page = await self._page(account, conversation, query, body)
        for message in page.messages:
            yield message
        while page.has_more:
            page = await self._page(account, conversation, query, {**body, "startSeq": page.next_sequence})
            for message in page.messages:
                yield message

    async def _page(
        self, account: str, conversation: Conversation, query: str, body: Mapping[str, object]
    ) -> HistoryPage:
        whole = {"appId": self._api.app_id, **body}
        match conversation:
            case GroupConversation(group_id):
                whole |= {"account": account, "topicId": str(group_id)}
                path = f"/api/msg/p2u/{query}/"
            case int():
                whole |= {"account": account, "topicId": str(conversation)}
                path = f"/api/msg/p2t/{query}/"
            case str():
                whole |= {"fromAccount": account, "toAccount": conversation}
                path = f"/api/msg/p2p/{query}/"
        return await self._api.call("POST", path, HistoryPage, account=account, body=whole)

    async def _push_to_ids(self, path: str, to: int | Iterable[int], body: dict[str, object]) -> PushReceipt:
        if isinstance(to, int):
            one = await self._api.call("POST", path, PushedOne, body=body | {"topicId": str(to)})
            return PushReceipt((one.packet_id,))
        body |= {"topicIds": [str(topic_id) for topic_id in to]}
        return _receipt(await self._api.call("POST", f"{path}more", PushedMany, body=body))

    def _push(
        self, from_account: str, payload: bytes | str, from_resource: str, biz_type: str | None, is_store: bool
    ) -> dict[str, object]:
        data = payload.encode() if isinstance(payload, str) else payload
        label = {} if biz_type is None else {"bizType": biz_type}
        return {
            **self._api.credentials,
            "fromAccount": from_account,
            "fromResource": from_resource,
            "msg": base64.b64encode(data).decode(),
            "msgType": "base64",
            "isStore": is_store,
            **label,
        }

    def _topic(self, *parts: object) -> str:
        return "/".join(["/api/topic", self._api.app_id, *map(str, parts)])


def _naming(group_id: int) -> dict[str, str]:
    return {"topicId": str(group_id)}


def _receipt(pushed: PushedMany) -> PushReceipt:
    return PushReceipt(pushed.packet_ids, pushed.blocked)
