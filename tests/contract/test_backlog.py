"""``MessageStore.measure_backlog``."""

from __future__ import annotations

import pytest

from openmimc.domain.ports import Store
from openmimc.model.app import Account
from openmimc.model.ids import Position, timestamp_ms_of
from openmimc.model.message import Backlog
from tests.contract.drafts import APP, append_one, inbox_of, p2p, p2t
from tests.fakes.clock import FakeClock


async def measure(
    store: Store,
    user: Account,
    *,
    resource: str = "phone",
    after: int = 0,
    not_before_ms: int = 0,
    more_than: int,
) -> Backlog | None:
    return await store.measure_backlog(
        user.user_id, resource, Position(after), not_before_ms=not_before_ms, more_than=more_than
    )


@pytest.mark.parametrize(("more_than", "is_backlog"), [(0, True), (3, True), (4, False), (5, False)])
async def test_more_messages_than_a_number_are_a_backlog(
    store: Store, more_than: int, is_backlog: bool
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    commits = [await append_one(store, p2p(alice, "bob", str(index))) for index in range(4)]
    first, *_, last = [commit.message.sequence for commit in commits]

    backlog = await measure(store, bob, more_than=more_than)

    assert backlog == (Backlog(first, last, commits[3].recipients[0][1]) if is_backlog else None)
    assert await measure(store, alice, more_than=0) is None


async def test_a_backlog_begins_beyond_a_position_and_at_a_time(store: Store, clock: FakeClock) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    sequences = []
    for index in range(6):
        sequences.append((await append_one(store, p2p(alice, "bob", str(index)))).message.sequence)
        clock.advance(10)
    third_ms = timestamp_ms_of(sequences[2])

    beyond = await measure(store, bob, after=sequences[0], more_than=4)
    beyond_too_far = await measure(store, bob, after=sequences[1], more_than=4)
    young = await measure(store, bob, not_before_ms=third_ms, more_than=3)
    too_young = await measure(store, bob, not_before_ms=third_ms + 1, more_than=3)

    assert beyond is not None
    assert (beyond.first, beyond.last) == (sequences[1], sequences[5])
    assert young is not None
    assert (young.first, young.last) == (sequences[2], sequences[5])
    assert (beyond_too_far, too_young) == (None, None)


async def test_what_a_device_sent_to_others_is_not_in_its_own_backlog(store: Store) -> None:
    """In another device's of the user it is; so is what it sent to its own user."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    for resource in ("phone", "tablet"):
        await store.open_device(alice.user_id, resource)
    drafts = [
        p2p(alice, "bob", "own-1", resource="phone"),
        p2p(bob, "alice", "to-me-1", resource="phone"),
        p2t(alice, topic.topic_id, "own-2", resource="phone"),
        p2p(alice, "alice", "note", resource="phone"),
        p2t(bob, topic.topic_id, "to-me-2"),
        p2p(alice, "bob", "other-device", resource="tablet"),
        p2p(alice, "bob", "own-3", resource="phone"),
    ]
    sequences = [(await append_one(store, draft)).message.sequence for draft in drafts]

    of_phone = [await measure(store, alice, resource="phone", more_than=number) for number in (3, 4)]
    of_tablet = [await measure(store, alice, resource="tablet", more_than=number) for number in (5, 6)]
    of_new = await measure(store, alice, resource="laptop", more_than=6)

    inbox = await inbox_of(store, alice.user_id)
    assert len(inbox) == 7
    assert of_phone[0] is not None
    assert (of_phone[0].first, of_phone[0].last) == (sequences[1], sequences[5])
    assert of_tablet[0] is not None
    assert (of_tablet[0].first, of_tablet[0].last) == (sequences[0], sequences[6])
    assert (of_phone[1], of_tablet[1]) == (None, None)
    assert of_new == of_tablet[0]
    assert of_new.position == inbox[6].position
