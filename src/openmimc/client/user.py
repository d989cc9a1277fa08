"""A user of the messaging server: logs in, stays logged in, sends and receives."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterable
from itertools import count
from types import TracebackType
from typing import Self

from openmimc.client.checks import MAX_ACCOUNT_BYTES, MAX_RESOURCE_BYTES, check_askable, check_sendable
from openmimc.client.dedupe import SeenSequences
from openmimc.client.errors import GroupRefused, GroupTimedOut, LoginTimedOut, NotLoggedIn, SendTimedOut
from openmimc.client.groups import KnownGroups
from openmimc.client.messages import GroupMessage, Message, OnlineReceipt, SendReceipt, Status
from openmimc.client.outbox import Outgoing
from openmimc.client.session import (
    Callbacks,
    Device,
    OnGap,
    OnGroupDismissed,
    OnGroupMessage,
    OnMessage,
    OnOnlineMessage,
    OnStatus,
    Session,
)
from openmimc.client.settings import Settings
from openmimc.client.tokens import TokenFetcher, Tokens
from openmimc.client.transport import Address
from openmimc.errors import LocalProtocolError
from openmimc.wire.events import AskGroup, GroupAnswer, GroupRequest, SendGroup, SendOnline, SendP2P, SendP2T

LOGIN_TIMEOUT_S = 30.0
SEND_TIMEOUT_S = 30.0

ONLINE_RECEIPT_TIMEOUT_S = 10.0
"""As in the Java SDK (protocol reference, 6.9)."""

LOGOUT_TIMEOUT_S = 5.0
"""How long the server's answer to a logout is awaited; it only confirms."""


