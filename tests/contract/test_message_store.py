"""``MessageStore``: appends and inboxes."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.ports import Store
from openmimc.errors import NoSuchTopic, NotAMember
from openmimc.model.ids import Position, TopicId
from openmimc.model.message import Commit, Delivery
from openmimc.model.topic import TopicChange
from tests.contract.drafts import (
    APP,
    OTHER_APP,
    Outcome,
    append,
    append_one,
    inbox_of,
    p2p,
    p2t,
    packets_of,
    start_append,
)
from tests.fakes.clock import DAY_MS, FakeClock

# ------------------------------------------------------------------ what is stored


async def test_a_message_comes_back_as_it_was_sent(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    draft = p2p(
        alice, "bob", "a-1", payload=bytes(range(256)), biz_type="TEXT \N{SNOWMAN} \x01\"'", is_store=False
    )

    commit = await append_one(store, draft)
    (delivery,) = await inbox_of(store, bob.user_id)

    assert delivery == Delivery(commit.recipients[0][1], commit.message)
    message = delivery.message
    assert (message.kind, message.sender, message.packet_id) == (draft.kind, draft.sender, "a-1")
    assert (message.to_user_id, message.to_account, message.topic_id) == (bob.user_id, "bob", 0)
    assert (message.payload, message.biz_type, message.is_store) == (
        draft.payload,
        draft.biz_type,
        draft.is_store,
    )
    assert not commit.is_repeat


@pytest.mark.parametrize("payload", [b"", b"\x00", b"x" * 65_536])
async def test_payloads_of_every_length_survive(store: Store, payload: bytes) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    await append_one(store, p2p(alice, "bob", "a-1", payload=payload))

    assert [delivery.message.payload for delivery in await inbox_of(store, bob.user_id)] == [payload]


async def test_a_missing_label_is_not_an_empty_one(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    await append(store, p2p(alice, "bob", "1", biz_type=None), p2p(alice, "bob", "2", biz_type=""))

    assert [delivery.message.biz_type for delivery in await inbox_of(store, bob.user_id)] == [None, ""]


async def test_outcomes_are_told_in_the_order_of_the_appends(store: Store) -> None:
    """Repeats and refusals keep their place too."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    told: list[tuple[int, Outcome]] = []
    done = asyncio.Event()

    for index in range(200):
        draft = p2p(alice, "bob", f"a-{index // 2}")
        if index % 10 == 9:
            draft = p2t(alice, TopicId(1), f"refused-{index}")

        def on_commit(outcome: Outcome, index: int = index) -> None:
            told.append((index, outcome))
            if len(told) == 200:
                done.set()

        store.append(draft, on_commit)
    await done.wait()

    assert [index for index, _ in told] == list(range(200))
    new = [
        outcome.message.sequence for _, outcome in told if isinstance(outcome, Commit) and not outcome.is_repeat
    ]
    assert new == sorted(set(new))


