"""``GroupStore``: groups, who is in them, their logs and cursors."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from openmimc.domain.ports import Store
from openmimc.errors import ImError, Muted, NoSuchTopic, NotAMember
from openmimc.model.app import Account
from openmimc.model.group import Group, GroupChange, GroupChangeKind, GroupCursor, GroupMember, GroupPlace
from openmimc.model.ids import Sequence, TopicId, UserId
from openmimc.model.message import Commit, Message
from tests.contract.drafts import (
    APP,
    BOTH,
    OTHER_APP,
    append,
    append_one,
    group_of,
    ignore,
    inbox_of,
    p2p,
    p2t,
    start_append,
    uc,
)
from tests.fakes.clock import FakeClock

JOINED, LEFT, DISMISSED = GroupChangeKind.JOINED, GroupChangeKind.LEFT, GroupChangeKind.DISMISSED


async def friends(store: Store) -> tuple[Account, ...]:
    return await store.ensure_accounts(APP, ("alice", "bob", "carol", "dave"))


async def member_ids_of(store: Store, group_id: TopicId) -> set[UserId]:
    members = await store.group_members(group_id, after=UserId(0), limit=1_000)
    return {member.user_id for member in members}


async def log_of(
    store: Store,
    group_id: TopicId,
    after: int = 0,
    *,
    not_before_ms: int = 0,
    limit: int = 100,
    max_bytes: int = 2**40,
) -> tuple[Message, ...]:
    return await store.read_group(
        group_id, after=Sequence(after), not_before_ms=not_before_ms, limit=limit, max_bytes=max_bytes
    )


async def packets_of(store: Store, group_id: TopicId, after: int = 0, **bounds: int) -> list[str]:
    return [message.packet_id for message in await log_of(store, group_id, after, **bounds)]


# ------------------------------------------------------------------ groups


async def test_a_new_group_has_its_owner_as_its_only_member(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    changes: list[GroupChange] = []

    group = await store.create_group(APP, alice.user_id, name="n", extra="e", on_change=changes.append)

    assert group == Group(group.group_id, APP, alice.user_id, "alice", "n", "e", 1)
    assert 0 < group.group_id < 2**53
    assert await store.find_group(group.group_id) == group
    assert await store.find_group_member(group.group_id, alice.user_id) == GroupMember(alice.user_id, "alice")
    assert await store.find_group_member(group.group_id, bob.user_id) is None
    assert changes == [GroupChange(JOINED, group.group_id, alice.user_id, changes[0].sequence)]


async def test_a_group_that_is_not_there_is_not_found(store: Store) -> None:
    (alice, *_) = await friends(store)
    elsewhere = TopicId(await group_of(store, alice) + 1)

    assert await store.find_group(elsewhere) is None
    assert await store.find_group_member(elsewhere, alice.user_id) is None
    assert await store.group_members(elsewhere, after=UserId(0), limit=9) == ()
    assert not await store.mute_group_member(elsewhere, alice.user_id, 2**40)
    assert await log_of(store, elsewhere) == ()


async def test_groups_and_topics_are_different_things(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")

    outcomes = await append(store, p2t(alice, group_id, "1"), uc(alice, topic.topic_id, "2"))

    assert [type(outcome) for outcome in outcomes] == [NoSuchTopic, NoSuchTopic]
    assert await store.find_topic(group_id) is None
    assert await store.find_group(topic.topic_id) is None
    assert [topic.topic_id for topic in await store.topics_of(bob.user_id)] == [topic.topic_id]
    assert await store.groups_of(bob.user_id) == (group_id,)


# ------------------------------------------------------------------ members


async def test_coming_and_going_is_told_once_and_counted(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice)
    changes: list[GroupChange] = []

    for _ in range(2):
        await store.join_group(group_id, bob.user_id, APP, changes.append)
    joined = await store.find_group(group_id)
    members = await member_ids_of(store, group_id)
    for _ in range(2):
        await store.leave_group(group_id, bob.user_id, APP, changes.append)
    left = await store.find_group(group_id)

    assert [(change.kind, change.group_id, change.user_id) for change in changes] == [
        (JOINED, group_id, bob.user_id),
        (LEFT, group_id, bob.user_id),
    ]
    assert changes[0].sequence < changes[1].sequence
    assert joined is not None
    assert left is not None
    assert (joined.member_count, left.member_count) == (2, 1)
    assert members == {alice.user_id, bob.user_id}
    assert await member_ids_of(store, group_id) == {alice.user_id}


async def test_joining_again_keeps_the_place_of_the_first_time(store: Store) -> None:
    (alice, *_) = await friends(store)
    group_id = await group_of(store, alice)
    (before,) = await store.group_places(alice.user_id, "phone")

    await store.join_group(group_id, alice.user_id, APP, ignore)

    assert await store.group_places(alice.user_id, "phone") == (before,)


@pytest.mark.parametrize("is_known", [True, False])
async def test_nobody_comes_to_or_leaves_another_apps_group_or_one_that_is_not_there(
    store: Store, is_known: bool
) -> None:
    (alice, *_) = await friends(store)
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("stranger",))
    group_id = await group_of(store, alice)
    asked = group_id if is_known else TopicId(group_id + 1)
    changes: list[GroupChange] = []

    for change in (store.join_group, store.leave_group):
        for user_id in (stranger.user_id, alice.user_id):
            with pytest.raises(NoSuchTopic):
                await change(asked, user_id, OTHER_APP, changes.append)

    assert changes == []
    assert await member_ids_of(store, group_id) == {alice.user_id}


async def test_an_account_that_is_no_more_cannot_come(store: Store) -> None:
    """Its removal may have been under way while its device asked."""
    (alice, *others) = await friends(store)
    group_id = await group_of(store, alice)
    nobody = UserId(max(account.user_id for account in (alice, *others)) + 1)

    with pytest.raises(NoSuchTopic):
        await store.join_group(group_id, nobody, APP, ignore)

    group = await store.find_group(group_id)
    assert group is not None
    assert group.member_count == 1


async def test_the_owner_may_leave_and_stays_the_owner(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)

    await store.leave_group(group_id, alice.user_id, APP, ignore)
    group = await store.find_group(group_id)
    (refused,) = await append(store, uc(alice, group_id, "1"))

    assert group is not None
    assert (group.owner_id, group.owner_account, group.member_count) == (alice.user_id, "alice", 1)
    assert isinstance(refused, NotAMember)


async def test_a_group_that_everybody_left_can_be_joined(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice)
    await store.leave_group(group_id, alice.user_id, APP, ignore)

    await store.join_group(group_id, bob.user_id, APP, ignore)

    assert await member_ids_of(store, group_id) == {bob.user_id}


async def test_a_users_groups_are_in_the_order_of_joining(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    groups = [await group_of(store, alice) for _ in range(4)]
    for number in (2, 0, 3, 1):
        await store.join_group(groups[number], bob.user_id, APP, ignore)
    await store.leave_group(groups[0], bob.user_id, APP, ignore)
    await store.join_group(groups[0], bob.user_id, APP, ignore)

    found = await store.groups_of(bob.user_id)

    assert found == (groups[2], groups[3], groups[1], groups[0])
    assert [place.group_id for place in await store.group_places(bob.user_id, "phone")] == list(found)
    assert await store.groups_of(alice.user_id) == tuple(groups)
    assert await store.groups_of(UserId(1)) == ()


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (8, [7])])
async def test_members_are_read_page_by_page(store: Store, limit: int, sizes: list[int]) -> None:
    accounts = await store.ensure_accounts(APP, tuple(f"user-{number}" for number in range(7)))
    group_id = await group_of(store, *accounts)
    await group_of(store, accounts[0])

    pages: list[tuple[GroupMember, ...]] = []
    after = UserId(0)
    while page := await store.group_members(group_id, after=after, limit=limit):
        pages.append(page)
        after = page[-1].user_id

    assert [len(page) for page in pages] == sizes
    assert [member for page in pages for member in page] == [
        GroupMember(account.user_id, account.name)
        for account in sorted(accounts, key=lambda account: account.user_id)
    ]


# ------------------------------------------------------------------ dismissal


async def test_a_dismissed_group_is_gone_and_its_messages_stay(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    kept = await group_of(store, bob, alice)
    await append_one(store, uc(bob, group_id, "1"))
    await store.mute_group_member(group_id, bob.user_id, 2**40)
    await store.move_group_cursors((GroupCursor(group_id, bob.user_id, "phone", Sequence(5)),))
    changes: list[GroupChange] = []

    was_there = [await store.delete_group(group_id, changes.append) for _ in range(2)]
    await store.move_group_cursors((GroupCursor(group_id, bob.user_id, "phone", Sequence(6)),))
    (refused, *_) = await append(store, uc(alice, group_id, "2"), uc(alice, group_id, "3", as_app=True))

    assert was_there == [True, False]
    assert [(change.kind, change.group_id, change.user_id) for change in changes] == [(DISMISSED, group_id, 0)]
    assert isinstance(refused, NoSuchTopic)
    assert await store.find_group(group_id) is None
    assert await store.find_group_member(group_id, bob.user_id) is None
    assert await store.group_members(group_id, after=UserId(0), limit=9) == ()
    assert await store.groups_of(bob.user_id) == (kept,)
    assert [place.group_id for place in await store.group_places(bob.user_id, "phone")] == [kept]
    assert not await store.mute_group_member(group_id, bob.user_id, 0)
    assert await packets_of(store, group_id) == ["1"]
    for change in (store.join_group, store.leave_group):
        with pytest.raises(NoSuchTopic):
            await change(group_id, bob.user_id, APP, changes.append)
    assert len(changes) == 1


# ------------------------------------------------------------------ the order


async def test_changes_and_messages_have_one_order(store: Store) -> None:
    """Nothing is awaited between the calls, so their order alone decides, be it in one transaction."""
    alice, bob, carol, _ = await friends(store)
    group_id = await group_of(store, alice)
    told: list[tuple[object, int]] = []

    def on_change(change: GroupChange) -> None:
        told.append((change.kind, change.sequence))

    def on_commit(outcome: Commit | ImError) -> None:
        if isinstance(outcome, Commit):
            told.append((outcome.message.packet_id, outcome.message.sequence))
        else:
            told.append((type(outcome), 0))

    async def changed(call: asyncio.Future[object]) -> None:
        calls.append(call)
        await asyncio.sleep(0)  # The task has made its call.

    calls: list[asyncio.Future[object]] = []
    store.append(uc(bob, group_id, "too early"), on_commit)
    await changed(asyncio.ensure_future(store.join_group(group_id, bob.user_id, APP, on_change)))
    store.append(uc(bob, group_id, "b-1"), on_commit)
    store.append(p2p(bob, "alice", "b-2"), on_commit)
    await changed(asyncio.ensure_future(store.join_group(group_id, bob.user_id, APP, on_change)))
    await changed(asyncio.ensure_future(store.join_group(group_id, carol.user_id, APP, on_change)))
    store.append(uc(bob, group_id, "b-3"), on_commit)
    await changed(asyncio.ensure_future(store.leave_group(group_id, bob.user_id, APP, on_change)))
    store.append(uc(bob, group_id, "too late"), on_commit)
    store.append(uc(carol, group_id, "c-1"), on_commit)
    await changed(asyncio.ensure_future(store.delete_group(group_id, on_change)))
    store.append(uc(carol, group_id, "c-2"), on_commit)
    await changed(
        asyncio.ensure_future(store.create_group(APP, bob.user_id, name="", extra="", on_change=on_change))
    )
    last = start_append(store, p2p(bob, "alice", "b-4"))
    await asyncio.gather(last, *calls)

    sequences = [sequence for _, sequence in told if sequence]
    assert [what for what, _ in told] == [
        NotAMember,
        JOINED,
        "b-1",
        "b-2",
        JOINED,
        "b-3",
        LEFT,
        NotAMember,
        "c-1",
        DISMISSED,
        NoSuchTopic,
        JOINED,
    ]
    assert sequences == sorted(set(sequences))


async def test_a_change_is_told_even_if_nobody_awaits_it_any_more(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice)
    changes: list[GroupChange] = []

    call = asyncio.ensure_future(store.join_group(group_id, bob.user_id, APP, changes.append))
    await asyncio.sleep(0)  # The task has made its call.
    call.cancel()
    await append_one(store, uc(bob, group_id, "1"))

    assert [change.user_id for change in changes] == [bob.user_id]


async def test_coming_and_going_take_their_place_at_the_call(store: Store) -> None:
    """Whoever asks may await it later, or in another order."""
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice)

    coming = store.join_group(group_id, bob.user_id, APP, ignore)
    inside = start_append(store, uc(bob, group_id, "1"))
    going = store.leave_group(group_id, bob.user_id, APP, ignore)
    outside = start_append(store, uc(bob, group_id, "2"))
    await going
    await coming

    assert [type(outcome) for outcome in (await inside, await outside)] == [Commit, NotAMember]


async def test_a_change_is_told_before_its_caller_goes_on(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice)
    changes: list[GroupChange] = []

    await store.join_group(group_id, bob.user_id, APP, changes.append)

    assert len(changes) == 1


# ------------------------------------------------------------------ messages


async def test_a_groups_message_goes_into_the_log_and_nobodys_inbox(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    await store.open_device(alice.user_id, "phone")
    await store.open_device(alice.user_id, "tablet")
    draft = msgspec.structs.replace(
        uc(alice, group_id, "1", payload=b"\x00\xff", resource="phone"),
        biz_type="b",
        # What a sloppy caller might leave on.
        copy_to_sender=True,
        callbacks=BOTH,
        wants_index=True,
    )

    commit = await append_one(store, draft)

    message = commit.message
    assert commit.recipients == ()
    assert not commit.is_repeat
    assert (message.topic_id, message.to_user_id, message.to_account) == (group_id, 0, "")
    assert (message.payload, message.biz_type, message.index) == (b"\x00\xff", "b", 0)
    assert await log_of(store, group_id) == (message,)
    assert await inbox_of(store, alice.user_id) == await inbox_of(store, bob.user_id) == ()
    assert await store.count_callbacks() == {}
    assert await store.contacts_of(alice.user_id, not_before_ms=0, limit=9) == ()


async def test_only_members_talk(store: Store) -> None:
    """What is refused leaves nothing behind, not even its packet id."""
    alice, bob, mallory, _ = await friends(store)
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("stranger",))
    group_id = await group_of(store, alice, bob)

    outcomes = await append(
        store,
        uc(bob, group_id, "b-1"),
        uc(mallory, group_id, "m-1"),
        uc(stranger, group_id, "s-1"),
        uc(stranger, group_id, "s-1", as_app=True),
        uc(alice, TopicId(group_id + 1), "a-1"),
        uc(alice, group_id, "a-1"),
        p2p(mallory, "bob", "m-1"),
    )

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Commit, NotAMember, NoSuchTopic, NoSuchTopic, NoSuchTopic, Commit, Commit]
    assert not any(outcome.is_repeat for outcome in outcomes if isinstance(outcome, Commit))
    assert await packets_of(store, group_id) == ["b-1", "a-1"]


async def test_a_repeated_packet_id_yields_the_first_message(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)

    first, again = await append(store, uc(alice, group_id, "1", payload=b"a"), uc(alice, group_id, "1"))
    await store.leave_group(group_id, alice.user_id, APP, ignore)
    later = await append_one(store, uc(alice, group_id, "1"))

    assert isinstance(first, Commit)
    assert again == later == Commit(first.message, is_repeat=True, recipients=())
    assert await packets_of(store, group_id) == ["1"]


async def test_an_app_needs_no_membership_and_minds_no_mute(store: Store) -> None:
    alice, bob, outsider, _ = await friends(store)
    group_id = await group_of(store, alice, bob)
    await store.mute_group_member(group_id, bob.user_id, 2**40)

    first, second = await store.append_together(
        (uc(outsider, group_id, "1", as_app=True), p2p(outsider, "bob", "2"))
    )
    third = await append_one(store, uc(bob, group_id, "3", as_app=True))

    assert (first.recipients, [user_id for user_id, _ in second.recipients]) == ((), [bob.user_id])
    assert await log_of(store, group_id) == (first.message, third.message)


@pytest.mark.parametrize("refusal", [NoSuchTopic, NotAMember, Muted])
async def test_one_refusal_refuses_all_that_is_sent_together(store: Store, refusal: type[ImError]) -> None:
    alice, bob, *_ = await friends(store)
    mine, other = await group_of(store, bob), await group_of(store, alice, bob)
    refused = TopicId(other + 1) if refusal is NoSuchTopic else other
    if refusal is NotAMember:
        await store.leave_group(other, bob.user_id, APP, ignore)
    await store.mute_group_member(other, bob.user_id, 2**40)

    with pytest.raises(refusal):
        await store.append_together((uc(bob, mine, "1"), uc(bob, refused, "2")))

    assert await packets_of(store, mine) == []
    assert not (await append_one(store, uc(bob, mine, "1"))).is_repeat


# ------------------------------------------------------------------ mutes


async def test_a_muted_member_may_not_talk_before_the_time(store: Store, clock: FakeClock) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    other = await group_of(store, alice, bob)
    until_s = clock.now_ms() // 1_000 + 60

    assert await store.mute_group_member(group_id, bob.user_id, until_s)
    outcomes = await append(
        store, uc(bob, group_id, "1"), uc(alice, group_id, "1"), uc(bob, other, "2"), p2p(bob, "alice", "3")
    )
    muted = await store.find_group_member(group_id, bob.user_id)
    clock.advance(until_s * 1_000 - clock.now_ms() - 1)
    (last_refused,) = await append(store, uc(bob, group_id, "1"))
    clock.advance(1)
    await append_one(store, uc(bob, group_id, "1"))

    assert [type(outcome) for outcome in outcomes] == [Muted, Commit, Commit, Commit]
    assert muted == GroupMember(bob.user_id, "bob", until_s)
    assert isinstance(last_refused, Muted)
    assert await store.find_group_member(group_id, bob.user_id) == GroupMember(bob.user_id, "bob")
    assert {
        member.muted_until_s for member in await store.group_members(group_id, after=UserId(0), limit=9)
    } == {0}


@pytest.mark.parametrize("until_s", [0, 1])
async def test_a_mute_is_replaced_or_lifted(store: Store, until_s: int) -> None:
    """A time in the past lifts it too."""
    alice, bob, carol, _ = await friends(store)
    group_id = await group_of(store, alice, bob, carol)
    for account in (bob, carol):
        await store.mute_group_member(group_id, account.user_id, 2**40)

    await store.mute_group_member(group_id, carol.user_id, 2**41)
    lifted = await store.mute_group_member(group_id, bob.user_id, until_s)
    await append_one(store, uc(bob, group_id, "1"))
    members = await store.group_members(group_id, after=UserId(0), limit=9)

    assert lifted
    assert {member.account: member.muted_until_s for member in members} == {
        "alice": 0,
        "bob": 0,
        "carol": 2**41,
    }


async def test_a_mute_outlives_leaving(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    await store.mute_group_member(group_id, bob.user_id, 2**40)

    await store.leave_group(group_id, bob.user_id, APP, ignore)
    outside = await store.find_group_member(group_id, bob.user_id)
    changed = await store.mute_group_member(group_id, bob.user_id, 0)
    await store.join_group(group_id, bob.user_id, APP, ignore)
    (refused,) = await append(store, uc(bob, group_id, "1"))

    assert outside is None
    assert not changed
    assert isinstance(refused, Muted)
    assert await store.find_group_member(group_id, bob.user_id) == GroupMember(bob.user_id, "bob", 2**40)


# ------------------------------------------------------------------ cursors


async def test_each_device_has_its_own_place_in_each_group(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    changes: list[GroupChange] = []
    one = await store.create_group(APP, alice.user_id, name="", extra="", on_change=changes.append)
    two = await store.create_group(APP, alice.user_id, name="", extra="", on_change=changes.append)
    await store.join_group(one.group_id, bob.user_id, APP, changes.append)

    await store.move_group_cursors(
        (
            GroupCursor(one.group_id, alice.user_id, "phone", Sequence(7)),
            GroupCursor(one.group_id, alice.user_id, "tablet", Sequence(8)),
            GroupCursor(two.group_id, alice.user_id, "phone", Sequence(9)),
            GroupCursor(one.group_id, bob.user_id, "phone", Sequence(10)),
        )
    )

    def places(*cursors: int | None) -> tuple[GroupPlace, ...]:
        return tuple(
            GroupPlace(
                change.group_id, change.sequence, None if cursor is None else Sequence(cursor), Sequence(0)
            )
            for change, cursor in zip(changes, cursors, strict=False)
        )

    assert await store.group_places(alice.user_id, "phone") == places(7, 9)
    assert await store.group_places(alice.user_id, "tablet") == places(8, None)
    assert await store.group_places(alice.user_id, "laptop") == places(None, None)
    assert await store.group_places(bob.user_id, "phone") == (
        GroupPlace(one.group_id, changes[2].sequence, Sequence(10), Sequence(0)),
    )


async def test_a_cursor_only_moves_forward(store: Store) -> None:
    (alice, *_) = await friends(store)
    group_id = await group_of(store, alice)
    seen = []

    for sequences in ((5,), (4,), (6, 9, 8), (7,), ()):
        await store.move_group_cursors(
            tuple(GroupCursor(group_id, alice.user_id, "phone", Sequence(sequence)) for sequence in sequences)
        )
        (place,) = await store.group_places(alice.user_id, "phone")
        seen.append(place.cursor)

    assert seen == [5, 5, 9, 9, 9]


async def test_whoever_left_has_no_cursor(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    other = await group_of(store, alice, bob)
    for cursor_group in (group_id, other):
        await store.move_group_cursors((GroupCursor(cursor_group, bob.user_id, "phone", Sequence(5)),))

    await store.leave_group(group_id, bob.user_id, APP, ignore)
    await store.move_group_cursors(
        (
            GroupCursor(group_id, bob.user_id, "phone", Sequence(6)),
            GroupCursor(other, bob.user_id, "phone", Sequence(6)),
            GroupCursor(TopicId(other + 1), bob.user_id, "phone", Sequence(6)),
        )
    )
    await store.join_group(group_id, bob.user_id, APP, ignore)

    places = await store.group_places(bob.user_id, "phone")
    assert [(place.group_id, place.cursor) for place in places] == [(other, 6), (group_id, None)]


async def test_a_thousand_cursors_are_one_call(store: Store) -> None:
    (alice, *_) = await friends(store)
    group_id = await group_of(store, alice)

    await store.move_group_cursors(
        tuple(GroupCursor(group_id, alice.user_id, f"phone-{n}", Sequence(n + 1)) for n in range(1_000))
    )

    cursors = [(await store.group_places(alice.user_id, f"phone-{n}"))[0].cursor for n in (0, 511, 512, 999)]
    assert cursors == [1, 512, 513, 1_000]


# ------------------------------------------------------------------ the log


async def test_who_joins_sees_where_their_part_of_the_log_begins(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice)
    await append_one(store, uc(alice, group_id, "before"))
    changes: list[GroupChange] = []
    await store.join_group(group_id, bob.user_id, APP, changes.append)
    after = await append_one(store, uc(alice, group_id, "after"))

    (place,) = await store.group_places(bob.user_id, "phone")

    assert place == GroupPlace(group_id, changes[0].sequence, None, after.message.sequence)
    assert await packets_of(store, group_id, place.joined) == ["after"]
    assert await packets_of(store, group_id) == ["before", "after"]


async def test_the_log_holds_what_history_does_not_keep(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    group_id = await group_of(store, alice, bob)
    other = await group_of(store, alice)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    for number in range(6):
        await append_one(store, uc(bob, group_id, str(number), is_store=number % 3 == 0))
        await append_one(store, uc(alice, other, f"other-{number}"))
        await append_one(store, p2t(alice, topic.topic_id, f"topic-{number}"))

    assert await packets_of(store, group_id) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("is_store", [None, True, False])
@pytest.mark.parametrize(("limit", "expected"), [(1, "5"), (4, "2345"), (6, "012345"), (7, "012345")])
async def test_the_newest_are_read_no_more_than_asked_for(
    store: Store, limit: int, expected: str, is_store: bool | None
) -> None:
    (alice, *_) = await friends(store)
    group_id = await group_of(store, alice)
    for number in range(6):
        kept = number % 2 == 0 if is_store is None else is_store
        await append_one(store, uc(alice, group_id, str(number), is_store=kept))

    assert await packets_of(store, group_id, limit=limit) == list(expected)


@pytest.mark.parametrize(
    ("max_bytes", "expected"), [(0, "3"), (9, "3"), (10, "3"), (19, "3"), (20, "23"), (39, "123"), (40, "0123")]
)
async def test_the_newest_fill_no_more_bytes_than_asked_for_but_there_is_one(
    store: Store, max_bytes: int, expected: str
) -> None:
    (alice, *_) = await friends(store)
    group_id = await group_of(store, alice)
    for number in range(4):
        await append_one(store, uc(alice, group_id, str(number), payload=b"x" * 10, is_store=number % 2 == 0))

    assert await packets_of(store, group_id, max_bytes=max_bytes) == list(expected)


async def test_the_log_is_read_beyond_a_sequence_and_from_a_time_on(store: Store, clock: FakeClock) -> None:
    (alice, *_) = await friends(store)
    group_id = await group_of(store, alice)
    messages = []
    for number in range(5):
        messages.append((await append_one(store, uc(alice, group_id, str(number)))).message)
        clock.advance(10)
    second_ms, last_ms = messages[1].timestamp_ms, messages[4].timestamp_ms

    assert await packets_of(store, group_id, messages[2].sequence) == ["3", "4"]
    assert await packets_of(store, group_id, messages[2].sequence - 1) == ["2", "3", "4"]
    assert await packets_of(store, group_id, messages[4].sequence) == []
    assert await packets_of(store, group_id, not_before_ms=second_ms) == ["1", "2", "3", "4"]
    assert await packets_of(store, group_id, not_before_ms=second_ms + 1) == ["2", "3", "4"]
    assert await packets_of(store, group_id, messages[2].sequence, not_before_ms=second_ms) == ["3", "4"]
    assert await packets_of(store, group_id, messages[0].sequence, not_before_ms=last_ms) == ["4"]
    assert await packets_of(store, group_id, not_before_ms=last_ms + 1) == []


async def test_an_apps_groups_are_listed_by_id(store: Store) -> None:
    alice, bob, carol, _ = await friends(store)
    (mallory,) = await store.ensure_accounts(OTHER_APP, ("mallory",))
    ids = sorted(
        [await group_of(store, alice, bob, carol), await group_of(store, bob), await group_of(store, alice)]
    )
    foreign = await group_of(store, mallory)
    gone = await group_of(store, carol)
    await store.delete_group(gone, ignore)

    everything = await store.list_groups(APP, after=TopicId(0), limit=10)
    first = await store.list_groups(APP, after=TopicId(0), limit=2)
    rest = await store.list_groups(APP, after=first[-1].group_id, limit=2)

    assert list(everything) == [await store.find_group(group_id) for group_id in ids]
    assert first + rest == everything
    assert [group.group_id for group in await store.list_groups(OTHER_APP, after=TopicId(0), limit=9)] == [
        foreign
    ]
