"""``MessageStore.append_together``: all or none."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.ports import Store
from openmimc.errors import DomainError, NoSuchTopic, NotAMember, SenderBlocked
from openmimc.model.ids import TopicId
from openmimc.model.message import Commit
from tests.contract.drafts import APP, BOTH, Outcome, append, append_one, p2p, p2t, packets_of, start_append


async def test_messages_are_stored_in_their_order(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    topic = await store.create_topic(APP, alice.user_id, (carol.user_id,), name="", extra="")

    commits = await store.append_together(
        (p2p(alice, "bob", "a-1"), p2t(alice, topic.topic_id, "a-2"), p2p(alice, "dave", "a-3"))
    )

    sequences = [commit.message.sequence for commit in commits]
    assert sequences == sorted(set(sequences))
    assert [commit.message.packet_id for commit in commits] == ["a-1", "a-2", "a-3"]
    assert [[user_id for user_id, _ in commit.recipients] for commit in commits[:2]] == [
        [bob.user_id],
        [carol.user_id],
    ]
    assert await packets_of(store, bob.user_id) == ["a-1"]
    assert await packets_of(store, commits[2].message.to_user_id) == ["a-3"]


async def test_nothing_together_is_nothing(store: Store) -> None:
    assert await store.append_together(()) == ()


async def test_repeats_yield_the_first_message(store: Store) -> None:
    """Those stored before as well as those within the call."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    before = await append_one(store, p2p(alice, "bob", "a-1"))

    repeat, new, again = await store.append_together(
        (p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2"), p2p(alice, "carol", "a-2"))
    )

    assert repeat == Commit(before.message, is_repeat=True, recipients=())
    assert again == Commit(new.message, is_repeat=True, recipients=())
    assert await packets_of(store, bob.user_id) == ["a-1", "a-2"]


@pytest.mark.parametrize("refusal", [NoSuchTopic, NotAMember, SenderBlocked])
async def test_one_refusal_refuses_all(store: Store, refusal: type[DomainError]) -> None:
    """No message, recipient, packet id or callback is left behind; the first refusal is told."""
    alice, bob, mallory = await store.ensure_accounts(APP, ("alice", "bob", "mallory"))
    topic = await store.create_topic(APP, alice.user_id, (), name="", extra="")
    await store.block(bob.user_id, mallory.user_id)
    refused = {
        NoSuchTopic: p2t(mallory, TopicId(topic.topic_id + 1), "m-2"),
        NotAMember: p2t(mallory, topic.topic_id, "m-2"),
        SenderBlocked: p2p(mallory, "bob", "m-2"),
    }[refusal]
    drafts = (
        p2p(mallory, "alice", "m-1", callbacks=BOTH),
        refused,
        p2p(mallory, "new", "m-3", callbacks=BOTH),
        p2p(mallory, "bob", "m-4"),
    )

    with pytest.raises(refusal):
        await store.append_together(drafts)

    assert await packets_of(store, alice.user_id) == []
    assert await store.find_account(APP, "new") is None
    assert await store.count_callbacks() == {}
    assert not (await append_one(store, p2p(mallory, "alice", "m-1"))).is_repeat


async def test_it_has_one_place_in_the_order_of_appends(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    before = start_append(store, p2p(alice, "bob", "a-1"))
    together = asyncio.ensure_future(
        store.append_together((p2p(alice, "bob", "a-2"), p2p(alice, "bob", "a-3")))
    )
    await asyncio.sleep(0)  # The task has made its call.
    after = start_append(store, p2p(alice, "bob", "a-4"))
    await asyncio.gather(before, together, after)

    assert await packets_of(store, bob.user_id) == ["a-1", "a-2", "a-3", "a-4"]


async def test_its_commits_are_told_between_those_before_and_after(store: Store) -> None:
    """Also when nobody awaits the outcome any more."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    told: list[str] = []

    def tell(outcome: Outcome) -> None:
        assert isinstance(outcome, Commit)
        told.append(outcome.message.packet_id)

    store.append(p2p(alice, "bob", "a-1"), tell)
    together = asyncio.ensure_future(
        store.append_together((p2p(alice, "bob", "a-2"), p2p(alice, "bob", "a-3")), tell)
    )
    await asyncio.sleep(0)  # The task has made its call.
    store.append(p2p(alice, "bob", "a-4"), tell)
    together.cancel()
    await append_one(store, p2p(alice, "bob", "a-5"))

    assert told == ["a-1", "a-2", "a-3", "a-4"]


async def test_refused_ones_tell_nothing(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    told: list[Commit] = []

    with pytest.raises(NoSuchTopic):
        await store.append_together((p2p(alice, "bob", "a-1"), p2t(alice, TopicId(1), "a-2")), told.append)

    assert told == []


async def test_a_callback_that_fails_keeps_nobody_else_from_being_told(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    told: list[str] = []

    def fail_at_first(commit: Commit) -> None:
        told.append(commit.message.packet_id)
        if len(told) == 1:
            raise RuntimeError("the callback's own fault")

    commits = await store.append_together((p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2")), fail_at_first)

    assert told == ["a-1", "a-2"]
    assert len(commits) == 2


async def test_five_hundred_recipients_are_one_call(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    commits = await store.append_together(
        tuple(p2p(alice, f"user-{number}", str(number)) for number in range(500))
    )

    assert len({commit.message.to_user_id for commit in commits}) == 500
    assert await packets_of(store, commits[499].message.to_user_id) == ["499"]


async def test_an_app_needs_no_membership_but_the_topic_has_to_be_its_own(store: Store) -> None:
    alice, bob, outsider = await store.ensure_accounts(APP, ("alice", "bob", "outsider"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")

    commit = await append_one(store, p2t(outsider, topic.topic_id, "o-1", as_app=True))
    (unknown,) = await append(store, p2t(outsider, TopicId(topic.topic_id + 1), "o-2", as_app=True))

    assert {user_id for user_id, _ in commit.recipients} == {alice.user_id, bob.user_id}
    assert isinstance(unknown, NoSuchTopic)