class MIMCUser:
    """One user on one device, connected by TCP, TCP with TLS, or WebSocket.

    Use it within one event loop. As a context manager it logs in on entry, and on exit logs out and closes.

    Receiving is at least once to the app's process, exactly once within it, in the server's order. A message
    counts as received when the app comes for the next one (or when ``on_message`` returns); what it had not
    come to is sent again after the next login of the same resource.

    Sending is exactly once as far as the server's memory goes: until the receipt comes, the message is sent
    again after each reconnect under the same packet id, which the server stores once within 24 hours.

    A topic is a group whose members are invited; its messages come with those to this user. An unlimited group
    is a chat room that anybody of the app may join; its messages come separately, and are looser: of what a
    device missed the server sends the newest only, and what the app leaves waiting is let go, oldest first.

    Args:
        app_id: The app's id.
        account: The app's own name of the user.
        token_fetcher: Gives the token service's JSON answer, unchanged, as text, bytes or a parsed object;
            usually by asking the app's own server. A coroutine function, or a plain one, which then runs in a
            thread. Called at the first login and whenever the server does not take the token any more.
        tcp: ``host:port`` of the server's plain TCP port.
        tls: ``host:port`` of its TCP port with TLS.
        websocket: ``ws://`` or ``wss://`` address. Exactly one of the three is given.
        resource: Name of this device, 1 to 128 bytes. The server keeps a place in the inbox for each: give a
            lasting one to find, after a restart, what came in between. By default a random one per object.
        sso: True: a login ends every other connection of this user and resource; they raise ``Kicked``.
        ssl_context: For ``tls`` and ``wss://``; by default the system's authorities are trusted.
        on_message: Called with each message, one at a time; awaited if it returns an awaitable. If it raises,
            the message comes again after a pause, and those behind it wait. Instead of ``messages()``.
        on_status: Called with each new status and its reason. Must not block.
        on_gap: Called with the first and last sequence of messages that the server does not send because they
            are too many. They are in its history. Afterwards they count as received, unless it returns False:
            then the server tells of them again, and nothing behind them comes before that. Without it they
            count as received, and a warning is logged.
        on_group_message: As ``on_message``, for unlimited groups. Instead of ``group_messages()``.
        on_group_dismissed: Called with the id of an unlimited group that is no more, possibly before its last
            messages are handed over. Must not block.
        on_online_message: Called with each online message, one at a time; awaited if it returns an awaitable.
            When it returns, the sender gets a receipt. If it raises, or is not given, the message is lost.
        seen: Sequences that an earlier process has handled, oldest first, to be filtered out.
        settings: Times and bounds.

    Raises:
        ValueError: an address or a name cannot be used.
    """

    def __init__(
        self,
        app_id: int | str,
        account: str,
        token_fetcher: TokenFetcher,
        *,
        tcp: str | None = None,
        tls: str | None = None,
        websocket: str | None = None,
        resource: str | None = None,
        sso: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        on_message: OnMessage | None = None,
        on_status: OnStatus | None = None,
        on_gap: OnGap | None = None,
        on_group_message: OnGroupMessage | None = None,
        on_group_dismissed: OnGroupDismissed | None = None,
        on_online_message: OnOnlineMessage | None = None,
        seen: Iterable[int] = (),
        settings: Settings | None = None,
    ) -> None:
        resource = f"python-{secrets.token_hex(5)}" if resource is None else resource
        if not 0 < len(resource.encode()) <= MAX_RESOURCE_BYTES:
            raise ValueError(f"a resource has 1 to {MAX_RESOURCE_BYTES} bytes")
        if not 0 < len(account.encode()) <= MAX_ACCOUNT_BYTES:
            raise ValueError(f"an account has 1 to {MAX_ACCOUNT_BYTES} bytes")
        self._app_id = int(app_id)
        self._account = account
        self._settings = settings or Settings()
        self._device = Device(
            address=Address.choose(tcp, tls, websocket, ssl_context),
            tokens=Tokens(self._app_id, account, token_fetcher),
            resource=resource,
            sso=sso,
            seen=SeenSequences(seen, limit=self._settings.remembered_sequences),
            groups=KnownGroups(),
        )
        self._callbacks = Callbacks(
            on_message, on_status, on_gap, on_group_message, on_group_dismissed, on_online_message
        )
        self._window = asyncio.Semaphore(self._settings.max_unacknowledged)
        self._packet_ids = (f"{prefix}-{number}" for prefix in (secrets.token_hex(6),) for number in count(1))
        self._session: Session | None = None

    @property
    def app_id(self) -> int:
        """The app's id."""
        return self._app_id

    @property
    def account(self) -> str:
        """The app's own name of this user."""
        return self._account

    @property
    def resource(self) -> str:
        """The name of this device."""
        return self._device.resource

    @property
    def status(self) -> Status:
        """Where the user stands."""
        return Status.OFFLINE if self._session is None else self._session.status

    @property
    def token(self) -> str | None:
        """The token, for REST calls in the header ``token``; None before the first login."""
        credentials = self._device.tokens.current
        return None if credentials is None else credentials.token

    @property
    def user_id(self) -> int | None:
        """The server's number of this user (``uuid`` on the wire); None before the first login."""
        credentials = self._device.tokens.current
        return None if credentials is None else credentials.user_id

    async def login(self, *, timeout_s: float | None = LOGIN_TIMEOUT_S) -> None:
        """Log in, and stay logged in until ``logout`` or ``aclose``; nothing happens if that is so already.

        Connections that fail are tried again within ``timeout_s`` (None: for ever). After the first success
        the user stays online by himself, and ``on_status`` tells of every change.

        Raises:
            LoginRefused: the server refused, and a new token does not help.
            TokenRefused: the token service refused.
            LoginTimedOut: not in time; ``__cause__`` is the last failure. Nothing is tried any more.
            Kicked: the server ended the session for good.
            NotLoggedIn: ``logout`` or ``aclose`` was called meanwhile.
        """
        session = self._session
        is_mine = session is None or session.end is not None
        if session is None or session.end is not None:
            if session is not None:
                await session.aclose()
            session = self._session = Session(self._device, self._settings, self._callbacks)
            session.start()
        try:
            async with asyncio.timeout(timeout_s):
                await session.wait_online()
        except TimeoutError:
            await session.aclose()
            raise LoginTimedOut(f"no login within {timeout_s:g} s") from session.last_failure
        except asyncio.CancelledError:
            if is_mine:
                await session.aclose()
            raise

    async def logout(self) -> None:
        """Log out and stay offline. Sends that have no receipt yet raise ``NotLoggedIn``; messages end.

        What was received and not handled is sent again after the next login of this resource. ``login`` may be
        called again.
        """
        if self._session is not None:
            await self._session.leave(LOGOUT_TIMEOUT_S)

    async def aclose(self) -> None:
        """Break off: as ``logout``, but the server is not told and a running handler is cancelled."""
        if self._session is not None:
            await self._session.aclose()

    async def __aenter__(self) -> Self:
        await self.login()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.logout()
        await self.aclose()

    async def send(
        self,
        to_account: str,
        payload: bytes | str,
        *,
        biz_type: str | None = None,
        is_store: bool = True,
        wants_index: bool = False,
        packet_id: str | None = None,
        timeout_s: float | None = SEND_TIMEOUT_S,
    ) -> SendReceipt:
        """Send a one-to-one message; return when the server has stored it.

        Messages are stored in the order of the calls. While there is no connection the message waits for one.
        Cancelling stops the wait and the resending; the message may have been sent all the same.

        Args:
            to_account: Any account of the app; one never seen before is created.
            payload: At most 65,536 bytes; text is sent as UTF-8.
            biz_type: The app's own label, at most 1,024 bytes; None for none.
            is_store: Whether the server's history keeps the message. It is delivered in either case.
            wants_index: Whether the message is numbered in its conversation: 1, 2, 3 among those between these
                two users that are. The receipt and the received message have it.
            packet_id: Name of the message, at most 256 bytes. Give the same one again to repeat a send
                whose outcome is unknown. By default a new one.
            timeout_s: How long to wait for the receipt, all reconnects included; None for ever.

        Raises:
            MessageRefused: the message will not be stored; ``code`` says why.
            SendTimedOut: the outcome is unknown.
            NotLoggedIn: there is no session.
            Kicked: the session has ended for good. LoginRefused, TokenRefused: likewise.
            ValueError: this packet id is being sent already.
        """
        return await self._send(
            SendP2P(
                packet_id=self._packet_id(packet_id),
                to_app_id=self._app_id,
                to_account=to_account,
                payload=_bytes_of(payload),
                is_store=is_store,
                biz_type=biz_type,
                conversation=wants_index,
            ),
            timeout_s,
        )

    async def send_topic(
        self,
        topic_id: int | str,
        payload: bytes | str,
        *,
        biz_type: str | None = None,
        is_store: bool = True,
        wants_index: bool = False,
        packet_id: str | None = None,
        timeout_s: float | None = SEND_TIMEOUT_S,
    ) -> SendReceipt:
        """Send a message to a topic that this user is a member of; otherwise as ``send``."""
        return await self._send(
            SendP2T(
                packet_id=self._packet_id(packet_id),
                to_app_id=self._app_id,
                topic_id=int(topic_id),
                payload=_bytes_of(payload),
                is_store=is_store,
                biz_type=biz_type,
                conversation=wants_index,
            ),
            timeout_s,
        )

    async def send_group(
        self,
        group_id: int | str,
        payload: bytes | str,
        *,
        biz_type: str | None = None,
        is_store: bool = True,
        packet_id: str | None = None,
        timeout_s: float | None = SEND_TIMEOUT_S,
    ) -> SendReceipt:
        """Send a message to an unlimited group that this user is a member of; otherwise as ``send``.

        It comes to every device of the members that is there, but not to this one.
        """
        packet_id = self._packet_id(packet_id)
        return await self._send(
            SendGroup(
                packet_id=packet_id,
                message_id=packet_id,
                to_app_id=self._app_id,
                group_id=int(group_id),
                payload=_bytes_of(payload),
                is_store=is_store,
                biz_type=biz_type,
            ),
            timeout_s,
        )

    async def join_group(self, group_id: int | str, *, timeout_s: float | None = SEND_TIMEOUT_S) -> None:
        """Become a member of an unlimited group; nothing happens if this user is one.

        The membership is the user's, on all devices, until ``quit_group`` or the end of the group. While there
        is no connection the request waits for one.

        Raises:
            GroupRefused: there is no such group (404), or this user may not (403).
            GroupTimedOut: the outcome is unknown; ask again.
            NotLoggedIn: there is no session.
            Kicked: the session has ended for good. LoginRefused, TokenRefused: likewise.
        """
        await self._ask_group(GroupRequest.JOIN, int(group_id), timeout_s)

    async def quit_group(self, group_id: int | str, *, timeout_s: float | None = SEND_TIMEOUT_S) -> None:
        """Leave an unlimited group; nothing happens if this user is not in it. Raises as ``join_group``."""
        await self._ask_group(GroupRequest.QUIT, int(group_id), timeout_s)

    async def count_online(self, group_id: int | str, *, timeout_s: float | None = SEND_TIMEOUT_S) -> int:
        """Count the members of an unlimited group who are there now. Raises as ``join_group``."""
        return (await self._ask_group(GroupRequest.COUNT_ONLINE, int(group_id), timeout_s)).online

    async def send_online(
        self,
        to_account: str,
        payload: bytes | str,
        *,
        to_resource: str = "",
        biz_type: str | None = None,
        packet_id: str | None = None,
    ) -> None:
        """Send a message to the devices of an account that are there now, and do not wait for anything.

        It is stored nowhere, costs the server no commit, and is lost if nobody is there: good for "is typing".
        A refusal by the server is logged.

        Args:
            to_account: An account of the app.
            payload: At most 65,536 bytes; text is sent as UTF-8.
            to_resource: The one device to send it to; "" for all.
            biz_type: The app's own label, at most 1,024 bytes; None for none.
            packet_id: Name of the message, at most 256 bytes. By default a new one.

        Raises:
            MessageRefused: a part of it is too long.
            ConnectionLost: there is no connection now; it will not be sent.
            NotLoggedIn: there is no session.
            Kicked: the session has ended for good. LoginRefused, TokenRefused: likewise.
        """
        message = self._online(to_account, payload, to_resource, biz_type, packet_id)
        self._require_session().send_online(message)

    async def send_online_and_wait(
        self,
        to_account: str,
        payload: bytes | str,
        *,
        to_resource: str = "",
        biz_type: str | None = None,
        packet_id: str | None = None,
        timeout_s: float | None = ONLINE_RECEIPT_TIMEOUT_S,
    ) -> OnlineReceipt:
        """Send an online message as ``send_online`` does, and wait until a device has it.

        Raises:
            SendTimedOut: no receipt within ``timeout_s``. Most likely nobody is there; but the C++ SDK sends no
                receipts, and receipts can be lost.
            MessageRefused: the server refused it; ``code`` says why.
            ConnectionLost, NotLoggedIn, Kicked, LoginRefused, TokenRefused: as for ``send_online``.
            ValueError: a receipt of this packet id is being waited for already.
        """
        message = self._online(to_account, payload, to_resource, biz_type, packet_id)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._require_session().send_online_and_wait(message)
        except TimeoutError as error:
            raise SendTimedOut(message.packet_id, timeout_s or 0.0) from error

    def messages(self) -> AsyncIterator[Message]:
        """Iterate over what is received, across reconnects, until the user is logged out.

        Coming for the next message tells the server that the one before is done with. One task at a time may
        wait for the next message; leaving the loop and entering it again goes on where it was.

        Raises:
            NotLoggedIn: ``login`` was not called.
            LocalProtocolError: messages go to ``on_message``.
            Kicked: from the loop: the session has ended for good. LoginRefused, TokenRefused: likewise.
        """
        if self._callbacks.on_message is not None:
            raise LocalProtocolError("messages go to on_message")
        return self._require_session().inbox

    def group_messages(self) -> AsyncIterator[GroupMessage]:
        """Iterate over what is received from unlimited groups; otherwise as ``messages``."""
        if self._callbacks.on_group_message is not None:
            raise LocalProtocolError("group messages go to on_group_message")
        return self._require_session().group_inbox

    def _require_session(self) -> Session:
        if self._session is None:
            raise NotLoggedIn("login() was not called")
        return self._session

    async def _send(self, message: Outgoing, timeout_s: float | None) -> SendReceipt:
        check_sendable(message)
        session = self._require_session()
        try:
            async with asyncio.timeout(timeout_s), self._window:
                return await session.send(message)
        except TimeoutError as error:
            raise SendTimedOut(message.packet_id, timeout_s or 0.0) from error

    async def _ask_group(self, request: GroupRequest, group_id: int, timeout_s: float | None) -> GroupAnswer:
        question = AskGroup(request, next(self._packet_ids), self._app_id, group_id)
        check_askable(question)
        session = self._require_session()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await session.ask_group(question)
        except TimeoutError as error:
            raise GroupTimedOut(group_id, timeout_s or 0.0) from error
        if answer.code:
            raise GroupRefused(group_id, answer.code, answer.text)
        return answer

    def _online(
        self,
        to_account: str,
        payload: bytes | str,
        to_resource: str,
        biz_type: str | None,
        packet_id: str | None,
    ) -> SendOnline:
        message = SendOnline(
            packet_id=self._packet_id(packet_id),
            to_app_id=self._app_id,
            to_account=to_account,
            to_resource=to_resource,
            payload=_bytes_of(payload),
            biz_type=biz_type,
        )
        check_sendable(message)
        return message

    def _packet_id(self, given: str | None) -> str:
        return next(self._packet_ids) if given is None else given


def _bytes_of(payload: bytes | str) -> bytes:
    return payload.encode() if isinstance(payload, str) else bytes(payload)
