"""The time between a login and its end: one user, many connections.

Theory of operation. One task keeps the user online: it opens a link, binds, serves it until it ends, waits
(backoff with jitter) and begins again, until a logout, a final kick, or a refusal of the first login. Two
things outlive the links: the outbox, whose messages every new link sends again in their old order, and the
inbox, which filters out what the server repeats. A second task hands messages to ``on_message`` if there is
one.

    CONNECTING ──bound──> ONLINE
       │   ^                 │
       │   └─ link ended ────┤
       v                     v
    OFFLINE (first login refused; logged out; closed; kicked for good)
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from msgspec import Struct

from openmimc.client.backoff import Backoff
from openmimc.client.dedupe import SeenSequences
from openmimc.client.errors import (
    ClientError,
    ConnectionLost,
    Kicked,
    LoginRefused,
    NotLoggedIn,
    TokenRefused,
    TokenUnavailable,
)
from openmimc.client.inbox import Inbox
from openmimc.client.link import Link
from openmimc.client.messages import Message, SendReceipt, Status
from openmimc.client.outbox import Outbox, Outgoing
from openmimc.client.settings import Settings
from openmimc.client.tokens import Tokens
from openmimc.client.transport import Address
from openmimc.wire.events import ClientEvent, Delivered, Event, Kick, PacketAck, Pull, SequenceAck, Unbind

OnMessage = Callable[[Message], Awaitable[None] | None]
OnStatus = Callable[[Status, str], None]
OnGap = Callable[[int, int], Awaitable[None] | None]

_log = logging.getLogger("openmimc.client")


class Device(Struct, frozen=True):
    """Who logs in, from where, to where.

    Attributes:
        sso: Whether a login ends every other connection of the same user and resource.
    """

    address: Address
    tokens: Tokens
    resource: str
    sso: bool
    seen: SeenSequences


class Callbacks(Struct, frozen=True):
    """What the app wants to be told; see ``MIMCUser``."""

    on_message: OnMessage | None = None
    on_status: OnStatus | None = None
    on_gap: OnGap | None = None


class Session:
    """One period of being online or trying to be. Begins with ``start``; end it with ``aclose``.

    Attributes:
        status: Where it stands.
        inbox: What was received.
        end: Why it is over, None while it is not.
        last_failure: Why the last connection ended or the last try failed, None at first.
    """

    def __init__(self, device: Device, settings: Settings, callbacks: Callbacks) -> None:
        self._device = device
        self._settings = settings
        self._callbacks = callbacks
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._outbox = Outbox()
        self._backoff = Backoff(settings.backoff_initial_s, settings.backoff_max_s, settings.jitter)
        self._was_online = False
        self._is_leaving = False
        self._online: asyncio.Future[None] = self._loop.create_future()
        self.status = Status.OFFLINE
        self.end: ClientError | None = None
        self.last_failure: ClientError | None = None
        self.inbox = Inbox(
            device.seen,
            max_messages=settings.max_queued_messages,
            acknowledge=lambda sequence: self._post(SequenceAck(sequence)),
            pull=lambda: self._post(Pull()),
            on_gap=self._report_gap,
        )
        self._keeper: asyncio.Task[None] | None = None
        self._dispatcher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to log in."""
        self._set_status(Status.CONNECTING, "login")
        self._keeper = self._loop.create_task(self._run())
        if self._callbacks.on_message is not None:
            self._dispatcher = self._loop.create_task(self._dispatch(self._callbacks.on_message))

    async def wait_online(self) -> None:
        """Return when the user is online for the first time.

        Raises:
            ClientError: it will not happen: the reason.
        """
        await asyncio.wait((self._online,))
        self._online.result()

    async def send(self, message: Outgoing) -> SendReceipt:
        """Send a message now, or as soon as there is a connection; again on every new one, until the receipt.

        Cancelling ends the wait and the resending; the message may have been sent all the same.

        Raises:
            MessageRefused: the server refused it.
            ClientError: the session is over, or ends before the receipt.
            ValueError: its packet id is being sent already.
        """
        if self.end is not None:
            raise self.end
        receipt = self._outbox.add(message)
        try:
            self._post(message)
            return await receipt
        finally:
            self._outbox.drop(message.packet_id, receipt)

    async def leave(self, timeout_s: float) -> None:
        """Log out: tell the server if there is a connection, await its word, end the session."""
        if self.end is None and self._link is not None and self._keeper is not None:
            self._is_leaving = True
            self._link.post(Unbind())
            await asyncio.wait((self._keeper,), timeout=timeout_s)
        await self._stop_keeper()

    async def aclose(self) -> None:
        """End the session without a word to the server; nothing of it runs on when this returns.

        A handler under way is cancelled, unless it is the one that calls this.
        """
        await self._stop_keeper()
        if self._dispatcher is not None and self._dispatcher is not asyncio.current_task():
            self._dispatcher.cancel()
            await asyncio.wait((self._dispatcher,))

    async def _stop_keeper(self) -> None:
        self._finish(NotLoggedIn("logged out"))
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))

    def _finish(self, end: ClientError) -> None:
        """Tell everybody who waits that the session is over; only the first reason counts."""
        if self.end is not None:
            return
        self.end = end
        if not self._online.done():
            self._online.set_exception(end)
            self._online.exception()  # Whoever logs in may be gone; then nobody is to be warned of it.
        self._outbox.fail_all(end)
        self.inbox.close(None if isinstance(end, NotLoggedIn) else end)
        self._set_status(Status.OFFLINE, str(end))

    # ------------------------------------------------------------------ staying online

    async def _run(self) -> None:
        try:
            await self._keep_online()
        except ClientError as error:
            self._finish(NotLoggedIn("logged out") if self._is_leaving else error)
        except Exception as error:
            _log.exception("the session ended by an error of this program")
            end = ClientError(f"internal error: {type(error).__name__}")
            end.__cause__ = error
            self._finish(end)

    async def _keep_online(self) -> NoReturn:
        while True:
            try:
                await self._one_connection()
            except (ConnectionLost, TokenUnavailable, LoginRefused, Kicked) as failure:
                self.last_failure = failure
                if self._is_leaving or self._is_final(failure):
                    raise
                _log.info("offline, trying again: %s", failure)
                self._set_status(Status.CONNECTING, str(failure))
            await asyncio.sleep(self._backoff.next_delay_s())

    def _is_final(self, failure: ClientError) -> bool:
        """Whether trying again is pointless; discards credentials that the server does not take.

        What was good once is tried again and again, because only the app can know that it never will be.
        """
        if isinstance(failure, Kicked):
            if failure.needs_token:
                self._device.tokens.discard()
            return failure.is_final
        if isinstance(failure, LoginRefused):
            if not failure.needs_token:
                return not failure.is_temporary and not self._was_online
            was_fresh = self._device.tokens.is_fresh
            self._device.tokens.discard()
            return was_fresh and not self._was_online
        if isinstance(failure, TokenRefused):
            return not failure.is_temporary and not self._was_online
        return False

    async def _one_connection(self) -> NoReturn:
        try:
            async with asyncio.timeout(self._settings.token_timeout_s):
                credentials = await self._device.tokens.get()
        except TimeoutError as error:
            raise TokenUnavailable("the token fetcher gave nothing in time") from error
        link = await Link.open(self._device.address, self._settings)
        online_since_s = self._loop.time()
        try:
            await link.bind(credentials, self._device.resource, sso=self._device.sso)
            self._bound(link)
            online_since_s = self._loop.time()
            await link.serve(self._handle)
        finally:
            self._link = None
            if (
                self.status is Status.ONLINE
                and self._loop.time() - online_since_s >= self._settings.stable_after_s
            ):
                self._backoff.reset()
            await link.aclose()

    def _bound(self, link: Link) -> None:
        self._was_online = True
        self._device.tokens.confirm()
        self.inbox.reconnected()
        # Without a break in between: what is sent from now on queues up behind what is sent again.
        for message in self._outbox:
            link.post(message)
        self._link = link
        self._set_status(Status.ONLINE, "")
        if not self._online.done():
            self._online.set_result(None)

    def _handle(self, event: Event) -> None:
        match event:
            case PacketAck():
                self._outbox.settle(event)
            case Delivered():
                self.inbox.add(event)
            case Kick():
                raise Kicked(event.reason, event.description)

    def _post(self, event: ClientEvent) -> None:
        if self._link is not None:
            self._link.post(event)

    # ------------------------------------------------------------------ telling the app

    def _set_status(self, status: Status, reason: str) -> None:
        self.status = status
        if self._callbacks.on_status is not None:
            try:
                self._callbacks.on_status(status, reason)
            except Exception:
                _log.exception("on_status failed")  # The app's error; the session does not depend on it.

    async def _report_gap(self, min_sequence: int, max_sequence: int) -> None:
        if self._callbacks.on_gap is None:
            _log.warning("messages %d to %d are in history only", min_sequence, max_sequence)
            return
        result = self._callbacks.on_gap(min_sequence, max_sequence)
        if inspect.isawaitable(result):
            await result

    async def _dispatch(self, on_message: OnMessage) -> None:
        """Hand over one message at a time, until the session is over.

        A message whose handler fails comes again, and so does all behind it: order is kept.
        """
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s, self._settings.jitter)
        while self.end is None:
            try:
                message = await anext(self.inbox, None)
                if message is None:
                    return
                result = on_message(message)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                if self.end is not None:
                    return
                _log.exception("a message handler failed; the message will come again")
                self.inbox.retry_current()
                await asyncio.sleep(self._settings.handler_retry_s + backoff.next_delay_s())
                self._post(Pull())
            else:
                backoff.reset()
