"""What the rules need from the outside, each with the guarantee that the rules lean on.

Every store method may raise ``Unavailable``: then nothing is known to have happened, and repeating is safe.
All callbacks and awaitables complete on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from openmimc.errors import DomainError, Unavailable
from openmimc.model.app import Account, App
from openmimc.model.ids import AppId, Position, TopicId, UserId
from openmimc.model.message import Commit, Draft, InboxPage
from openmimc.model.topic import Topic, TopicChange

OnCommit = Callable[[Commit | DomainError | Unavailable], None]
"""Told once what an append came to."""


class Clock(Protocol):
    """The time of day."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds; may go back when the operator sets the clock."""


class MessageStore(Protocol):
    """Messages and inboxes."""

    def append(self, draft: Draft, on_commit: OnCommit) -> None:
        """Store a message, give it its sequence, and put it into every recipient's inbox: all or nothing.

        Appends take effect in the order of the calls, and ``on_commit`` is called in that order, after the
        message is on disk. A recipient account that does not exist is created in the same transaction.

        A packet id that the same user had stored within the last 24 hours (by the server's clock) stores
        nothing and yields the first message. A refused draft stores nothing, not even its packet id.

        A sender gets the message in their own inbox when it is addressed to them, or when
        ``draft.copy_to_sender`` is set and they have a device other than ``draft.sender.resource``.
        A topic's members, without the sender, get it in theirs.

        ``on_commit`` receives ``NoSuchTopic`` (unknown, or of another app), ``NotAMember`` or
        ``Unavailable`` instead of a commit.
        """

    async def read_inbox(
        self, user_id: UserId, after: Position, *, not_before_ms: int, max_messages: int, max_bytes: int
    ) -> InboxPage:
        """Read one user's inbox beyond a position, oldest first.

        Everything committed before the call is seen. Messages older than ``not_before_ms`` are passed over.
        The page ends before payloads sum up to more than ``max_bytes``, but holds one message at least when
        there is one.
        """


class DeviceStore(Protocol):
    """Devices (user and resource) and their cursors."""

    async def open_device(self, user_id: UserId, resource: str) -> Position:
        """Return the device's cursor; make the device known first if it is not.

        A new device starts at the greatest cursor among the user's devices (0 if there is none), so it
        receives what no device of the user has acknowledged. On disk when this returns.
        """

    def move_cursor(self, user_id: UserId, resource: str, position: Position) -> None:
        """Move a device's cursor forward; a lower position changes nothing.

        Returns at once and is on disk soon after: losing it in a crash costs a repeated delivery, never a
        message. A device that is not known is left unknown.
        """


class AccountStore(Protocol):
    """Accounts."""

    async def find_account(self, app_id: AppId, name: str) -> Account | None:
        """Look an account up; create nothing."""

    async def ensure_accounts(self, app_id: AppId, names: tuple[str, ...]) -> tuple[Account, ...]:
        """Return the accounts of these names, in order, creating those that do not exist.

        All or none are created. On disk when this returns.
        """

    async def change_account(
        self, user_id: UserId, *, is_banned: bool | None = None, revoke_tokens: bool = False
    ) -> Account | None:
        """Ban or unban an account, or raise its token generation; None if there is no such account."""


class AppsSnapshot(Struct, frozen=True):
    """All apps as of one version."""

    version: int
    apps: tuple[App, ...]


class AppStore(Protocol):
    """Apps. Other processes (the command line) may change them on the same store at any time."""

    async def load_apps(self, known_version: int | None) -> AppsSnapshot | None:
        """Return all apps if they are not at ``known_version`` any more, else None."""

    async def save_app(self, app: App) -> None:
        """Create the app, or replace the one with its id. On disk when this returns."""

    async def delete_app(self, app_id: AppId) -> bool:
        """Remove an app; False if there is none. Its accounts, topics and messages are swept away later."""


class TopicStore(Protocol):
    """Ordinary groups."""

    async def create_topic(
        self, app_id: AppId, owner: UserId, members: tuple[UserId, ...], *, name: str, extra: str
    ) -> Topic:
        """Create a topic with the owner and, after them, ``members`` in this order (repeats are harmless)."""

    async def find_topic(self, topic_id: TopicId) -> Topic | None:
        """Look a topic up, members included. Everything committed before the call is seen."""

    async def topics_of(self, user_id: UserId) -> tuple[Topic, ...]:
        """The topics a user is in, in the order of joining; ``members`` holds the owner alone."""

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        """Apply a change that was decided on at ``version``; None if the topic has moved on since.

        Messages appended after this returns go to the new members; those appended before, to the old ones.
        """

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        """Remove a topic that is still at ``version``; False if it is not. Its messages stay in inboxes."""


class SweepStore(Protocol):
    """Retention."""

    async def sweep(self, cursor: SweepCursor, limit: int) -> SweepCursor:
        """Delete a small step of what is past its time and return where to go on.

        One step looks at ``limit`` users or messages at the most, so that messages pass between steps.
        Deletes: inbox rows older than the app's ``inboxTime``; messages older than ``msgStorageTime`` and,
        where ``is_store`` is false, than ``inboxTime``; remembered packet ids older than 24 hours; whatever
        belongs to an app that is gone. No message that an inbox still points to is deleted.
        """


class SweepCursor(Struct, frozen=True):
    """Where a sweep stands. The start value begins a new round.

    Attributes:
        stage: Which of the store's stages is under way; 0 is the first.
        after: Key of the last row looked at in it.
        is_done: The round is complete.
        deleted: Rows deleted by the last step.
    """

    stage: int = 0
    after: int = 0
    is_done: bool = False
    deleted: int = 0


class Store(MessageStore, DeviceStore, AccountStore, AppStore, TopicStore, SweepStore, Protocol):
    """Everything a node keeps on disk."""

    async def check_ready(self) -> None:
        """Raise ``Unavailable`` unless the store takes writes now."""

    async def aclose(self) -> None:
        """Finish what was accepted, then close."""


class Bus(Protocol):
    """Hints between nodes. Any of them may be lost, repeated or late: the store is the truth."""

    def publish(self, commit: Commit) -> None:
        """Tell the nodes of the recipients that something lies in their inboxes."""

    def subscribe(self, listener: Callable[[Commit], None]) -> None:
        """Have ``listener`` called, in commit order as seen by this node, for what is published."""
