"""Who may make, see and change unlimited groups."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.auth import Principal
from openmimc.domain.groups import MAX_MUTED_UNTIL_S, Groups
from openmimc.domain.names import EXTRA_MAX_BYTES, TOPIC_NAME_MAX_BYTES
from openmimc.errors import BadRequest, Forbidden, MissingField, NoSuchTopic, NotAMember, TooBig, Unavailable
from openmimc.model.app import App, AppSettings
from openmimc.model.group import GroupChangeKind
from openmimc.model.ids import AppId, TopicId, UserId
from tests.fakes.bus import RecordingBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore


class Online:
    """So many are online in every group."""

    def count_online(self, _group_id: TopicId) -> int:
        return 3


class World:
    """Groups on a store in memory, with three users of one app and one of another."""

    def __init__(self) -> None:
        self.store = MemoryStore(FakeClock())
        self.bus = RecordingBus()
        self.groups = Groups(self.store, self.store, self.bus, Online())

    async def user(self, name: str, app_id: int = 1, *, lifetime_s: int = 0) -> Principal:
        app = App(
            app_id=AppId(app_id),
            name="chat",
            package="com.example.chat",
            key="1",
            secret_hash=b"",
            key_generation=1,
            created_ms=0,
            settings=AppSettings(uuidTTL=lifetime_s),
        )
        (account,) = await self.store.ensure_accounts(app.app_id, (name,))
        return Principal(app, account)

    async def join(self, user: Principal, group_id: TopicId) -> None:
        await self.groups.join(user.app.app_id, user.account.user_id, group_id)

    async def leave(self, user: Principal, group_id: TopicId) -> None:
        await self.groups.leave(user.app.app_id, user.account.user_id, group_id)

    def changes(self) -> list[tuple[GroupChangeKind, int]]:
        return [(notice.kind, notice.user_id) for notice in self.bus.published]  # type: ignore[union-attr]


@pytest.fixture
async def world() -> World:
    return World()


async def test_the_owner_is_the_first_member(world: World) -> None:
    alice = await world.user("alice")
    group = await world.groups.create(alice, name="room", extra="{}")
    assert (group.owner_account, group.name, group.extra, group.member_count) == ("alice", "room", "{}", 1)
    assert await world.groups.list_mine(alice) == (group.group_id,)
    assert await world.groups.get(alice, group.group_id) == group
    assert world.changes() == [(GroupChangeKind.JOINED, alice.account.user_id)]


@pytest.mark.parametrize(
    ("name", "extra", "error"),
    [
        ("", "", MissingField),
        ("n" * (TOPIC_NAME_MAX_BYTES + 1), "", TooBig),
        ("name", "e" * (EXTRA_MAX_BYTES + 1), TooBig),
        ("na\0me", "", BadRequest),
    ],
)
async def test_a_group_that_can_not_be_made(
    world: World, name: str, extra: str, error: type[Exception]
) -> None:
    alice = await world.user("alice")
    with pytest.raises(error):
        await world.groups.create(alice, name=name, extra=extra)
    assert await world.groups.list_mine(alice) == ()


async def test_the_longest_name_and_extra(world: World) -> None:
    alice = await world.user("alice")
    await world.groups.create(alice, name="n" * TOPIC_NAME_MAX_BYTES, extra="e" * EXTRA_MAX_BYTES)


async def test_temporary_accounts_make_no_groups(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.groups.create(await world.user("alice", lifetime_s=60), name="room")


async def test_only_members_and_the_owner_see_a_group(world: World) -> None:
    alice, bob, eve = [await world.user(name) for name in ("alice", "bob", "eve")]
    foreigner = await world.user("alice", 2)
    group_id = (await world.groups.create(alice, name="room")).group_id
    await world.join(bob, group_id)
    await world.leave(alice, group_id)
    for insider in (alice, bob):
        assert (await world.groups.get(insider, group_id)).member_count == 1
        assert await world.groups.count_online(insider, group_id) == 3
    for outsider, error in ((eve, NotAMember), (foreigner, NoSuchTopic)):
        with pytest.raises(error):
            await world.groups.get(outsider, group_id)
        with pytest.raises(error):
            await world.groups.members(outsider, group_id, after=UserId(0), limit=10)
        with pytest.raises(error):
            await world.groups.count_online(outsider, group_id)
    with pytest.raises(NoSuchTopic):
        await world.groups.get(alice, TopicId(12345))


async def test_members_come_in_batches(world: World) -> None:
    alice = await world.user("alice")
    group_id = (await world.groups.create(alice, name="room")).group_id
    for number in range(4):
        await world.join(await world.user(f"user{number}"), group_id)
    seen: list[str] = []
    after, is_end = UserId(0), False
    sizes = []
    while not is_end:
        group, members, is_end = await world.groups.members(alice, group_id, after=after, limit=2)
        assert group.member_count == 5
        seen += [member.account for member in members]
        sizes.append(len(members))
        after = members[-1].user_id
    assert sizes == [2, 2, 1]
    assert sorted(seen) == ["alice", "user0", "user1", "user2", "user3"]
    _, members, is_end = await world.groups.members(alice, group_id, after=UserId(0), limit=5)
    assert (len(members), is_end) == (5, True)


async def test_only_the_owner_dismisses_and_once(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    group_id = (await world.groups.create(alice, name="room")).group_id
    await world.join(bob, group_id)
    with pytest.raises(Forbidden):
        await world.groups.dismiss(bob, group_id)
    with pytest.raises(NoSuchTopic):
        await world.groups.dismiss(await world.user("alice", 2), group_id)
    await world.groups.dismiss(alice, group_id)
    with pytest.raises(NoSuchTopic):
        await world.groups.dismiss(alice, group_id)
    assert world.changes()[-1] == (GroupChangeKind.DISMISSED, 0)
    assert await world.groups.list_mine(bob) == ()


async def test_joining_and_leaving_twice_is_told_once(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    group_id = (await world.groups.create(alice, name="room")).group_id
    for _ in range(2):
        await world.join(bob, group_id)
    for _ in range(2):
        await world.leave(bob, group_id)
    bob_id = bob.account.user_id
    assert world.changes()[1:] == [(GroupChangeKind.JOINED, bob_id), (GroupChangeKind.LEFT, bob_id)]
    with pytest.raises(NoSuchTopic):
        await world.join(await world.user("bob", 2), group_id)


@pytest.mark.parametrize("until_s", [-1, MAX_MUTED_UNTIL_S + 1])
async def test_a_time_that_can_not_be(world: World, until_s: int) -> None:
    alice = await world.user("alice")
    group_id = (await world.groups.create(alice, name="room")).group_id
    with pytest.raises(BadRequest):
        await world.groups.mute(alice, group_id, account="alice", until_s=until_s)


async def test_who_may_mute_whom(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    group_id = (await world.groups.create(alice, name="room")).group_id
    await world.join(bob, group_id)
    await world.groups.mute(alice, group_id, account="bob", until_s=MAX_MUTED_UNTIL_S)
    member = await world.store.find_group_member(group_id, bob.account.user_id)
    assert member is not None
    assert member.muted_until_s == MAX_MUTED_UNTIL_S
    with pytest.raises(Forbidden):
        await world.groups.mute(bob, group_id, account="alice", until_s=0)
    with pytest.raises(NoSuchTopic):
        await world.groups.mute(await world.user("alice", 2), group_id, account="bob", until_s=0)
    await world.user("carol")
    for stranger in ("carol", "nobody"):
        with pytest.raises(BadRequest):
            await world.groups.mute(alice, group_id, account=stranger, until_s=0)
    assert await world.store.find_account(AppId(1), "nobody") is None
    with pytest.raises(MissingField):
        await world.groups.mute(alice, group_id, account="", until_s=0)


async def test_an_answer_with_groups_is_not_held_back(world: World) -> None:
    alice = await world.user("alice")
    group = await world.groups.create(alice, name="room")
    async with asyncio.timeout(5):
        assert await world.groups.list_mine_later(alice, 3600) == (group.group_id,)


async def test_an_empty_answer_is_held_back_until_the_user_joins_one(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    held = [asyncio.create_task(world.groups.list_mine_later(bob, 3600)) for _ in range(2)]
    await asyncio.sleep(0.01)
    group_id = (await world.groups.create(alice, name="room")).group_id
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in held)
    await world.join(bob, group_id)
    async with asyncio.timeout(5):
        assert await asyncio.gather(*held) == [(group_id,)] * 2


async def test_an_empty_answer_is_held_back_no_longer_than_asked_for(world: World) -> None:
    async with asyncio.timeout(5):
        assert await world.groups.list_mine_later(await world.user("bob"), 0.01) == ()


async def test_nobody_waits_when_the_server_stops(world: World) -> None:
    bob = await world.user("bob")
    held = asyncio.create_task(world.groups.list_mine_later(bob, 3600))
    await asyncio.sleep(0.01)
    world.groups.stop()
    async with asyncio.timeout(5):
        assert await held == ()
        assert await world.groups.list_mine_later(bob, 3600) == ()


async def test_who_hangs_up_or_meets_a_failing_store_is_not_remembered(world: World) -> None:
    bob = await world.user("bob")
    held = asyncio.create_task(world.groups.list_mine_later(bob, 3600))
    await asyncio.sleep(0.01)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    world.store.fail_next()
    with pytest.raises(Unavailable):
        await world.groups.list_mine_later(bob, 3600)
    assert world.groups._waiting == {}
