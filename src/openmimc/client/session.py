"""The time between a login and its end: one user, many connections.

Theory of operation. One task keeps the user online: it opens a link, binds, serves it until it ends, waits
(backoff with jitter) and begins again, until a logout, a final kick, or a refusal of the first login. Two
things outlive the links: the outbox, whose messages every new link sends again in their old order, and the
inboxes, which filter out what the server repeats. Further tasks hand messages to those handlers that there are.

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
from itertools import islice
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
from openmimc.client.groups import GroupInbox, KnownGroups
from openmimc.client.inbox import Inbox
from openmimc.client.link import Link
from openmimc.client.messages import GroupMessage, Message, OnlineMessage, OnlineReceipt, SendReceipt, Status
from openmimc.client.online import OnlineInbox, OnlineReceipts
from openmimc.client.outbox import Outbox, Outgoing
from openmimc.client.reading import Item, Reader
from openmimc.client.settings import Settings
from openmimc.client.tokens import Tokens
from openmimc.client.transport import Address
from openmimc.wire.events import (
    AskGroup,
    ClientEvent,
    Delivered,
    DeliveredGroup,
    DeliverOnline,
    Event,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupRequest,
    Kick,
    OnlineAck,
    PacketAck,
    Pull,
    SendOnline,
    SequenceAck,
    Unbind,
)
from openmimc.wire.header_ids import next_header_id

OnMessage = Callable[[Message], Awaitable[None] | None]
OnStatus = Callable[[Status, str], None]
OnGap = Callable[[int, int], Awaitable[bool | None] | bool | None]
OnGroupMessage = Callable[[GroupMessage], Awaitable[None] | None]
OnGroupDismissed = Callable[[int], None]
OnOnlineMessage = Callable[[OnlineMessage], Awaitable[None] | None]

GROUPS_PER_PING = 1000
"""Servers need not look at more of a ping's groups."""

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
    groups: KnownGroups


class Callbacks(Struct, frozen=True):
    """What the app wants to be told; see ``MIMCUser``."""

    on_message: OnMessage | None = None
    on_status: OnStatus | None = None
    on_gap: OnGap | None = None
    on_group_message: OnGroupMessage | None = None
    on_group_dismissed: OnGroupDismissed | None = None
    on_online_message: OnOnlineMessage | None = None


