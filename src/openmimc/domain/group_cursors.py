"""How far devices are in unlimited groups: remembered here, written down about once a second.

In a large group every message is acknowledged by every device at nearly the same time. Written one by one, that
would be the dearest part of the group; a device's newest acknowledgement is all that matters, so the older ones
are never written. What is lost in a crash costs a repeated delivery of that last second.
"""

from __future__ import annotations

import structlog

from openmimc.domain.ports import GroupStore
from openmimc.errors import Unavailable
from openmimc.model.group import GroupCursor, GroupPlace
from openmimc.model.ids import Sequence, TopicId, UserId

log = structlog.get_logger(__name__)

CURSORS_PER_TRANSACTION = 500
"""Few enough that messages do not wait for them noticeably."""


class GroupCursors:
    """The cursors that the store does not know yet."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store
        self._waiting: dict[tuple[TopicId, UserId], dict[str, Sequence]] = {}
        self._is_writing = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self._waiting

    def note(self, group_id: TopicId, user_id: UserId, resource: str, sequence: Sequence) -> None:
        """A device has everything up to this sequence; a lower one than before changes nothing."""
        devices = self._waiting.setdefault((group_id, user_id), {})
        if sequence > devices.get(resource, -1):
            devices[resource] = sequence

    def newest(self, place: GroupPlace, user_id: UserId, resource: str) -> Sequence | None:
        """A device's cursor: the store's, or the one noted since."""
        noted = self._waiting.get((place.group_id, user_id), {}).get(resource)
        if noted is None or place.cursor is None:
            return place.cursor if noted is None else noted
        return max(noted, place.cursor)

    def forget(self, group_id: TopicId, user_id: UserId) -> None:
        """The user has left the group."""
        self._waiting.pop((group_id, user_id), None)

    async def write(self) -> None:
        """Write down what was noted. What cannot be written waits for the next time."""
        if self._is_writing:
            return
        self._is_writing = True
        try:
            cursors = [
                GroupCursor(group_id, user_id, resource, sequence)
                for (group_id, user_id), devices in self._waiting.items()
                for resource, sequence in devices.items()
            ]
            for start in range(0, len(cursors), CURSORS_PER_TRANSACTION):
                await self._write_some(tuple(cursors[start : start + CURSORS_PER_TRANSACTION]))
        except Unavailable as exc:
            log.warning("group_cursors_not_written", reason=str(exc), waiting=len(self._waiting))
        finally:
            self._is_writing = False

    async def _write_some(self, cursors: tuple[GroupCursor, ...]) -> None:
        # They stay noted until they are on disk: a device may come back in between.
        await self._store.move_group_cursors(cursors)
        for cursor in cursors:
            key = (cursor.group_id, cursor.user_id)
            devices = self._waiting.get(key, {})
            if devices.get(cursor.resource) == cursor.sequence:
                del devices[cursor.resource]
                if not devices:
                    del self._waiting[key]
