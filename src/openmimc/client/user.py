"""A user of the messaging server: logs in, stays logged in, sends and receives."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterable
from itertools import count
from types import TracebackType
from typing import Self

from openmimc.client.dedupe import SeenSequences
from openmimc.client.errors import LoginTimedOut, MessageRefused, NotLoggedIn, SendTimedOut
from openmimc.client.messages import Message, SendReceipt, Status
from openmimc.client.outbox import Outgoing
from openmimc.client.session import Callbacks, Device, OnGap, OnMessage, OnStatus, Session
from openmimc.client.settings import Settings
from openmimc.client.tokens import TokenFetcher, Tokens
from openmimc.client.transport import Address
from openmimc.errors import BadRequest, LocalProtocolError, TooBig
from openmimc.wire.events import SendP2P, SendP2T

MAX_PAYLOAD_BYTES = 65_536
"""No server of ours takes more; an app's own limit may be lower. Checked here too, because the server closes
the connection on a packet far beyond it, and would do so again after every reconnect."""

MAX_ACCOUNT_BYTES = 256
MAX_PACKET_ID_BYTES = 256
MAX_BIZ_TYPE_BYTES = 1024
MAX_RESOURCE_BYTES = 128

LOGIN_TIMEOUT_S = 30.0
SEND_TIMEOUT_S = 30.0

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
        on_gap: Called with the first and last sequence of messages that the server did not send because they
            were too many. They are in its history.
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
        )
        self._callbacks = Callbacks(on_message, on_status, on_gap)
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
                packet_id=next(self._packet_ids) if packet_id is None else packet_id,
                to_app_id=self._app_id,
                to_account=to_account,
                payload=payload.encode() if isinstance(payload, str) else bytes(payload),
                is_store=is_store,
                biz_type=biz_type,
            ),
            timeout_s,
        )

    async def send_group(
        self,
        topic_id: int | str,
        payload: bytes | str,
        *,
        biz_type: str | None = None,
        is_store: bool = True,
        packet_id: str | None = None,
        timeout_s: float | None = SEND_TIMEOUT_S,
    ) -> SendReceipt:
        """Send a message to a topic that this user is a member of; otherwise as ``send``."""
        return await self._send(
            SendP2T(
                packet_id=next(self._packet_ids) if packet_id is None else packet_id,
                to_app_id=self._app_id,
                topic_id=int(topic_id),
                payload=payload.encode() if isinstance(payload, str) else bytes(payload),
                is_store=is_store,
                biz_type=biz_type,
            ),
            timeout_s,
        )

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

    def _require_session(self) -> Session:
        if self._session is None:
            raise NotLoggedIn("login() was not called")
        return self._session

    async def _send(self, message: Outgoing, timeout_s: float | None) -> SendReceipt:
        _check_sendable(message)
        session = self._require_session()
        try:
            async with asyncio.timeout(timeout_s), self._window:
                return await session.send(message)
        except TimeoutError as error:
            raise SendTimedOut(message.packet_id, timeout_s or 0.0) from error


def _check_sendable(message: Outgoing) -> None:
    """Refuse what would make the server close the connection instead of answering.

    Raises:
        MessageRefused: with the code that a server gives for the like.
    """
    if len(message.payload) > MAX_PAYLOAD_BYTES:
        raise MessageRefused(
            message.packet_id,
            TooBig.code,
            f"{len(message.payload)} bytes of payload, {MAX_PAYLOAD_BYTES} allowed",
        )
    limits = [("packet_id", message.packet_id, MAX_PACKET_ID_BYTES)]
    if message.biz_type is not None:
        limits.append(("biz_type", message.biz_type, MAX_BIZ_TYPE_BYTES))
    if isinstance(message, SendP2P):
        limits.append(("to_account", message.to_account, MAX_ACCOUNT_BYTES))
    for name, text, limit_bytes in limits:
        if len(text.encode()) > limit_bytes:
            raise MessageRefused(
                message.packet_id, BadRequest.code, f"{name} has more than {limit_bytes} bytes"
            )
