"""Who is bound on this node: sessions by user, and the way of a committed message to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openmimc.model.ids import Position, UserId
from openmimc.model.message import Commit, Delivery

if TYPE_CHECKING:
    from openmimc.gateway.session import Session


class Hub:
    """Bound sessions of this node."""

    def __init__(self) -> None:
        self._by_user: dict[UserId, tuple[Session, ...]] = {}

    def add(self, user_id: UserId, session: Session) -> None:
        """Have the session hear of everything that is committed for the user from now on."""
        self._by_user[user_id] = (*self._by_user.get(user_id, ()), session)

    def remove(self, user_id: UserId, session: Session) -> None:
        """Forget the session."""
        remaining = tuple(other for other in self._by_user.get(user_id, ()) if other is not session)
        if remaining:
            self._by_user[user_id] = remaining
        else:
            self._by_user.pop(user_id, None)

    def sessions_of(self, user_id: UserId) -> tuple[Session, ...]:
        """The user's sessions, oldest first."""
        return self._by_user.get(user_id, ())

    def is_bound(self, user_id: UserId) -> bool:
        """Whether the user has a session on this node. May be asked from any thread: one look into one dict."""
        return user_id in self._by_user

    def on_commit(self, commit: Commit) -> None:
        """Offer a committed message to the bound devices of its recipients."""
        for user_id, position in commit.recipients:
            sessions = self._by_user.get(user_id)
            if sessions:
                delivery = Delivery(position, commit.message)
                for session in sessions:
                    session.offer(delivery)

    def on_acknowledged(self, user_id: UserId, acknowledging: Session, position: Position) -> None:
        """Tell the other connections of the same device that its cursor moved."""
        sessions = self._by_user.get(user_id, ())
        if len(sessions) > 1:
            for session in sessions:
                if session is not acknowledging and session.resource == acknowledging.resource:
                    session.note_cursor(position)
