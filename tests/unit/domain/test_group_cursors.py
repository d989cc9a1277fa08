"""How far devices are in unlimited groups, between their acknowledgements and the disk."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from openmimc.domain.group_cursors import CURSORS_PER_TRANSACTION, GroupCursors
from openmimc.errors import Unavailable
from openmimc.model.group import GroupCursor, GroupPlace
from openmimc.model.ids import Sequence, TopicId, UserId
from tests.fakes.memory_store import MemoryStore

GROUP = TopicId(1)
ALICE = UserId(11)


class SlowStore(MemoryStore):
    """Keeps what is written, and writes when it is told to."""

    def __init__(self) -> None:
        self.written: list[tuple[GroupCursor, ...]] = []
        self.gate = asyncio.Event()
        self.is_down = False

    async def move_group_cursors(self, cursors: tuple[GroupCursor, ...]) -> None:
        await self.gate.wait()
        if self.is_down:
            raise Unavailable
        self.written.append(cursors)


def place(cursor: int | None) -> GroupPlace:
    return GroupPlace(GROUP, Sequence(1), None if cursor is None else Sequence(cursor), Sequence(100))


def newest(cursors: GroupCursors, cursor: int | None = None) -> int | None:
    return cursors.newest(place(cursor), ALICE, "phone")


async def test_the_greatest_of_what_is_noted_and_stored_counts() -> None:
    cursors = GroupCursors(SlowStore())
    assert newest(cursors) is None
    assert newest(cursors, 5) == 5
    cursors.note(GROUP, ALICE, "phone", Sequence(7))
    cursors.note(GROUP, ALICE, "phone", Sequence(6))
    cursors.note(GROUP, ALICE, "tablet", Sequence(9))
    assert newest(cursors) == 7
    assert newest(cursors, 5) == 7
    assert newest(cursors, 8) == 8


async def test_many_acknowledgements_of_a_device_are_one_row() -> None:
    store = SlowStore()
    store.gate.set()
    cursors = GroupCursors(store)
    for sequence in range(1, 100):
        cursors.note(GROUP, ALICE, "phone", Sequence(sequence))
    await cursors.write()
    assert store.written == [(GroupCursor(GROUP, ALICE, "phone", Sequence(99)),)]
    assert cursors.is_empty
    await cursors.write()
    assert len(store.written) == 1


async def test_a_cursor_stays_known_until_it_is_on_disk_and_newer_ones_wait_for_the_next_time() -> None:
    store = SlowStore()
    cursors = GroupCursors(store)
    cursors.note(GROUP, ALICE, "phone", Sequence(5))
    writing = asyncio.create_task(cursors.write())
    await asyncio.sleep(0)
    assert newest(cursors) == 5
    cursors.note(GROUP, ALICE, "phone", Sequence(6))
    await cursors.write()  # Only one writes at a time.
    store.gate.set()
    await writing
    assert newest(cursors) == 6
    await cursors.write()
    assert [batch[0].sequence for batch in store.written] == [5, 6]
    assert cursors.is_empty


async def test_what_can_not_be_written_waits() -> None:
    store = SlowStore()
    store.gate.set()
    store.is_down = True
    cursors = GroupCursors(store)
    cursors.note(GROUP, ALICE, "phone", Sequence(5))
    await cursors.write()
    assert newest(cursors) == 5
    store.is_down = False
    await cursors.write()
    assert cursors.is_empty


async def test_who_left_is_forgotten_with_all_devices() -> None:
    store = SlowStore()
    store.gate.set()
    cursors = GroupCursors(store)
    cursors.note(GROUP, ALICE, "phone", Sequence(5))
    cursors.note(GROUP, ALICE, "tablet", Sequence(5))
    cursors.note(GROUP, UserId(12), "phone", Sequence(5))
    cursors.forget(GROUP, ALICE)
    cursors.forget(GROUP, ALICE)
    await cursors.write()
    assert [cursor.user_id for cursor in store.written[0]] == [12]


async def test_no_transaction_grows_with_the_group() -> None:
    store = SlowStore()
    store.gate.set()
    cursors = GroupCursors(store)
    for number in range(CURSORS_PER_TRANSACTION + 1):
        cursors.note(GROUP, UserId(number + 1), "phone", Sequence(5))
    await cursors.write()
    assert [len(batch) for batch in store.written] == [CURSORS_PER_TRANSACTION, 1]


@given(st.lists(st.integers(1, 1000), min_size=1))
def test_in_whatever_order_they_come_the_greatest_is_written(sequences: list[int]) -> None:
    async def write() -> list[tuple[GroupCursor, ...]]:
        store = SlowStore()
        store.gate.set()
        cursors = GroupCursors(store)
        for sequence in sequences:
            cursors.note(GROUP, ALICE, "phone", Sequence(sequence))
        await cursors.write()
        return store.written

    assert asyncio.run(write()) == [(GroupCursor(GROUP, ALICE, "phone", Sequence(max(sequences))),)]
