"""What waits in the writer's queue: operations, and where each one's outcome goes.

``weight_bytes`` is the memory an operation holds while it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from openmimc.domain.ports import OnCommit, OnGroupChange
from openmimc.model.group import GroupChange
from openmimc.model.ids import Position, UserId
from openmimc.model.message import Commit, Draft

if TYPE_CHECKING:
    from openmimc.store.sqlite.ledger import Ledger

OPERATION_BYTES = 512
"""Rough memory of an operation besides its payload."""


class Append:
    """A message to store. Its outcome is a ``Commit`` or the error that takes its place."""

    __slots__ = ("draft", "on_commit", "weight_bytes")

    def __init__(self, draft: Draft, on_commit: OnCommit) -> None:
        self.draft = draft
        self.on_commit = on_commit
        self.weight_bytes = OPERATION_BYTES + len(draft.payload)

    def complete(self, outcome: Any) -> None:
        """Hand the outcome over; runs on the event loop."""
        self.on_commit(outcome)


class CursorMove:
    """A device's cursor to move forward. Nobody waits for it."""

    __slots__ = ("position", "resource", "user_id")

    weight_bytes = OPERATION_BYTES

    def __init__(self, user_id: UserId, resource: str, position: Position) -> None:
        self.user_id = user_id
        self.resource = resource
        self.position = position

    def complete(self, outcome: Any) -> None:
        """Do nothing: a lost move costs a repeated delivery, and the writer has logged why."""


class Job:
    """Any other change, with somebody awaiting it.

    Attributes:
        run: Makes the change inside the transaction and returns the outcome. A ``DomainError`` is an outcome.
        is_one_statement: ``run`` changes the file by one statement at most, which is undone by itself when it
            fails; others run under a savepoint.
    """

    __slots__ = ("future", "is_one_statement", "run", "weight_bytes")

    def __init__(
        self, run: Callable[[Ledger], Any], future: asyncio.Future[Any], *, is_one_statement: bool
    ) -> None:
        self.run = run
        self.future = future
        self.is_one_statement = is_one_statement
        self.weight_bytes = OPERATION_BYTES

    @property
    def name(self) -> str:
        """Which change it is, for logs."""
        return getattr(self.run, "__qualname__", "unnamed")

    def complete(self, outcome: Any) -> None:
        """Hand the outcome over; runs on the event loop."""
        if self.future.done():
            return  # Whoever awaited it was cancelled; the change stands.
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class AppendTogether(Job):
    """Messages to store together. Its outcome is their commits, or the error that takes their place."""

    __slots__ = ("on_commit",)

    def __init__(
        self,
        run: Callable[[Ledger], tuple[Commit, ...]],
        future: asyncio.Future[tuple[Commit, ...]],
        drafts: tuple[Draft, ...],
        on_commit: Callable[[Commit], None] | None,
    ) -> None:
        super().__init__(run, future, is_one_statement=False)
        self.weight_bytes += sum(OPERATION_BYTES + len(draft.payload) for draft in drafts)
        self.on_commit = on_commit

    def complete(self, outcome: Any) -> None:
        """Tell of each commit, then hand the outcome over, even if one of the callbacks fails."""
        # Runs what it was given from the last to the first, all of it, and raises what went wrong at the end.
        with ExitStack() as stack:
            stack.callback(super().complete, outcome)
            if self.on_commit is not None and not isinstance(outcome, Exception):
                for commit in reversed(outcome):
                    stack.callback(self.on_commit, commit)


class ChangeGroup(Job):
    """A change of a group's members. Its outcome is an answer and, if anything changed, what is to be told."""

    __slots__ = ("on_change",)

    def __init__(
        self,
        run: Callable[[Ledger], tuple[Any, GroupChange | None]],
        future: asyncio.Future[Any],
        on_change: OnGroupChange,
    ) -> None:
        super().__init__(run, future, is_one_statement=False)
        self.on_change = on_change

    def complete(self, outcome: Any) -> None:
        """Tell of the change, then hand the answer over, even if the callback fails."""
        if isinstance(outcome, Exception):
            super().complete(outcome)
            return
        answer, change = outcome
        try:
            if change is not None:
                self.on_change(change)
        finally:
            super().complete(answer)


Operation = Append | CursorMove | Job
