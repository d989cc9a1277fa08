"""The SDK for programs without an event loop: scripts, threads, interactive sessions.

One thread runs a loop; each method hands its work over and waits for the end. Programs that have a loop use
``MIMCUser`` itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from openmimc.client.messages import GroupMessage, Message, OnlineReceipt, SendReceipt, Status
from openmimc.client.user import LOGIN_TIMEOUT_S, ONLINE_RECEIPT_TIMEOUT_S, SEND_TIMEOUT_S, MIMCUser
from openmimc.errors import LocalProtocolError

_Result = TypeVar("_Result")


class BlockingUser:
    """A ``MIMCUser`` whose methods block. They raise what its methods raise, and may be called by any thread.

    As a context manager it logs in on entry, and on exit logs out and closes.

    Args:
        user: Not logged in. From here on it belongs to this object; its callbacks are called by the loop's
            thread.
    """

    def __init__(self, user: MIMCUser) -> None:
        self._user = user
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openmimc client", daemon=True)
        self._thread.start()

    @property
    def status(self) -> Status:
        """Where the user stands."""
        return self._user.status

    @property
    def token(self) -> str | None:
        """The token, for REST calls; None before the first login."""
        return self._user.token

    def login(self, *, timeout_s: float | None = LOGIN_TIMEOUT_S) -> None:
        """Log in and stay logged in; see ``MIMCUser.login``."""
        self._run(self._user.login(timeout_s=timeout_s))

    def send(
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
        """Send a one-to-one message; see ``MIMCUser.send``."""
        return self._run(
            self._user.send(
                to_account,
                payload,
                biz_type=biz_type,
                is_store=is_store,
                wants_index=wants_index,
                packet_id=packet_id,
                timeout_s=timeout_s,
            )
        )

    def send_topic(
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
        """Send a message to a topic; see ``MIMCUser.send_topic``."""
        return self._run(
            self._user.send_topic(
                topic_id,
                payload,
                biz_type=biz_type,
                is_store=is_store,
                wants_index=wants_index,
                packet_id=packet_id,
                timeout_s=timeout_s,
            )
        )

    def send_group(
        self,
        group_id: int | str,
        payload: bytes | str,
        *,
        biz_type: str | None = None,
        is_store: bool = True,
        packet_id: str | None = None,
        timeout_s: float | None = SEND_TIMEOUT_S,
    ) -> SendReceipt:
        """Send a message to an unlimited group; see ``MIMCUser.send_group``."""
        return self._run(
            self._user.send_group(
                group_id,
                payload,
                biz_type=biz_type,
                is_store=is_store,
                packet_id=packet_id,
                timeout_s=timeout_s,
            )
        )

    def join_group(self, group_id: int | str, *, timeout_s: float | None = SEND_TIMEOUT_S) -> None:
        """Become a member of an unlimited group; see ``MIMCUser.join_group``."""
        self._run(self._user.join_group(group_id, timeout_s=timeout_s))

    def quit_group(self, group_id: int | str, *, timeout_s: float | None = SEND_TIMEOUT_S) -> None:
        """Leave an unlimited group; see ``MIMCUser.quit_group``."""
        self._run(self._user.quit_group(group_id, timeout_s=timeout_s))

    def count_online(self, group_id: int | str, *, timeout_s: float | None = SEND_TIMEOUT_S) -> int:
        """Count the members of an unlimited group who are there; see ``MIMCUser.count_online``."""
        return self._run(self._user.count_online(group_id, timeout_s=timeout_s))

    def send_online(
        self,
        to_account: str,
        payload: bytes | str,
        *,
        to_resource: str = "",
        biz_type: str | None = None,
        packet_id: str | None = None,
    ) -> None:
        """Send a message to devices that are there now; see ``MIMCUser.send_online``."""
        self._run(
            self._user.send_online(
                to_account, payload, to_resource=to_resource, biz_type=biz_type, packet_id=packet_id
            )
        )

    def send_online_and_wait(
        self,
        to_account: str,
        payload: bytes | str,
        *,
        to_resource: str = "",
        biz_type: str | None = None,
        packet_id: str | None = None,
        timeout_s: float | None = ONLINE_RECEIPT_TIMEOUT_S,
    ) -> OnlineReceipt:
        """Send an online message and wait for a receipt; see ``MIMCUser.send_online_and_wait``."""
        return self._run(
            self._user.send_online_and_wait(
                to_account,
                payload,
                to_resource=to_resource,
                biz_type=biz_type,
                packet_id=packet_id,
                timeout_s=timeout_s,
            )
        )

    def receive(self, *, timeout_s: float | None = None) -> Message | None:
        """Wait for the next message; asking says that the one before is done with.

        Returns:
            None when the user is logged out, or when nothing came within ``timeout_s``.
        """
        return self._run(_next_of(self._user.messages, timeout_s))

    def receive_group(self, *, timeout_s: float | None = None) -> GroupMessage | None:
        """Wait for the next message of an unlimited group; otherwise as ``receive``."""
        return self._run(_next_of(self._user.group_messages, timeout_s))

    def messages(self) -> Iterator[Message]:
        """Iterate over what is received until the user is logged out; see ``MIMCUser.messages``."""
        while (message := self.receive()) is not None:
            yield message

    def group_messages(self) -> Iterator[GroupMessage]:
        """Iterate over messages of unlimited groups; see ``MIMCUser.group_messages``."""
        while (message := self.receive_group()) is not None:
            yield message

    def logout(self) -> None:
        """Log out and stay offline; ``login`` may be called again."""
        self._run(self._user.logout())

    def close(self) -> None:
        """Break off and end the thread; nothing can be done after it. Harmless when done twice."""
        if self._loop.is_closed():
            return
        self._run(self._user.aclose())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        try:
            self.login()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.logout()
        finally:
            self.close()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._loop.is_closed() or threading.current_thread() is self._thread:
            work.close()
            raise LocalProtocolError("closed, or called by a callback, which would wait for itself for ever")
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()  # Ctrl-C while waiting: the work is not to go on behind the caller's back.
            raise


async def _next_of(source: Callable[[], AsyncIterator[_Result]], timeout_s: float | None) -> _Result | None:
    try:
        async with asyncio.timeout(timeout_s):
            return await anext(source(), None)
    except TimeoutError:
        return None
