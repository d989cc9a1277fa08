"""``MessageStore``: single messages, and whose inboxes they lie in."""

from __future__ import annotations

import msgspec

from openmimc.domain.ports import Store
from openmimc.model.app import AppSettings
from openmimc.model.ids import Sequence, UserId
from openmimc.model.message import Message
from openmimc.model.topic import TopicChange
from tests.contract.drafts import APP, OTHER_APP, app, append, append_one, group_of, p2p, p2t, sweep_round, uc
from tests.fakes.clock import DAY_MS, FakeClock


async def holders(store: Store, message: Message) -> list[tuple[str, int]]:
    return [(account.name, position) for account, position in await store.holders_of(message)]


# ------------------------------------------------------------------ by sequence


async def test_messages_of_every_kind_are_found_as_they_were_committed(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    group_id = await group_of(store, alice)
    drafts = [
        p2p(alice, "bob", "a-1", payload=b"\x00\xff", biz_type="b"),
        p2p(alice, "bob", "a-2", is_store=False),
        p2t(alice, topic.topic_id, "a-3"),
        uc(alice, group_id, "a-4", is_store=False),
        msgspec.structs.replace(p2p(alice, "bob", "a-5"), wants_index=True),
    ]

    messages = [(await append_one(store, draft)).message for draft in drafts]

    assert [await store.find_message(message.sequence) for message in messages] == messages


async def test_a_sequence_of_no_message_finds_none(store: Store) -> None:
    assert await store.find_message(Sequence(17_000_000_000_000_001)) is None


# ------------------------------------------------------------------ by packet id


async def test_messages_with_a_packet_id_are_found_newest_first(store: Store) -> None:
    """Different users, and one user after a day, may use the same."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    (mallory,) = await store.ensure_accounts(OTHER_APP, ("mallory",))
    commits = [
        await append_one(store, draft)
        for draft in (
            p2p(alice, "bob", "same", is_store=False),
            p2p(alice, "bob", "other"),
            p2t(bob, topic.topic_id, "same"),
            p2p(mallory, "bob", "same"),
        )
    ]
    first, _, second, foreign = [commit.message for commit in commits]

    assert await store.find_packets(APP, "same", 10) == (second, first)
    assert await store.find_packets(APP, "same", 1) == (second,)
    assert await store.find_packets(OTHER_APP, "same", 10) == (foreign,)
    assert await store.find_packets(APP, "Same", 10) == ()


async def test_a_packet_id_is_found_for_longer_than_it_is_remembered(store: Store, clock: FakeClock) -> None:
    await store.save_app(app())
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    first = await append_one(store, p2p(alice, "bob", "same"))
    clock.advance(2 * DAY_MS)
    await sweep_round(store)
    second = await append_one(store, p2p(alice, "bob", "same"))

    assert await store.find_packets(APP, "same", 10) == (second.message, first.message)


# ------------------------------------------------------------------ holders


async def test_the_recipient_holds_a_message_at_its_position(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    commit = await append_one(store, p2p(alice, "bob", "a-1"))

    found = await store.holders_of(commit.message)

    assert found == ((bob, commit.recipients[0][1]),)


async def test_a_sender_with_another_device_holds_it_too(store: Store) -> None:
    alice, _ = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "tablet")
    commit = await append_one(store, p2p(alice, "bob", "a-1", resource="phone"))

    position = commit.recipients[0][1]

    assert await holders(store, commit.message) == [("alice", position), ("bob", position)]


async def test_what_was_sent_to_oneself_is_held_once(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await store.open_device(alice.user_id, "tablet")
    commit = await append_one(store, p2p(alice, "alice", "a-1"))

    assert [name for name, _ in await holders(store, commit.message)] == ["alice"]


async def test_of_a_topic_the_present_members_that_were_there_hold_it(store: Store) -> None:
    alice, bob, carol, dave = await store.ensure_accounts(APP, ("alice", "bob", "carol", "dave"))
    topic = await store.create_topic(APP, alice.user_id, (carol.user_id, bob.user_id), name="", extra="")
    commit = await append_one(store, p2t(alice, topic.topic_id, "a-1"))
    change = TopicChange(add=(dave.user_id,), remove=(carol.user_id,))
    await store.change_topic(topic.topic_id, topic.version, change)

    assert [name for name, _ in await holders(store, commit.message)] == ["bob"]


async def test_nobody_holds_a_message_to_an_unlimited_group(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id = await group_of(store, alice, bob)
    commit = await append_one(store, uc(alice, group_id, "a-1"))

    assert await store.holders_of(commit.message) == ()


async def test_when_its_time_in_inboxes_is_over_nobody_holds_a_message(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=10)))
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    commit = await append_one(store, p2p(alice, "bob", "a-1"))
    clock.advance(2 * DAY_MS)
    await sweep_round(store)

    assert await store.find_message(commit.message.sequence) == commit.message
    assert await store.holders_of(commit.message) == ()


async def test_an_unknown_recipient_of_a_made_up_message_holds_nothing(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (outcome,) = await append(store, p2p(alice, "bob", "a-1"))
    message = msgspec.structs.replace(
        outcome.message,  # type: ignore[union-attr]  # A commit.
        to_user_id=UserId(1),
    )

    assert await store.holders_of(message) == ()
