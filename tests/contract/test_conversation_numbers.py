"""``Draft.wants_index``: the numbers of messages in their conversations."""

from __future__ import annotations

import msgspec
import pytest

from openmimc.domain.ports import Store
from openmimc.errors import NotAMember, SenderBlocked
from openmimc.model.app import Account, AppSettings
from openmimc.model.history import Conversation
from openmimc.model.ids import Sequence, TopicId
from openmimc.model.message import Commit, Draft
from tests.contract.drafts import (
    APP,
    OTHER_APP,
    Outcome,
    app,
    append,
    append_one,
    inbox_of,
    p2p,
    p2t,
    sweep_round,
)
from tests.fakes.clock import DAY_MS, FakeClock


def numbered(draft: Draft) -> Draft:
    return msgspec.structs.replace(draft, wants_index=True)


def said(sender: Account, to_account: str, packet_id: str) -> Draft:
    return numbered(p2p(sender, to_account, packet_id))


def told(sender: Account, topic_id: TopicId, packet_id: str) -> Draft:
    return numbered(p2t(sender, topic_id, packet_id))


def indexes(outcomes: list[Outcome]) -> list[int]:
    return [outcome.message.index for outcome in outcomes if isinstance(outcome, Commit)]


async def test_the_two_directions_of_a_pair_share_their_numbers(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    together = await append(store, said(alice, "bob", "1"), said(bob, "alice", "2"), said(alice, "bob", "3"))
    alone = [await append_one(store, said(bob, "alice", str(number))) for number in (4, 5)]

    assert indexes([*together, *alone]) == [1, 2, 3, 4, 5]


async def test_each_conversation_counts_for_itself(store: Store) -> None:
    alice, bob, _ = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("alice",))
    topics = [await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="") for _ in range(2)]

    outcomes = await append(
        store,
        said(alice, "bob", "1"),
        told(alice, topics[0].topic_id, "2"),
        said(alice, "alice", "3"),
        said(alice, "carol", "4"),
        told(bob, topics[0].topic_id, "5"),
        told(bob, topics[1].topic_id, "6"),
        said(alice, "alice", "7"),
        said(stranger, "bob", "8"),
        said(alice, "new", "9"),
        said(alice, "new", "10"),
        said(bob, "alice", "11"),
    )

    assert indexes(outcomes) == [1, 1, 1, 1, 2, 1, 2, 1, 1, 2, 2]


async def test_messages_that_ask_for_none_have_none_and_take_none(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    outcomes = await append(store, said(alice, "bob", "1"), p2p(alice, "bob", "2"), said(alice, "bob", "3"))
    plain = await append_one(store, p2p(bob, "alice", "4"))

    assert indexes([*outcomes, plain]) == [1, 0, 2, 0]


async def test_a_repeat_has_the_first_messages_number_and_takes_none(store: Store) -> None:
    """Close behind or later, whether or not the repeat asks for a number."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    outcomes = await append(
        store, said(alice, "bob", "1"), said(alice, "bob", "1"), said(alice, "bob", "2"), p2p(alice, "bob", "2")
    )
    later = [await append_one(store, said(alice, "bob", packet_id)) for packet_id in ("1", "2", "3")]

    assert indexes([*outcomes, *later]) == [1, 1, 2, 2, 1, 2, 3]


async def test_what_is_refused_takes_no_number(store: Store) -> None:
    alice, bob, mallory = await store.ensure_accounts(APP, ("alice", "bob", "mallory"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append_one(store, said(mallory, "bob", "0"))
    await store.block(bob.user_id, mallory.user_id)

    outcomes = await append(
        store,
        told(alice, topic.topic_id, "1"),
        told(mallory, topic.topic_id, "2"),
        told(bob, topic.topic_id, "3"),
        said(mallory, "bob", "4"),
        said(bob, "mallory", "5"),
    )
    with pytest.raises(NotAMember):
        await store.append_together((said(mallory, "alice", "6"), told(mallory, topic.topic_id, "7")))
    after = await append_one(store, said(mallory, "alice", "6"))

    assert [type(outcome) for outcome in outcomes] == [Commit, NotAMember, Commit, SenderBlocked, Commit]
    assert indexes([*outcomes, after]) == [1, 2, 2, 1]


async def test_messages_sent_together_are_numbered_in_their_order(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, said(bob, "alice", "0"))

    commits = await store.append_together(tuple(said(alice, "bob", str(number)) for number in range(600)))

    assert indexes(list(commits)) == list(range(2, 602))


async def test_the_number_is_kept_with_the_message(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    commit = await append_one(store, said(alice, "bob", "1"))
    second = await append_one(store, said(alice, "bob", "2"))

    (first_delivery, second_delivery) = await inbox_of(store, bob.user_id)
    history = await store.read_history(
        Conversation.between(alice.user_id, bob.user_id),
        start=Sequence(0),
        stop=Sequence(2**62),
        limit=9,
        newest=False,
    )

    assert (first_delivery.message, second_delivery.message) == (commit.message, second.message)
    assert history.messages == (commit.message, second.message)
    assert second.message.index == 2


async def test_numbers_go_on_when_the_messages_are_gone(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=1, msgStorageTime=1)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append(store, said(alice, "bob", "1"), told(alice, topic.topic_id, "2"))

    clock.advance(3 * DAY_MS)
    await sweep_round(store)
    await sweep_round(store)
    outcomes = await append(store, said(alice, "bob", "3"), told(alice, topic.topic_id, "4"))

    assert indexes(outcomes) == [2, 2]
