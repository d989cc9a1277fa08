"""Who is bound on this node: sessions by user, and the way of what the bus tells to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from openmimc.domain.ports import Notice
from openmimc.model.group import GroupChange
from openmimc.model.ids import Position, TopicId, UserId
from openmimc.model.insight import ConnectionInfo, Revocation
from openmimc.model.message import Commit, Delivery, Kind
from openmimc.model.online import OnlineMessage, OnlineReceipt

if TYPE_CHECKING:
    from openmimc.gateway.groups import Rooms
    from openmimc.gateway.session import Session
    from openmimc.gateway.trace import Trace


class Hub:
    """Bound sessions of this node.

    Args:
        trace: Told of every commit that is heard of.
        enforce_accounts: Ends sessions of these users, if their tokens are void.

    Attributes:
        rooms: The unlimited groups they are in; set by the gateway.
    """

    def __init__(self, trace: Trace, enforce_accounts: Callable[[tuple[UserId, ...]], None]) -> None:
        self._by_user: dict[UserId, tuple[Session, ...]] = {}
        self._trace = trace
        self._enforce_accounts = enforce_accounts
        self.rooms: Rooms

    def add(self, user_id: UserId, session: Session) -> None:
        """Have the session hear of everything that is committed for the user from now on."""
        self._by_user[user_id] = (*self._by_user.get(user_id, ()), session)
        self.rooms.enter(session)

    def remove(self, user_id: UserId, session: Session) -> None:
        """Forget the session."""
        self.rooms.leave(session, user_id)
        remaining = tuple(other for other in self._by_user.get(user_id, ()) if other is not session)
        if remaining:
            self._by_user[user_id] = remaining
        else:
            self._by_user.pop(user_id, None)

    def sessions_of(self, user_id: UserId) -> tuple[Session, ...]:
        """The user's sessions, oldest first."""
        return self._by_user.get(user_id, ())

    def connections_of(self, user_id: UserId) -> tuple[ConnectionInfo, ...]:
        """See ``DevicePresence.connections_of``."""
        return tuple(session.describe() for session in self.sessions_of(user_id))

    def count_bound(self) -> int:
        """How many sessions there are, of all users."""
        return sum(map(len, self._by_user.values()))

    def is_bound(self, user_id: UserId) -> bool:
        """Whether the user has a session on this node. May be asked from any thread: one look into one dict."""
        return user_id in self._by_user

    def count_online(self, group_id: TopicId) -> int:
        """How many members of an unlimited group have a session on this node."""
        return self.rooms.count_online(group_id)

    def on_notice(self, notice: Notice) -> None:
        """Pass on what the bus tells to the sessions it concerns."""
        if isinstance(notice, Commit):
            if not notice.is_repeat:
                self._trace.on_commit(notice.message.sequence)
            if notice.message.kind is Kind.GROUP:
                self.rooms.on_message(notice.message)
            else:
                self._on_commit(notice)
        elif isinstance(notice, GroupChange):
            self.rooms.on_change(notice)
        elif isinstance(notice, Revocation):
            self._enforce_accounts((notice.user_id,))
        elif isinstance(notice, OnlineMessage):
            self._on_online_message(notice)
        else:
            self._on_receipt(notice)

    def _on_commit(self, commit: Commit) -> None:
        for user_id, position in commit.recipients:
            sessions = self._by_user.get(user_id)
            if sessions:
                delivery = Delivery(position, commit.message)
                for session in sessions:
                    session.offer(delivery)

    def _on_online_message(self, message: OnlineMessage) -> None:
        for session in self.sessions_of(message.to_user_id):
            if message.to_resource in ("", session.resource):
                session.offer_online(message)

    def _on_receipt(self, receipt: OnlineReceipt) -> None:
        for session in self.sessions_of(receipt.user_id):
            if session.resource == receipt.resource:
                session.offer_receipt(receipt)

    def on_acknowledged(self, user_id: UserId, acknowledging: Session, position: Position) -> None:
        """Tell the other connections of the same device that its cursor moved."""
        sessions = self._by_user.get(user_id, ())
        if len(sessions) > 1:
            for session in sessions:
                if session is not acknowledging and session.resource == acknowledging.resource:
                    session.note_cursor(position)