class Session:
    """One period of being online or trying to be. Begins with ``start``; end it with ``aclose``.

    Attributes:
        status: Where it stands.
        inbox: What was received.
        group_inbox: What was received from unlimited groups.
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
        self._online_receipts = OnlineReceipts()
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
        self.group_inbox = GroupInbox(
            device.groups,
            max_messages=settings.max_queued_messages,
            acknowledge=lambda group_id, sequence: self._post(GroupAck(group_id, sequence)),
        )
        self._online_inbox = OnlineInbox(max_messages=settings.max_queued_messages, acknowledge=self._post)
        self._group_timer: asyncio.TimerHandle | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._dispatchers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to log in."""
        self._set_status(Status.CONNECTING, "login")
        self._keeper = self._loop.create_task(self._run())
        told = self._callbacks
        if told.on_message is not None:
            self._start_dispatcher(self.inbox, told.on_message, self._retry_message)
        if told.on_group_message is not None:
            self._start_dispatcher(self.group_inbox, told.on_group_message, self._retry_group_message)
        if told.on_online_message is not None:
            self._start_dispatcher(self._online_inbox, told.on_online_message, self._drop_online_message)

    def _start_dispatcher(
        self,
        source: Reader[Item],
        handle: Callable[[Item], Awaitable[None] | None],
        on_failure: Callable[[Backoff], Awaitable[None]],
    ) -> None:
        self._dispatchers.append(self._loop.create_task(self._dispatch(source, handle, on_failure)))

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

    async def ask_group(self, request: AskGroup) -> GroupAnswer:
        """Ask something of an unlimited group, as ``send`` sends a message; the answer may be a refusal.

        Raises:
            ClientError: the session is over, or ends before the answer.
        """
        if self.end is not None:
            raise self.end
        answer = self._outbox.ask(request)
        try:
            self._post(request)
            return await answer
        finally:
            self._outbox.drop(request.packet_id, answer)

    def send_online(self, message: SendOnline) -> None:
        """Send an online message on the connection there is.

        Raises:
            ConnectionLost: there is none now; the message was not sent and will not be.
            ClientError: the session is over.
        """
        if self.end is not None:
            raise self.end
        if self._link is None:
            raise ConnectionLost("not connected now; the online message was not sent")
        self._link.post(message)

    async def send_online_and_wait(self, message: SendOnline) -> OnlineReceipt:
        """Send an online message and wait, for ever if need be, for a receipt.

        Raises:
            MessageRefused: the server refused it.
            ConnectionLost: as for ``send_online``.
            ClientError: the session is over, or ends before the receipt.
            ValueError: somebody waits for a receipt of its packet id already.
        """
        receipt = self._online_receipts.expect(message.packet_id)
        try:
            self.send_online(message)
            return await receipt
        finally:
            self._online_receipts.drop(message.packet_id)

    async def leave(self, timeout_s: float) -> None:
        """Log out: tell the server if there is a connection, await its word, end the session."""
        if self.end is None and self._link is not None and self._keeper is not None:
            self._is_leaving = True
            self._link.post(Unbind())
            await asyncio.wait((self._keeper,), timeout=timeout_s)
        await self._stop_keeper()

    async def aclose(self) -> None:
        """End the session without a word to the server; nothing of it runs on when this returns.

        Handlers under way are cancelled, except the one that calls this.
        """
        await self._stop_keeper()
        others = [task for task in self._dispatchers if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)

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
        self._online_receipts.fail_all(end)
        error = None if isinstance(end, NotLoggedIn) else end
        for inbox in (self.inbox, self.group_inbox, self._online_inbox):
            inbox.close(error)
        if self._group_timer is not None:
            self._group_timer.cancel()
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
        for packet in self._outbox:
            link.post(packet)
        self._link = link
        self._ping_groups()
        self._set_status(Status.ONLINE, "")
        if not self._online.done():
            self._online.set_result(None)

    def _handle(self, event: Event) -> None:
        match event:
            case PacketAck():
                self._outbox.settle(event)
            case Delivered():
                self.inbox.add(event)
            case DeliveredGroup():
                self.group_inbox.add(event)
                self._plan_group_ping()
            case GroupAnswer():
                self._note_membership(event)
                self._outbox.settle_request(event)
            case GroupDismissed():
                self._device.groups.discard(event.group_id)
                self._tell_dismissed(event.group_id)
            case DeliverOnline():
                self._take_online(event)
            case OnlineAck():
                self._online_receipts.settle(event)
            case Kick():
                raise Kicked(event.reason, event.description)

    def _post(self, event: ClientEvent) -> None:
        if self._link is not None:
            self._link.post(event)

    # ------------------------------------------------------------------ unlimited groups, online messages

    def _note_membership(self, answer: GroupAnswer) -> None:
        """Learn from an answer whether this user is in the group, whoever still waits for it."""
        if answer.code:
            return
        if answer.request is GroupRequest.JOIN:
            self._device.groups.add(answer.group_id)
            self._plan_group_ping()
        elif answer.request is GroupRequest.QUIT:
            self._device.groups.discard(answer.group_id)

    def _plan_group_ping(self) -> None:
        if self._group_timer is None and self._device.groups:
            self._group_timer = self._loop.call_later(self._settings.group_ping_interval_s, self._ping_groups)

    def _ping_groups(self) -> None:
        """Tell the server of all known groups, and do so again after the interval."""
        if self._group_timer is not None:
            self._group_timer.cancel()
            self._group_timer = None
        group_ids = iter(self._device.groups)
        while some := tuple(islice(group_ids, GROUPS_PER_PING)):
            self._post(GroupPing(next_header_id(), some))
        self._plan_group_ping()

    def _take_online(self, message: DeliverOnline) -> None:
        if self._callbacks.on_online_message is None:
            _log.debug("online message %s passed over: there is no handler", message.packet_id)
        else:
            self._online_inbox.add(message)

    # ------------------------------------------------------------------ telling the app

    def _set_status(self, status: Status, reason: str) -> None:
        self.status = status
        if self._callbacks.on_status is not None:
            try:
                self._callbacks.on_status(status, reason)
            except Exception:
                _log.exception("on_status failed")  # The app's error; the session does not depend on it.

    def _tell_dismissed(self, group_id: int) -> None:
        if self._callbacks.on_group_dismissed is not None:
            try:
                self._callbacks.on_group_dismissed(group_id)
            except Exception:
                _log.exception("on_group_dismissed failed")  # As for on_status.

    async def _report_gap(self, min_sequence: int, max_sequence: int) -> bool:
        """Tell of messages that were not sent; False if the server is to tell of them again."""
        if self._callbacks.on_gap is None:
            _log.warning("messages %d to %d are in history only", min_sequence, max_sequence)
            return True
        result = self._callbacks.on_gap(min_sequence, max_sequence)
        if inspect.isawaitable(result):
            result = await result
        return result is not False

    async def _dispatch(
        self,
        source: Reader[Item],
        handle: Callable[[Item], Awaitable[None] | None],
        on_failure: Callable[[Backoff], Awaitable[None]],
    ) -> None:
        """Hand over one message at a time, until the session is over."""
        backoff = Backoff(self._settings.backoff_initial_s, self._settings.backoff_max_s, self._settings.jitter)
        while self.end is None:
            try:
                message = await anext(source, None)
                if message is None:
                    return
                result = handle(message)
                if inspect.isawaitable(result):
                    await result
            except Exception:
                if self.end is not None:
                    return
                await on_failure(backoff)
            else:
                backoff.reset()

    async def _retry_message(self, backoff: Backoff) -> None:
        """Have a message whose handler failed come again, and all behind it: order is kept."""
        _log.exception("a message handler failed; the message will come again")
        self.inbox.retry_current()
        await asyncio.sleep(self._settings.handler_retry_s + backoff.next_delay_s())
        self._post(Pull())

    async def _retry_group_message(self, backoff: Backoff) -> None:
        """As ``_retry_message``, but the message is still here: this server sends it once per connection."""
        _log.exception("a handler of group messages failed; the message will come again")
        self.group_inbox.retry_current()
        await asyncio.sleep(self._settings.handler_retry_s + backoff.next_delay_s())

    async def _drop_online_message(self, _: Backoff) -> None:
        """Online messages are never repeated: the next one is tried at once."""
        _log.exception("a handler of online messages failed; its sender gets no receipt")
        self._online_inbox.drop_current()
