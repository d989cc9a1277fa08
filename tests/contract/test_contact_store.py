"""``ContactStore``: with whom, or where, somebody talked last."""

from __future__ import annotations

from openmimc.domain.ports import Store
from openmimc.model.app import Account, AppSettings
from openmimc.model.contact import Contact
from openmimc.model.history import Conversation
from openmimc.model.ids import TopicId, UserId
from openmimc.model.topic import TopicChange
from tests.contract.drafts import APP, app, append_one, p2p, p2t, sweep_round
from tests.fakes.clock import DAY_MS, FakeClock


async def contacts_of(
    store: Store, account: Account, *, not_before_ms: int = 0, limit: int = 100
) -> list[tuple[str, str]]:
    """Name and last packet id of each contact, in the store's order."""
    contacts = await store.contacts_of(account.user_id, not_before_ms=not_before_ms, limit=limit)
    return [(contact.name, contact.last_message.packet_id) for contact in contacts]


async def test_a_message_makes_both_sides_contacts_of_each_other(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    message = (await append_one(store, p2p(alice, "bob", "1"))).message

    for account, peer in ((alice, bob), (bob, alice)):
        contacts = await store.contacts_of(account.user_id, not_before_ms=0, limit=10)
        assert contacts == (Contact(peer.user_id, TopicId(0), peer.name, message),)


async def test_the_newest_come_first_each_with_its_last_message(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    topic = await store.create_topic(APP, carol.user_id, (alice.user_id,), name="the topic", extra="")
    await append_one(store, p2p(alice, "bob", "1"))
    await append_one(store, p2p(carol, "alice", "2"))
    await append_one(store, p2t(carol, topic.topic_id, "3"))
    await append_one(store, p2p(alice, "alice", "4"))
    await append_one(store, p2p(bob, "alice", "5"))
    await append_one(store, p2p(bob, "carol", "6"))

    expected = [("bob", "5"), ("alice", "4"), ("the topic", "3"), ("carol", "2")]

    assert await contacts_of(store, alice) == expected
    assert await contacts_of(store, alice, limit=2) == expected[:2]


async def test_a_topic_is_named_by_its_number(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    topic = await store.create_topic(APP, alice.user_id, (), name="the topic", extra="")
    message = (await append_one(store, p2t(alice, topic.topic_id, "1"))).message

    contacts = await store.contacts_of(alice.user_id, not_before_ms=0, limit=10)

    assert contacts == (Contact(UserId(0), topic.topic_id, "the topic", message),)


async def test_messages_that_are_not_kept_make_no_contact(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")

    await append_one(store, p2p(alice, "bob", "1", is_store=False))
    await append_one(store, p2t(alice, topic.topic_id, "2", is_store=False))

    assert await contacts_of(store, bob) == []
    await append_one(store, p2p(alice, "bob", "3"))
    await append_one(store, p2p(alice, "bob", "4", is_store=False))
    assert await contacts_of(store, bob) == [("alice", "3")]


async def test_a_topic_is_a_contact_of_its_present_members_only(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="t", extra="")
    await append_one(store, p2t(alice, topic.topic_id, "1"))

    changed = await store.change_topic(
        topic.topic_id, topic.version, TopicChange(add=(carol.user_id,), remove=(bob.user_id,))
    )
    told = [await contacts_of(store, account) for account in (alice, bob, carol)]
    assert changed is not None
    await store.delete_topic(topic.topic_id, changed.version)

    assert told == [[("t", "1")], [], [("t", "1")]]
    assert await contacts_of(store, alice) == []


async def test_those_silent_for_too_long_are_left_out(store: Store, clock: FakeClock) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    sent_ms = clock.now_ms()
    await append_one(store, p2p(bob, "alice", "1"))
    clock.advance(DAY_MS)
    await append_one(store, p2p(alice, "carol", "2"))

    assert await contacts_of(store, alice, not_before_ms=sent_ms) == [("carol", "2"), ("bob", "1")]
    assert await contacts_of(store, alice, not_before_ms=sent_ms + 1) == [("carol", "2")]


async def test_a_deleted_contact_comes_back_with_its_next_message(store: Store) -> None:
    """For the one who deleted it; the other side has not noticed."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="t", extra="")
    await append_one(store, p2p(alice, "bob", "1"))
    await append_one(store, p2t(alice, topic.topic_id, "2"))

    await store.delete_contact(alice.user_id, Conversation.between(alice.user_id, bob.user_id))
    without_bob = await contacts_of(store, alice)
    await store.delete_contact(alice.user_id, Conversation.of_topic(topic.topic_id))
    empty = await contacts_of(store, alice)
    await append_one(store, p2p(bob, "alice", "3", is_store=False))
    still_empty = await contacts_of(store, alice)
    await append_one(store, p2t(bob, topic.topic_id, "4"))
    await append_one(store, p2p(alice, "bob", "5"))

    assert (without_bob, empty, still_empty) == ([("t", "2")], [], [])
    assert await contacts_of(store, alice) == [("bob", "5"), ("t", "4")]
    assert await contacts_of(store, bob) == [("alice", "5"), ("t", "4")]


async def test_deleting_what_is_not_there_is_fine(store: Store) -> None:
    """Also a conversation of others, which stays."""
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    topic = await store.create_topic(APP, alice.user_id, (), name="t", extra="")
    await append_one(store, p2p(alice, "bob", "1"))
    await append_one(store, p2t(alice, topic.topic_id, "2"))

    await store.delete_contact(carol.user_id, Conversation.between(alice.user_id, bob.user_id))
    await store.delete_contact(carol.user_id, Conversation.of_topic(topic.topic_id))
    await store.delete_contact(alice.user_id, Conversation.between(alice.user_id, carol.user_id))
    await store.delete_contact(alice.user_id, Conversation.of_topic(TopicId(topic.topic_id + 1)))

    assert await contacts_of(store, alice) == [("t", "2"), ("bob", "1")]


async def test_a_contact_goes_with_its_last_message_and_comes_back_with_a_new_one(
    store: Store, clock: FakeClock
) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=2)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(alice, "bob", "1"))
    await append_one(store, p2p(alice, "carol", "2"))
    clock.advance(DAY_MS)
    await append_one(store, p2p(alice, "carol", "3"))
    clock.advance(DAY_MS + 1)

    for _ in range(2):  # Rows of contacts go in the round behind that of their messages.
        await sweep_round(store)
        clock.advance(1)
    gone = await contacts_of(store, alice), await contacts_of(store, bob)
    await append_one(store, p2p(bob, "alice", "4"))

    assert gone == ([("carol", "3")], [])
    assert await contacts_of(store, alice) == [("bob", "4"), ("carol", "3")]
    assert await contacts_of(store, bob) == [("alice", "4")]
