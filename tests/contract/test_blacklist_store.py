"""``BlacklistStore``, and what appends make of it."""

from __future__ import annotations

import asyncio

from openmimc.domain.ports import Store
from openmimc.errors import SenderBlocked
from openmimc.model.message import Commit
from tests.contract.drafts import APP, append, append_one, p2p, p2t, packets_of, start_append


async def test_who_is_blocked_cannot_write_to_the_one_who_blocks(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.block(alice.user_id, bob.user_id)

    outcomes = await append(store, p2p(bob, "alice", "b-1"), p2p(bob, "carol", "b-2"), p2p(alice, "bob", "a-1"))

    assert [type(outcome) for outcome in outcomes] == [SenderBlocked, Commit, Commit]
    assert await packets_of(store, alice.user_id) == []
    assert await packets_of(store, bob.user_id) == ["a-1"]


async def test_a_blocked_message_leaves_its_packet_id_free(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.block(alice.user_id, bob.user_id)

    refused, other = await append(store, p2p(bob, "alice", "b-1"), p2p(bob, "carol", "b-1"))

    assert isinstance(refused, SenderBlocked)
    assert isinstance(other, Commit)
    assert not other.is_repeat


async def test_a_message_accepted_before_is_a_repeat_even_when_its_sender_is_blocked_now(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(bob, "alice", "b-1"))
    await store.block(alice.user_id, bob.user_id)

    assert (await append_one(store, p2p(bob, "alice", "b-1"))).is_repeat


async def test_topics_know_no_blacklist(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await store.block(alice.user_id, bob.user_id)

    await append_one(store, p2t(bob, topic.topic_id, "b-1"))

    assert await packets_of(store, alice.user_id) == ["b-1"]


async def test_unblocking_lets_messages_through_again(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    await store.block(alice.user_id, bob.user_id)
    await store.block(alice.user_id, carol.user_id)
    await append(store, p2p(bob, "alice", "b-1"))

    await store.unblock(alice.user_id, bob.user_id)
    outcomes = await append(store, p2p(bob, "alice", "b-2"), p2p(carol, "alice", "c-1"))

    assert [type(outcome) for outcome in outcomes] == [Commit, SenderBlocked]
    assert await packets_of(store, alice.user_id) == ["b-2"]


async def test_each_message_is_judged_at_its_place_in_the_order(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    early = start_append(store, p2p(bob, "alice", "b-1"))
    block = asyncio.ensure_future(store.block(alice.user_id, bob.user_id))
    await asyncio.sleep(0)  # The task has made its call.
    blocked = start_append(store, p2p(bob, "alice", "b-2"))
    unblock = asyncio.ensure_future(store.unblock(alice.user_id, bob.user_id))
    await asyncio.sleep(0)
    late = start_append(store, p2p(bob, "alice", "b-3"))
    await asyncio.gather(block, unblock)

    assert [type(await call) for call in (early, blocked, late)] == [Commit, SenderBlocked, Commit]


async def test_blocking_is_told_and_repeating_is_harmless(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    told = [await store.is_blocked(alice.user_id, bob.user_id)]

    await store.unblock(alice.user_id, bob.user_id)
    for _ in range(2):
        await store.block(alice.user_id, bob.user_id)
        told.append(await store.is_blocked(alice.user_id, bob.user_id))
    told.append(await store.is_blocked(bob.user_id, alice.user_id))
    await store.unblock(alice.user_id, bob.user_id)
    told.append(await store.is_blocked(alice.user_id, bob.user_id))

    assert told == [False, True, True, False, False]