async def test_nothing_is_told_within_the_call(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    future = start_append(store, p2p(alice, "bob", "a-1"))

    assert not future.done()
    await future


async def test_a_callback_that_fails_does_not_keep_others_from_being_told(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)

    def fail(_outcome: Outcome) -> None:
        raise RuntimeError("the callback's own fault")

    store.append(p2p(alice, "bob", "a-1"), fail)
    (outcome,) = await append(store, p2p(alice, "bob", "a-2"))

    assert isinstance(outcome, Commit)


async def test_the_message_is_in_the_inbox_when_its_commit_is_told(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    for index in range(20):
        await append_one(store, p2p(alice, "bob", str(index)))

        assert len(await inbox_of(store, bob.user_id)) == index + 1


async def test_a_recipient_unknown_so_far_gets_an_account(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    first, second = await append(store, p2p(alice, "new", "a-1"), p2p(alice, "new", "a-2"))
    account = await store.find_account(APP, "new")

    assert account is not None
    assert isinstance(first, Commit)
    assert isinstance(second, Commit)
    assert first.message.to_user_id == second.message.to_user_id == account.user_id
    assert await packets_of(store, account.user_id) == ["a-1", "a-2"]


async def test_the_same_name_in_another_app_is_another_account(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    (bob_elsewhere,) = await store.ensure_accounts(OTHER_APP, ("bob",))

    commit = await append_one(store, p2p(alice, "bob", "a-1"))

    assert commit.message.to_user_id != bob_elsewhere.user_id
    assert await inbox_of(store, bob_elsewhere.user_id) == ()


# ------------------------------------------------------------------ sequences


async def test_a_sequence_holds_the_time_of_the_server_and_begins_at_one(
    store: Store, clock: FakeClock
) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    first, second = await append(store, p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2"))

    assert isinstance(first, Commit)
    assert isinstance(second, Commit)
    assert first.message.sequence == clock.now_ms() * 10_000 + 1
    assert second.message.sequence == clock.now_ms() * 10_000 + 2
    assert first.message.timestamp_ms == clock.now_ms()


async def test_sequences_go_on_when_the_clock_goes_back(store: Store, clock: FakeClock) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    before = await append_one(store, p2p(alice, "bob", "a-1"))

    clock.advance(-DAY_MS)
    after = await append_one(store, p2p(alice, "bob", "a-2"))

    assert after.message.sequence == before.message.sequence + 1


# ------------------------------------------------------------------ repeats


async def test_a_repeated_packet_id_stores_nothing_and_yields_the_first_message(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    first = await append_one(store, p2p(alice, "bob", "a-1", payload=b"first", biz_type="b"))

    repeat = await append_one(store, p2p(alice, "carol", "a-1", payload=b"second", resource="tablet"))

    assert repeat == Commit(first.message, is_repeat=True, recipients=())
    assert await packets_of(store, bob.user_id) == ["a-1"]
    assert await store.find_account(APP, "carol") is None


async def test_a_repeat_close_behind_yields_the_first_message(store: Store) -> None:
    """Both may well be in one transaction."""
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    first, other, repeat = await append(
        store, p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2"), p2p(alice, "carol", "a-1")
    )

    assert isinstance(first, Commit)
    assert isinstance(other, Commit)
    assert repeat == Commit(first.message, is_repeat=True, recipients=())
    assert not other.is_repeat
    assert await packets_of(store, bob.user_id) == ["a-1", "a-2"]
    assert await store.find_account(APP, "carol") is None


async def test_packet_ids_are_each_users_own(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    outcomes = await append(store, p2p(alice, "carol", "1"), p2p(bob, "carol", "1"))

    assert [isinstance(outcome, Commit) and outcome.is_repeat for outcome in outcomes] == [False, False]


@pytest.mark.parametrize(("age_ms", "is_repeat"), [(DAY_MS, True), (DAY_MS + 1, False)])
async def test_a_packet_id_is_remembered_for_a_day(
    store: Store, clock: FakeClock, age_ms: int, is_repeat: bool
) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "a-1"))

    clock.advance(age_ms)
    again = await append_one(store, p2p(alice, "bob", "a-1"))
    third = await append_one(store, p2p(alice, "bob", "a-1"))

    assert again.is_repeat is is_repeat
    assert third.is_repeat
    assert third.message == again.message


async def test_a_packet_id_is_remembered_when_the_clock_goes_back(store: Store, clock: FakeClock) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await append_one(store, p2p(alice, "bob", "a-1"))

    clock.advance(-3 * DAY_MS)

    assert (await append_one(store, p2p(alice, "bob", "a-1"))).is_repeat


# ------------------------------------------------------------------ own copies


async def test_without_another_device_the_sender_gets_no_copy(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "phone")

    commit = await append_one(store, p2p(alice, "bob", "a-1", resource="phone"))

    assert [user_id for user_id, _ in commit.recipients] == [bob.user_id]
    assert await inbox_of(store, alice.user_id) == ()


@pytest.mark.parametrize("copy_to_sender", [True, False])
async def test_with_another_device_the_sender_gets_a_copy_where_the_app_wants_it(
    store: Store, copy_to_sender: bool
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "tablet")

    commit = await append_one(store, p2p(alice, "bob", "a-1", resource="phone", copy_to_sender=copy_to_sender))

    expected = {bob.user_id, alice.user_id} if copy_to_sender else {bob.user_id}
    assert {user_id for user_id, _ in commit.recipients} == expected
    assert await packets_of(store, alice.user_id) == (["a-1"] if copy_to_sender else [])


async def test_a_device_counts_from_the_moment_it_is_known(store: Store) -> None:
    alice, _ = await store.ensure_accounts(APP, ("alice", "bob"))
    await append_one(store, p2p(alice, "bob", "a-1", resource="phone"))

    await store.open_device(alice.user_id, "tablet")
    await append_one(store, p2p(alice, "bob", "a-2", resource="phone"))
    await append_one(store, p2p(alice, "bob", "a-3", resource="tablet"))
    await store.open_device(alice.user_id, "phone")
    await append_one(store, p2p(alice, "bob", "a-4", resource="tablet"))

    assert await packets_of(store, alice.user_id) == ["a-2", "a-4"]


@pytest.mark.parametrize("copy_to_sender", [True, False])
async def test_a_message_to_oneself_is_in_the_inbox_once(store: Store, copy_to_sender: bool) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await store.open_device(alice.user_id, "phone")
    await store.open_device(alice.user_id, "tablet")

    commit = await append_one(store, p2p(alice, "alice", "a-1", copy_to_sender=copy_to_sender))

    assert [user_id for user_id, _ in commit.recipients] == [alice.user_id]
    assert await packets_of(store, alice.user_id) == ["a-1"]


# ------------------------------------------------------------------ topics


async def test_a_topics_message_goes_to_all_members_but_the_sender(store: Store) -> None:
    alice, bob, carol, dave = await store.ensure_accounts(APP, ("alice", "bob", "carol", "dave"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id, carol.user_id), name="", extra="")

    commit = await append_one(store, p2t(bob, topic.topic_id, "b-1"))
    inboxes = {account.name: await inbox_of(store, account.user_id) for account in (alice, bob, carol, dave)}

    assert {user_id for user_id, _ in commit.recipients} == {alice.user_id, carol.user_id}
    assert [len(inboxes[name]) for name in ("alice", "bob", "carol", "dave")] == [1, 0, 1, 0]
    message = inboxes["carol"][0].message
    assert message == commit.message
    assert (message.to_user_id, message.to_account, message.topic_id) == (0, "", topic.topic_id)


async def test_the_senders_other_device_gets_a_topics_message_too(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await store.open_device(bob.user_id, "tablet")

    commit = await append_one(store, p2t(bob, topic.topic_id, "b-1", resource="phone"))
    silent = await append_one(store, p2t(bob, topic.topic_id, "b-2", resource="phone", copy_to_sender=False))

    assert {user_id for user_id, _ in commit.recipients} == {alice.user_id, bob.user_id}
    assert {user_id for user_id, _ in silent.recipients} == {alice.user_id}
    assert await packets_of(store, bob.user_id) == ["b-1"]


async def test_a_refused_draft_leaves_nothing_behind_not_even_its_packet_id(store: Store) -> None:
    alice, bob, mallory = await store.ensure_accounts(APP, ("alice", "bob", "mallory"))
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("stranger",))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")

    outcomes = await append(
        store,
        p2t(alice, TopicId(topic.topic_id + 1), "a-1"),
        p2t(mallory, topic.topic_id, "m-1"),
        p2t(stranger, topic.topic_id, "s-1"),
        # The same packet ids again, right behind, for something that is allowed.
        p2t(alice, topic.topic_id, "a-1"),
        p2p(mallory, "bob", "m-1"),
    )

    assert [type(outcome) for outcome in outcomes] == [NoSuchTopic, NotAMember, NoSuchTopic, Commit, Commit]
    assert not any(outcome.is_repeat for outcome in outcomes if isinstance(outcome, Commit))
    assert await packets_of(store, bob.user_id) == ["a-1", "m-1"]


async def test_membership_is_judged_at_each_messages_place_in_the_order(store: Store) -> None:
    """Nothing is awaited between the calls, so the order of calls alone decides."""
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")

    early = [start_append(store, p2t(alice, topic.topic_id, "a-1"))]
    early.append(start_append(store, p2t(carol, topic.topic_id, "c-1")))
    swap = asyncio.ensure_future(
        store.change_topic(
            topic.topic_id, topic.version, TopicChange(add=(carol.user_id,), remove=(bob.user_id,))
        )
    )
    await asyncio.sleep(0)  # The task has made its call.
    late = [start_append(store, p2t(alice, topic.topic_id, "a-2"))]
    late.append(start_append(store, p2t(bob, topic.topic_id, "b-1")))
    late.append(start_append(store, p2t(carol, topic.topic_id, "c-2")))
    await swap
    outcomes = await asyncio.gather(*early, *late)

    assert [type(outcome) for outcome in outcomes] == [Commit, NotAMember, Commit, NotAMember, Commit]
    assert await packets_of(store, bob.user_id) == ["a-1"]
    assert await packets_of(store, carol.user_id) == ["a-2"]
    assert await packets_of(store, alice.user_id) == ["c-2"]


async def test_messages_to_a_dismissed_topic_are_refused_and_earlier_ones_stay(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append_one(store, p2t(alice, topic.topic_id, "a-1"))

    assert await store.delete_topic(topic.topic_id, topic.version)
    (outcome,) = await append(store, p2t(alice, topic.topic_id, "a-2"))

    assert isinstance(outcome, NoSuchTopic)
    assert await packets_of(store, bob.user_id) == ["a-1"]


async def test_a_topic_of_hundreds_reaches_everybody(store: Store) -> None:
    names = tuple(f"user-{number}" for number in range(700))
    accounts = await store.ensure_accounts(APP, names)
    owner = accounts[0]
    topic = await store.create_topic(
        APP, owner.user_id, tuple(account.user_id for account in accounts[1:]), name="", extra=""
    )

    commit = await append_one(store, p2t(owner, topic.topic_id, "o-1"))

    assert {user_id for user_id, _ in commit.recipients} == {account.user_id for account in accounts[1:]}
    assert await packets_of(store, accounts[699].user_id) == ["o-1"]


# ------------------------------------------------------------------ inbox pages


async def test_an_inbox_is_read_in_order_beyond_a_position(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    commits = [await append_one(store, p2p(alice, "bob", str(index))) for index in range(5)]

    positions = [commit.recipients[0][1] for commit in commits]

    assert positions == sorted(positions)
    assert await packets_of(store, bob.user_id) == ["0", "1", "2", "3", "4"]
    assert await packets_of(store, bob.user_id, positions[2]) == ["3", "4"]
    assert await packets_of(store, bob.user_id, positions[4]) == []


@pytest.mark.parametrize(
    ("max_messages", "expected", "has_more"), [(1, 1, True), (3, 3, True), (4, 4, False), (5, 4, False)]
)
async def test_a_page_holds_no_more_messages_than_asked(
    store: Store, max_messages: int, expected: int, has_more: bool
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append(store, *[p2p(alice, "bob", str(index)) for index in range(4)])

    page = await store.read_inbox(
        bob.user_id, Position(0), not_before_ms=0, max_messages=max_messages, max_bytes=2**20
    )

    assert (len(page.deliveries), page.has_more) == (expected, has_more)


@pytest.mark.parametrize(
    ("max_bytes", "expected", "has_more"),
    [(1, 1, True), (10, 1, True), (29, 2, True), (30, 3, True), (39, 3, True), (40, 4, False)],
)
async def test_a_page_ends_before_its_payloads_pass_the_bound_but_holds_one(
    store: Store, max_bytes: int, expected: int, has_more: bool
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await append(store, *[p2p(alice, "bob", str(index), payload=b"x" * 10) for index in range(4)])

    page = await store.read_inbox(
        bob.user_id, Position(0), not_before_ms=0, max_messages=100, max_bytes=max_bytes
    )

    assert (len(page.deliveries), page.has_more) == (expected, has_more)


async def test_messages_before_the_given_time_are_passed_over(store: Store, clock: FakeClock) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    for index in range(3):
        await append_one(store, p2p(alice, "bob", str(index)))
        clock.advance(1)
    second_ms = clock.now_ms() - 2

    page = await store.read_inbox(
        bob.user_id, Position(0), not_before_ms=second_ms, max_messages=1, max_bytes=2**20
    )

    assert [delivery.message.packet_id for delivery in page.deliveries] == ["1"]
    assert page.has_more


async def test_an_unknown_users_inbox_is_empty(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    assert await inbox_of(store, alice.user_id) == ()
