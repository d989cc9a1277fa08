"""``SweepStore``, as far as unlimited groups go."""

from __future__ import annotations

import pytest

from openmimc.domain.ports import Store
from openmimc.errors import NoSuchTopic
from openmimc.model.app import AppSettings
from openmimc.model.group import GroupCursor, GroupMember
from openmimc.model.history import Conversation
from openmimc.model.ids import Sequence, TopicId, UserId
from tests.contract.drafts import APP, OTHER_APP, app, append, append_one, group_of, ignore, sweep_round, uc
from tests.fakes.clock import DAY_MS, FakeClock

ALL_BYTES = 2**40


async def log_of(store: Store, group_id: TopicId) -> list[str]:
    messages = await store.read_group(
        group_id, after=Sequence(0), not_before_ms=0, limit=100, max_bytes=ALL_BYTES
    )
    return [message.packet_id for message in messages]


@pytest.mark.parametrize(
    ("age_days", "kept"), [(3, ["kept", "passing"]), (4, ["kept"]), (10, ["kept"]), (11, [])]
)
async def test_a_groups_messages_stay_for_their_time(
    store: Store, clock: FakeClock, age_days: int, kept: list[str]
) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=3, msgStorageTime=10)))
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    group_id = await group_of(store, alice)
    await append(store, uc(alice, group_id, "kept"), uc(alice, group_id, "passing", is_store=False))

    clock.advance(age_days * DAY_MS)
    await sweep_round(store)

    assert await log_of(store, group_id) == kept
    assert await store.find_group(group_id) is not None
    assert await store.groups_of(alice.user_id) == (group_id,)


async def test_messages_of_a_dismissed_group_stay_for_their_time(store: Store, clock: FakeClock) -> None:
    await store.save_app(app(settings=AppSettings(inboxTime=3, msgStorageTime=10)))
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id = await group_of(store, alice, bob)
    await append_one(store, uc(alice, group_id, "1"))
    await store.delete_group(group_id, ignore)

    await sweep_round(store)
    young = await store.read_history(
        Conversation.of_group(group_id), start=Sequence(0), stop=Sequence(2**62), limit=9, newest=True
    )
    clock.advance(11 * DAY_MS)
    await sweep_round(store)

    assert [message.packet_id for message in young.messages] == ["1"]
    assert await log_of(store, group_id) == []


async def test_a_deleted_app_leaves_no_groups(store: Store) -> None:
    kept = {}
    for app_id in (APP, OTHER_APP):
        await store.save_app(app(app_id))
        accounts = await store.ensure_accounts(app_id, tuple(f"user-{number}" for number in range(8)))
        groups = [await group_of(store, owner, *accounts) for owner in accounts[:4]]
        await store.mute_group_member(groups[0], accounts[1].user_id, 2**40)
        await store.move_group_cursors((GroupCursor(groups[0], accounts[1].user_id, "phone", Sequence(1)),))
        await append_one(store, uc(accounts[0], groups[0], "1"))
        kept[app_id] = (accounts, groups)

    await store.delete_app(APP)
    await sweep_round(store)
    accounts, groups = kept[APP]
    others, other_groups = kept[OTHER_APP]

    assert [await store.find_group(group_id) for group_id in groups] == [None] * 4
    assert await store.groups_of(accounts[1].user_id) == ()
    assert await store.group_places(accounts[1].user_id, "phone") == ()
    assert await log_of(store, groups[0]) == []
    assert await log_of(store, other_groups[0]) == ["1"]
    assert await store.groups_of(others[1].user_id) == tuple(other_groups)
    (place, *_) = await store.group_places(others[1].user_id, "phone")
    assert place.cursor == 1
    member = await store.find_group_member(other_groups[0], others[1].user_id)
    assert member == GroupMember(others[1].user_id, "user-1", 2**40)


async def test_groups_of_temporary_accounts_pass_to_their_oldest_members(
    store: Store, clock: FakeClock
) -> None:
    await store.save_app(app(settings=AppSettings(uuidTTL=60)))
    old, older, lonely = await store.ensure_accounts(APP, ("old", "older", "lonely"))
    clock.advance(30_000)
    young, younger = await store.ensure_accounts(APP, ("young", "younger"))
    passed = await group_of(store, old, older, younger, young)
    # The owner need not be a member, to keep it or to lose it.
    left = await group_of(store, old, young, older)
    await store.leave_group(left, old.user_id, APP, ignore)
    joined = await group_of(store, young, old, lonely)
    deserted = await group_of(store, younger, old)
    await store.leave_group(deserted, younger.user_id, APP, ignore)
    lost = await group_of(store, lonely, old)
    await append_one(store, uc(old, lost, "1"))
    await store.mute_group_member(passed, younger.user_id, 2**40)
    for account in (old, younger):
        await store.move_group_cursors((GroupCursor(passed, account.user_id, "phone", Sequence(5)),))
    clock.advance(30_001)

    await sweep_round(store, limit=100)  # Several members of one group in one step.
    groups = [await store.find_group(group_id) for group_id in (passed, left, joined, deserted)]
    members = await store.group_members(passed, after=UserId(0), limit=9)
    (refused,) = await append(store, uc(young, lost, "2", as_app=True))

    assert [group and (group.owner_account, group.member_count) for group in groups] == [
        ("younger", 2),
        ("young", 1),
        ("young", 1),
        ("younger", 0),
    ]
    assert {member.account: member.muted_until_s for member in members} == {"younger": 2**40, "young": 0}
    assert await store.groups_of(younger.user_id) == (passed,)
    assert await store.find_group(lost) is None
    assert isinstance(refused, NoSuchTopic)
    assert await log_of(store, lost) == ["1"]
    for gone in (old, older, lonely):
        assert await store.groups_of(gone.user_id) == ()
        assert await store.group_places(gone.user_id, "phone") == ()
    places = await store.group_places(younger.user_id, "phone")
    assert [(place.group_id, place.cursor) for place in places] == [(passed, 5)]
