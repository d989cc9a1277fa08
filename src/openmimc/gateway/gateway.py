"""All client connections of this node, and what they share: the loop's turns, time, counters."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from msgspec import Struct, field

from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth
from openmimc.domain.delivery import ListLimits
from openmimc.domain.group_cursors import GroupCursors
from openmimc.domain.groups import Groups
from openmimc.domain.messages import Messages
from openmimc.domain.online import OnlineMessages
from openmimc.domain.ports import Bus, Clock, Store
from openmimc.errors import Unavailable
from openmimc.gateway.groups import Rooms
from openmimc.gateway.hub import Hub
from openmimc.gateway.link import Link
from openmimc.gateway.sdk import Sdk
from openmimc.gateway.session import Binding, Session
from openmimc.gateway.state import State
from openmimc.gateway.tcp import TcpLink
from openmimc.gateway.trace import Trace
from openmimc.gateway.websocket import WebSocketLink
from openmimc.model.ids import UserId
from openmimc.model.message import Message
from openmimc.wire.codec import serialize_message

log = structlog.get_logger(__name__)

_CHECK_EVERY_S = 30
"""How often each connection is looked at; redelivery is late by this much at most."""

_DRAIN_STEP_S = 0.02
_ENFORCE_AGAIN_S = 1.0


class GatewayLimits(Struct, frozen=True):
    """What bounds one connection, so that no peer can hurt the others.

    Attributes:
        max_body_bytes: Largest packet body accepted; larger ones end the connection.
        max_unsent_bytes: A client that leaves more than this unread is cut off.
        max_in_flight: Messages of one connection on their way to the store before reading pauses.
        max_in_flight_bytes: The same, in bytes of payload.
        conn_timeout_s: A connection that has not begun the handshake is closed.
        handshaken_timeout_s: One that has nobody logged in is closed after this silence.
        bound_timeout_s: One with a user: twice the longest ping interval and a margin.
        quiet_after_s: Memory that only speeds up packets is given back after this silence.
        refusal_delay_s: Refused logins are answered late, for SDKs repeat them at once. Keep below 5 s, after
            which some reset the connection.
    """

    max_body_bytes: int = 128 * 1024
    max_unsent_bytes: int = 1024 * 1024
    max_in_flight: int = 256
    max_in_flight_bytes: int = 1024 * 1024
    conn_timeout_s: float = 10
    handshaken_timeout_s: float = 900
    bound_timeout_s: float = 400
    quiet_after_s: float = 20
    refusal_delay_s: float = 2
    lists: ListLimits = field(default_factory=ListLimits)


class GatewayStats:
    """Plain counters, for metrics.

    Attributes:
        connections: Open ones by transport and SDK ("" before the handshake).
        groups: Unlimited groups with a device here.
    """

    def __init__(self) -> None:
        self.connections: Counter[tuple[str, str]] = Counter()
        self.connections_total: Counter[str] = Counter()
        self.binds_accepted = 0
        self.binds_refused: Counter[str] = Counter()
        self.messages_in = 0
        self.messages_out = 0
        self.packets_out = 0
        self.refusals: Counter[int] = Counter()
        self.kicks: Counter[str] = Counter()
        self.protocol_errors: Counter[str] = Counter()
        self.ignored_packets = 0
        self.slow_readers = 0
        self.timeouts: Counter[str] = Counter()
        self.groups = 0


class Gateway:
    """The connections of this node.

    Attributes:
        trace: What is remembered of the messages that passed here.
        revocations: Grows whenever this node hears that tokens have become void.
    """

    def __init__(
        self,
        *,
        auth: Auth,
        apps: Apps,
        messages: Messages,
        online: OnlineMessages,
        store: Store,
        bus: Bus,
        clock: Clock,
        limits: GatewayLimits,
        trace: Trace | None = None,
    ) -> None:
        self.auth = auth
        self.apps = apps
        self.messages = messages
        self.online = online
        self.store = store
        self.clock = clock
        self.limits = limits
        self.trace = trace or Trace(clock)
        self.hub = Hub(self.trace, self.enforce_accounts)
        self.rooms = self.hub.rooms = Rooms(self)
        self.groups = Groups(store, store, bus, self.hub)
        self.group_cursors = GroupCursors(store)
        self.stats = GatewayStats()
        self.in_flight = 0
        self.revocations = 0
        self.now_s = 0.0
        self._sessions: set[Session] = set()
        self._unflushed: list[Session] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._due: defaultdict[int, list[Session]] = defaultdict(list)
        self._checked_s = 0
        self._loop: asyncio.AbstractEventLoop
        self._serialized: tuple[Message, bytes] | None = None
        self._is_draining = False
        bus.subscribe(self.hub.on_notice)

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Begin to keep time. Call once, on the loop that will serve."""
        self._loop = asyncio.get_running_loop()
        self.now_s = self._loop.time()
        self._checked_s = int(self.now_s)
        self.spawn(self._keep_time())

    async def drain(self, grace_s: float) -> None:
        """End all connections: after what they sent was acknowledged, or after ``grace_s``.

        The caller has stopped accepting already.
        """
        self._is_draining = True
        self.groups.stop()
        for session in list(self._sessions):
            session.link.pause_reading()
        deadline = self._loop.time() + grace_s
        # Polled, because only here does anybody wait for it.
        while self.in_flight and self._loop.time() < deadline:  # noqa: ASYNC110 - see above
            await asyncio.sleep(_DRAIN_STEP_S)
        links = [session.link for session in self._sessions]
        for session in list(self._sessions):
            session.close()
        while (  # noqa: ASYNC110 - as above
            any(link.unsent_bytes() for link in links) and self._loop.time() < deadline
        ):
            await asyncio.sleep(_DRAIN_STEP_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.group_cursors.write()

    # ------------------------------------------------------------------ connections

    def tcp_protocol(self) -> TcpLink:
        """Make the protocol of one TCP connection, for ``loop.create_server``; with TLS or without."""
        return TcpLink(self)

    def websocket_protocol(self, **_context: object) -> WebSocketLink:
        """Make the protocol of one upgraded connection; called by uvicorn, whose context is not needed."""
        return WebSocketLink(self)

    def open_session(self, link: Link) -> Session:
        """Take on a new connection."""
        session = Session(self, link)
        self._sessions.add(session)
        self.stats.connections[link.transport_name.value, ""] += 1
        self.stats.connections_total[link.transport_name.value] += 1
        self._check_later(session, self.limits.conn_timeout_s)
        if self._is_draining:
            session.close()
        return session

    def on_recognised(self, session: Session) -> None:
        """A session knows its SDK now."""
        transport = session.link.transport_name.value
        self._count_connection(transport, "", -1)
        self._count_connection(transport, (session.sdk or Sdk.OTHER).value, 1)

    def on_session_end(self, session: Session) -> None:
        """A session is over."""
        self._sessions.discard(session)
        transport = session.link.transport_name.value
        self._count_connection(transport, session.sdk.value if session.sdk else "", -1)

    def _count_connection(self, transport: str, sdk: str, by: int) -> None:
        self.stats.connections[transport, sdk] += by

    def enforce_apps(self) -> None:
        """End the sessions whose token is void: their app is gone, or has a new secret."""
        for session in list(self._sessions):
            binding = session.binding
            if binding is None:
                continue
            app = self.apps.find(binding.sender.app_id)
            if app is None or app.key_generation != binding.key_generation:
                session.revoke()

    def enforce_accounts(self, user_ids: tuple[UserId, ...]) -> None:
        """End, in a moment, those sessions of these users that their tokens are not good for any more.

        Others stay, so being told twice is harmless.
        """
        if not user_ids:
            return
        self.revocations += 1
        for user_id in user_ids:
            for session in self.hub.sessions_of(user_id):
                if session.binding is not None:
                    self.spawn(self._enforce_account(session, session.binding))

    def verify_account(self, session: Session) -> None:
        """End the session soon if its account is gone, where the app's accounts are temporary."""
        binding = session.binding
        if binding is None:
            return
        app = self.apps.find(binding.sender.app_id)
        if app is not None and app.settings.uuidTTL:
            self.spawn(self._verify_account(session, binding))

    async def _verify_account(self, session: Session, binding: Binding) -> None:
        with suppress(Unavailable):  # The next check asks again.
            await self._check_account(session, binding)

    async def _enforce_account(self, session: Session, binding: Binding) -> None:
        while session.binding is binding:
            try:
                await self._check_account(session, binding)
            except Unavailable:
                await asyncio.sleep(_ENFORCE_AGAIN_S)
            else:
                return

    async def _check_account(self, session: Session, binding: Binding) -> None:
        sender = binding.sender
        account = await self.store.find_account(sender.app_id, sender.account)
        is_void = (
            account is None
            or account.user_id != sender.user_id
            or account.is_banned
            or account.token_generation != binding.token_generation
        )
        if is_void and session.binding is binding:
            session.revoke()

    # ------------------------------------------------------------------ shared by the sessions

    def serialize_message(self, message: Message, package: str) -> bytes:
        """One message as it goes into lists; made once for all devices that get it in a row."""
        last = self._serialized
        if last is not None and last[0] is message:
            return last[1]
        data = serialize_message(message, package)
        self._serialized = (message, data)
        return data

    def flush_soon(self, session: Session) -> None:
        """Write a session's packets at the end of this turn of the loop."""
        if not self._unflushed:
            self._loop.call_soon(self._flush)
        self._unflushed.append(session)

    def _flush(self) -> None:
        sessions, self._unflushed = self._unflushed, []
        for session in sessions:
            try:
                session.flush()
            except Exception:
                log.exception("flush_failed", peer=session.link.peer)
                session.link.abort()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background; what it raises is logged."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_task_failed", exc_info=error)

    def call_soon(self, action: Callable[[], None]) -> None:
        """Run something in the next turn of the loop."""
        self._loop.call_soon(action)

    def call_later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run something later."""
        self._loop.call_later(delay_s, action)

    # ------------------------------------------------------------------ time

    def _check_later(self, session: Session, in_s: float) -> None:
        self._due[int(self.now_s + in_s) + 1].append(session)

    async def _keep_time(self) -> None:
        """Each second, look at the connections that are due."""
        while True:
            await asyncio.sleep(1)
            self.now_s = self._loop.time()
            now = int(self.now_s)
            for second in range(self._checked_s, now + 1):
                for session in self._due.pop(second, ()):
                    self._check(session)
            self._checked_s = now
            if not self.group_cursors.is_empty:
                self.spawn(self.group_cursors.write())

    def _check(self, session: Session) -> None:
        try:
            if session.check(self.now_s):
                self._check_later(session, self._next_check_s(session))
        except Exception:
            log.exception("check_failed", peer=session.link.peer)
            session.close()

    def _next_check_s(self, session: Session) -> float:
        limits = self.limits
        if session.state is State.OPENED:
            return limits.conn_timeout_s
        if session.state is State.BOUND:
            return min(_CHECK_EVERY_S, limits.bound_timeout_s)
        return min(_CHECK_EVERY_S, limits.handshaken_timeout_s)
