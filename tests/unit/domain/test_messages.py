"""What may be sent from sockets and pushed by app servers, and what becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from openmimc.domain.apps import Apps
from openmimc.domain.messages import DEFAULT_PUSH_RESOURCE, PUSH_MAX_TARGETS, Messages, Pushed
from openmimc.errors import (
    AccountBanned,
    BadRequest,
    DomainError,
    ForeignApp,
    MissingField,
    Muted,
    NoSuchTopic,
    NotAMember,
    RateLimited,
    SenderBlocked,
    TooBig,
    Unavailable,
)
from openmimc.model.app import App
from openmimc.model.callback import CallbackKind, CallbackState, EventId
from openmimc.model.ids import Position, Sequence, TopicId, UserId
from openmimc.model.message import Commit, Kind, Message, Sender
from tests.contract.drafts import ignore
from tests.fakes.bus import RecordingBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.webhooks import CountingWebhooks

Outcome = Commit | DomainError | Unavailable

CALLBACK_URL = "https://app.example.com/callback"


class World:
    """One app, and everything a message passes through except the network."""

    app: App
    other: App

    def __init__(self, make_store: type[MemoryStore] = MemoryStore) -> None:
        self.clock = FakeClock()
        self.store = make_store(self.clock)
        self.bus = RecordingBus()
        self.webhooks = CountingWebhooks()
        self.apps = Apps(self.store, self.clock)
        self.messages = Messages(self.store, self.apps, self.bus, clock=self.clock, webhooks=self.webhooks)

    async def open(self) -> World:
        self.app, _ = await self.apps.create_app("chat")
        self.other, _ = await self.apps.create_app("other")
        return self

    async def set(self, **settings: Any) -> None:
        changes = {name: str(value) for name, value in settings.items()}
        self.app = await self.apps.change_settings(self.app.app_id, changes)

    async def user(self, account: str, app: App | None = None) -> UserId:
        (found,) = await self.store.ensure_accounts((app or self.app).app_id, (account,))
        return found.user_id

    async def sender(self, account: str) -> Sender:
        return Sender(self.app.app_id, await self.user(account), account, "phone")

    async def topic(self, owner: str, *members: str, app: App | None = None) -> TopicId:
        app = app or self.app
        user_ids = [await self.user(member, app) for member in members]
        topic = await self.store.create_topic(
            app.app_id, await self.user(owner, app), tuple(user_ids), name="room", extra=""
        )
        return topic.topic_id

    async def inbox(self, account: str) -> list[Message]:
        """What waits for somebody; looking does not create them."""
        found = await self.store.find_account(self.app.app_id, account)
        if found is None:
            return []
        page = await self.store.read_inbox(
            found.user_id, Position(0), not_before_ms=0, max_messages=10_000, max_bytes=10_000_000
        )
        return [delivery.message for delivery in page.deliveries]

    async def push(self, *to_accounts: str, **fields: Any) -> Pushed:
        arguments = {
            "from_account": "alice",
            "from_resource": "",
            "to_accounts": to_accounts,
            "payload": b"hello",
            "biz_type": None,
            "is_store": True,
        }
        return await self.messages.push_p2p(self.app, **{**arguments, **fields})

    async def push_to_topics(self, *topic_ids: TopicId, **fields: Any) -> Pushed:
        arguments = {
            "from_account": "alice",
            "from_resource": "",
            "topic_ids": topic_ids,
            "payload": b"hello all",
            "biz_type": None,
            "is_store": True,
        }
        return await self.messages.push_p2t(self.app, **{**arguments, **fields})

    async def group(self, owner: str, *members: str, app: App | None = None) -> TopicId:
        """An unlimited group; of who comes and goes the bus does not hear."""
        app = app or self.app
        group = await self.store.create_group(
            app.app_id, await self.user(owner, app), name="stadium", extra="", on_change=ignore
        )
        for member in members:
            await self.store.join_group(group.group_id, await self.user(member, app), app.app_id, ignore)
        return group.group_id

    async def log(self, group_id: TopicId) -> list[Message]:
        """What was said in an unlimited group."""
        return list(
            await self.store.read_group(
                group_id, after=Sequence(0), not_before_ms=0, limit=1000, max_bytes=10_000_000
            )
        )

    async def push_to_groups(self, *group_ids: TopicId, **fields: Any) -> Pushed:
        arguments = {
            "from_account": "alice",
            "from_resource": "",
            "group_ids": group_ids,
            "payload": b"hello stadium",
            "biz_type": None,
            "is_store": True,
        }
        return await self.messages.push_group(self.app, **{**arguments, **fields})

    def send_to_group(
        self, sender: Sender, group_id: int, packet_id: str, **fields: Any
    ) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        arguments = {
            "to_app_id": None,
            "payload": b"from a socket",
            "biz_type": None,
            "is_store": True,
        }
        self.messages.send_group(
            sender,
            group_id=group_id,
            packet_id=packet_id,
            reply=outcome.set_result,
            **{**arguments, **fields},
        )
        return outcome

    def send(
        self, sender: Sender, to_account: str, packet_id: str, *, conversation: bool = False
    ) -> asyncio.Future[Outcome]:
        """Send from a socket."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.messages.send_p2p(
            sender,
            to_app_id=None,
            to_account=to_account,
            packet_id=packet_id,
            payload=b"from a socket",
            biz_type=None,
            is_store=True,
            conversation=conversation,
            reply=outcome.set_result,
        )
        return outcome

    def send_to_topic(
        self, sender: Sender, topic_id: int, packet_id: str, *, conversation: bool = False
    ) -> asyncio.Future[Outcome]:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.messages.send_p2t(
            sender,
            to_app_id=None,
            topic_id=topic_id,
            packet_id=packet_id,
            payload=b"from a socket",
            biz_type=None,
            is_store=True,
            conversation=conversation,
            reply=outcome.set_result,
        )
        return outcome

    async def callback_kinds(self) -> list[CallbackKind]:
        waiting = await self.store.list_callbacks(
            self.app.app_id, CallbackState.WAITING, after=EventId(0), limit=100
        )
        return [event.kind for event in waiting]


@pytest.fixture
async def world() -> World:
    return await World().open()


# ------------------------------------------------------------------ pushes to accounts


async def test_a_push_reaches_everybody_with_a_packet_id_for_each_in_their_order(world: World) -> None:
    pushed = await world.push("carol", "bob", "dave", payload=b"\0\xff", biz_type="NEWS", is_store=False)

    assert len(set(pushed.packet_ids)) == 3
    assert pushed.blocked == ()
    for account, packet_id in zip(("carol", "bob", "dave"), pushed.packet_ids, strict=True):
        (message,) = await world.inbox(account)
        assert message.packet_id == packet_id
        assert message.to_account == account
        assert (message.payload, message.biz_type, message.is_store) == (b"\0\xff", "NEWS", False)
        assert message.sender == Sender(
            world.app.app_id, await world.user("alice"), "alice", DEFAULT_PUSH_RESOURCE
        )


async def test_the_bus_hears_of_every_message_of_a_push_in_the_order_of_commits(world: World) -> None:
    pushed = await world.push("bob", "carol", "dave")

    assert [commit.message.packet_id for commit in world.bus.published] == list(pushed.packet_ids)
    sequences = [commit.message.sequence for commit in world.bus.published]
    assert sequences == sorted(sequences)


async def test_the_device_of_a_push_can_be_named(world: World) -> None:
    await world.push("bob", from_resource="kiosk")

    (message,) = await world.inbox("bob")
    assert message.sender.resource == "kiosk"


async def test_packet_ids_of_two_servers_differ(world: World) -> None:
    other = await World().open()

    first, second = await world.push("bob"), await other.push("bob")

    assert first.packet_ids != second.packet_ids


async def test_who_is_named_twice_gets_one_message(world: World) -> None:
    pushed = await world.push("bob", "carol", "bob")

    assert len(pushed.packet_ids) == 2
    assert [message.packet_id for message in await world.inbox("bob")] == [pushed.packet_ids[0]]
    assert [message.packet_id for message in await world.inbox("carol")] == [pushed.packet_ids[1]]


async def test_the_senders_devices_get_copies_of_a_push_unless_the_app_has_none(world: World) -> None:
    await world.store.open_device(await world.user("alice"), "phone")

    await world.push("bob")
    await world.set(copyToSender="false")
    await world.push("bob")

    assert len(await world.inbox("alice")) == 1


async def test_a_push_takes_as_many_recipients_as_allowed_and_not_one_more(world: World) -> None:
    names = [f"user-{number}" for number in range(PUSH_MAX_TARGETS + 1)]

    pushed = await world.push(*names[:-1])
    with pytest.raises(TooBig):
        await world.push(*names)

    assert len(pushed.packet_ids) == PUSH_MAX_TARGETS
    assert await world.store.find_account(world.app.app_id, names[-1]) is None
    assert len(await world.inbox(names[0])) == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"to_accounts": ()}, MissingField),
        ({"to_accounts": ("bob", "")}, MissingField),
        ({"to_accounts": ("bob", "b" * 257)}, TooBig),
        ({"to_accounts": ("bob", "b\0b")}, BadRequest),
        ({"from_account": ""}, MissingField),
        ({"from_account": "a" * 257}, TooBig),
        ({"from_resource": "r" * 129}, TooBig),
        ({"from_resource": "r\0"}, BadRequest),
        ({"biz_type": "t" * 1025}, TooBig),
        ({"biz_type": "\ud800"}, BadRequest),
        ({"payload": b"x" * 65_537}, TooBig),
    ],
)
async def test_a_push_that_is_not_as_it_should_be_sends_nothing_and_creates_nobody(
    world: World, fields: dict[str, Any], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        await world.push("bob", **fields)

    assert await world.store.find_account(world.app.app_id, "alice") is None
    assert await world.store.find_account(world.app.app_id, "bob") is None
    assert world.bus.published == []


async def test_texts_and_payload_of_the_largest_size_pass(world: World) -> None:
    await world.push(
        "b" * 256, from_account="a" * 256, from_resource="r" * 128, biz_type="t" * 1024, payload=bytes(65_536)
    )

    (message,) = await world.inbox("b" * 256)
    assert len(message.payload) == 65_536


async def test_nothing_is_pushed_in_the_name_of_a_banned_user(world: World) -> None:
    await world.store.change_account(await world.user("alice"), is_banned=True)

    with pytest.raises(AccountBanned):
        await world.push("bob")

    assert await world.inbox("bob") == []


async def test_a_push_that_the_store_cannot_take_tells_nobody_and_holds_up_nothing(world: World) -> None:
    alice = await world.sender("alice")
    push = asyncio.create_task(world.push("bob"))
    await asyncio.sleep(0)  # The sender is looked up; the messages come next.
    world.store.fail_next(1)

    with pytest.raises(Unavailable):
        await push
    outcome = await world.send(alice, "bob", "p-1")

    assert isinstance(outcome, Commit)
    assert [message.packet_id for message in await world.inbox("bob")] == ["p-1"]
    assert [commit.message.packet_id for commit in world.bus.published] == ["p-1"]


# ------------------------------------------------------------------ blacklists


async def test_a_push_to_one_who_blocks_the_sender_is_refused(world: World) -> None:
    await world.store.block(await world.user("bob"), await world.user("alice"))

    with pytest.raises(SenderBlocked):
        await world.push("bob")

    assert await world.inbox("bob") == []
    assert world.bus.published == []


async def test_a_push_to_many_leaves_out_who_blocks_the_sender_and_names_them(world: World) -> None:
    for account in ("bob", "dave"):
        await world.store.block(await world.user(account), await world.user("alice"))

    pushed = await world.push("bob", "carol", "dave", "erin")

    assert pushed.blocked == ("bob", "dave")
    assert len(pushed.packet_ids) == 2
    assert [message.packet_id for message in await world.inbox("carol")] == [pushed.packet_ids[0]]
    assert [message.packet_id for message in await world.inbox("erin")] == [pushed.packet_ids[1]]
    assert await world.inbox("bob") == await world.inbox("dave") == []


async def test_a_push_to_many_who_all_block_the_sender_is_refused(world: World) -> None:
    for account in ("bob", "carol"):
        await world.store.block(await world.user(account), await world.user("alice"))

    with pytest.raises(SenderBlocked):
        await world.push("bob", "carol")

    assert world.bus.published == []


class Changeable(MemoryStore):
    """A store in which somebody unblocks the sender each time a push is refused: the worst moment."""

    async def find_account(self, app_id: Any, name: str) -> Any:
        account = await super().find_account(app_id, name)
        sender = await super().find_account(app_id, "alice")
        if account is not None and sender is not None:
            await self.unblock(account.user_id, sender.user_id)
        return account


async def test_who_unblocks_the_sender_in_the_middle_of_a_push_gets_it() -> None:
    world = await World(Changeable).open()
    await world.store.block(await world.user("bob"), await world.user("alice"))

    pushed = await world.push("bob", "carol")

    assert pushed.blocked == ()
    assert len(pushed.packet_ids) == len(await world.inbox("bob")) + len(await world.inbox("carol")) == 2


class Fickle(MemoryStore):
    """A store in which the sender is blocked at every push, and by nobody in between."""

    async def append_together(self, drafts: Any, on_commit: Any = None) -> Any:
        raise SenderBlocked


async def test_a_push_that_is_blocked_and_unblocked_for_ever_is_given_up() -> None:
    world = await World(Fickle).open()

    with pytest.raises(Unavailable):
        await world.push("bob", "carol")

    outcome = await world.send(await world.sender("alice"), "bob", "p-1")
    assert world.bus.published == [outcome]


async def test_a_message_from_a_socket_to_one_who_blocks_the_sender_is_refused(world: World) -> None:
    alice = await world.sender("alice")
    await world.store.block(await world.user("bob"), alice.user_id)

    outcome = await world.send(alice, "bob", "p-1")

    assert isinstance(outcome, SenderBlocked)
    assert await world.inbox("bob") == []


# ------------------------------------------------------------------ pushes to topics


async def test_a_push_to_topics_reaches_their_members_though_the_sender_is_none(world: World) -> None:
    tea, cake = await world.topic("bob", "carol"), await world.topic("dave")

    pushed = await world.push_to_topics(tea, cake)

    for account, topic_id, packet_id in (
        ("bob", tea, pushed.packet_ids[0]),
        ("carol", tea, pushed.packet_ids[0]),
        ("dave", cake, pushed.packet_ids[1]),
    ):
        (message,) = await world.inbox(account)
        assert (message.topic_id, message.packet_id, message.sender.account) == (topic_id, packet_id, "alice")


async def test_from_a_socket_the_sender_must_be_a_member_all_the_same(world: World) -> None:
    topic_id = await world.topic("bob")

    outcome = await world.send_to_topic(await world.sender("alice"), topic_id, "p-1")

    assert isinstance(outcome, NotAMember)


async def test_a_topic_that_is_named_twice_gets_one_message(world: World) -> None:
    topic_id = await world.topic("bob")

    pushed = await world.push_to_topics(topic_id, topic_id)

    assert [message.packet_id for message in await world.inbox("bob")] == list(pushed.packet_ids)


async def test_one_unknown_topic_among_many_and_nothing_is_sent_to_any(world: World) -> None:
    topic_id = await world.topic("bob")

    with pytest.raises(NoSuchTopic):
        await world.push_to_topics(topic_id, TopicId(999), topic_id)

    assert await world.inbox("bob") == []
    assert world.bus.published == []


async def test_another_apps_topic_is_no_topic(world: World) -> None:
    topic_id = await world.topic("bob", app=world.other)

    with pytest.raises(NoSuchTopic):
        await world.push_to_topics(topic_id)


async def test_a_push_takes_as_many_topics_as_allowed_and_not_one_more(world: World) -> None:
    topic_ids = [await world.topic("bob") for _ in range(PUSH_MAX_TARGETS + 1)]

    pushed = await world.push_to_topics(*topic_ids[:-1])
    with pytest.raises(TooBig):
        await world.push_to_topics(*topic_ids)
    with pytest.raises(MissingField):
        await world.push_to_topics()

    assert len(pushed.packet_ids) == len(await world.inbox("bob")) == PUSH_MAX_TARGETS


# ------------------------------------------------------------------ unlimited groups


async def test_a_message_to_a_group_lies_in_its_log_alone_and_the_bus_hears_of_it(world: World) -> None:
    """Though it is in nobody's inbox: who is there gets it from the bus. The sender gets no copy."""
    await world.store.open_device(await world.user("alice"), "tablet")
    group_id = await world.group("alice", "bob")
    alice = await world.sender("alice")

    outcome = await world.send_to_group(alice, group_id, "p-1", biz_type="NEWS", is_store=False)

    assert isinstance(outcome, Commit)
    message = outcome.message
    assert (outcome.is_repeat, outcome.recipients) == (False, ())
    assert (message.kind, message.topic_id, message.packet_id) == (Kind.GROUP, group_id, "p-1")
    assert (message.sender, message.payload) == (alice, b"from a socket")
    assert (message.biz_type, message.is_store, message.index) == ("NEWS", False, 0)
    assert await world.log(group_id) == [message]
    assert world.bus.published == [outcome]
    assert await world.inbox("alice") == await world.inbox("bob") == []


async def test_a_repeated_message_to_a_group_is_told_to_its_sender_alone(world: World) -> None:
    group_id = await world.group("alice", "bob")
    alice = await world.sender("alice")
    first = await world.send_to_group(alice, group_id, "p-1")

    again = await world.send_to_group(alice, group_id, "p-1")

    assert isinstance(first, Commit)
    assert isinstance(again, Commit)
    assert (again.is_repeat, again.message) == (True, first.message)
    assert world.bus.published == [first]
    assert len(await world.log(group_id)) == 1


async def test_only_members_talk_in_a_group(world: World) -> None:
    """Not even its owner, once they left."""
    group_id = await world.group("alice", "bob")
    await world.store.leave_group(group_id, await world.user("alice"), world.app.app_id, ignore)

    for account in ("alice", "eve"):
        assert isinstance(await world.send_to_group(await world.sender(account), group_id, "p-1"), NotAMember)
    assert isinstance(await world.send_to_group(await world.sender("bob"), group_id, "p-1"), Commit)
    assert len(world.bus.published) == 1


async def test_who_is_muted_does_not_talk_until_the_time_is_over(world: World) -> None:
    group_id = await world.group("alice", "bob")
    bob = await world.sender("bob")
    until_s = world.clock.now_ms() // 1000 + 60
    await world.store.mute_group_member(group_id, bob.user_id, until_s)

    while_muted = await world.send_to_group(bob, group_id, "p-1")
    others = await world.send_to_group(await world.sender("alice"), group_id, "p-1")
    world.clock.advance(61_000)
    afterwards = await world.send_to_group(bob, group_id, "p-1")

    assert isinstance(while_muted, Muted)
    assert isinstance(others, Commit)
    assert isinstance(afterwards, Commit)


async def test_a_group_of_another_app_a_topic_and_nothing_are_no_groups(world: World) -> None:
    alice = await world.sender("alice")
    foreign = await world.group("alice", app=world.other)
    topic_id = await world.topic("alice")

    for group_id in (foreign, topic_id, TopicId(999), TopicId(2**63 - 1)):
        assert isinstance(await world.send_to_group(alice, group_id, "p-1"), NoSuchTopic)
    assert world.bus.published == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"group_id": 0}, BadRequest),
        ({"group_id": -1}, BadRequest),
        ({"group_id": 2**63}, BadRequest),
        ({"to_app_id": 1}, ForeignApp),
        ({"payload": bytes(65_537)}, TooBig),
    ],
)
async def test_a_message_to_a_group_that_is_not_as_it_should_be_is_refused_at_once(
    world: World, fields: dict[str, Any], error: type[DomainError]
) -> None:
    group_id = await world.group("alice")
    alice = await world.sender("alice")

    with pytest.raises(error):
        world.send_to_group(alice, **{"group_id": group_id, "packet_id": "p-1", **fields})

    assert await world.log(group_id) == []


async def test_groups_have_a_rate_of_their_own(world: World) -> None:
    """One for the whole app, whatever group and whoever sends, pushes included."""
    await world.set(p2pMaxQps=1, p2tMaxQps=1, ucMaxQps=3)
    tea, cake = await world.group("alice", "bob"), await world.group("bob")
    alice, bob = await world.sender("alice"), await world.sender("bob")

    await world.push("bob")
    outcomes = [await world.send_to_group(alice, tea, "p-1")]
    await world.push_to_groups(tea)
    outcomes.append(await world.send_to_group(bob, cake, "p-1"))
    with pytest.raises(RateLimited):
        world.send_to_group(alice, tea, "p-2")
    with pytest.raises(RateLimited):
        await world.push_to_groups(cake)
    world.clock.advance(1000)
    outcomes.append(await world.send_to_group(alice, tea, "p-2"))

    assert all(isinstance(outcome, Commit) for outcome in outcomes)
    assert len(await world.log(tea)) == 3


async def test_groups_cause_no_callbacks(world: World) -> None:
    await world.set(instant_callback_url=CALLBACK_URL, offline_callback_url=CALLBACK_URL, callbackOnPush="true")
    group_id = await world.group("alice", "bob")

    await world.send_to_group(await world.sender("alice"), group_id, "p-1")
    await world.push_to_groups(group_id)

    assert len(await world.log(group_id)) == 2
    assert await world.callback_kinds() == []
    assert world.webhooks.wakes == 0


async def test_blacklists_do_not_apply_to_groups(world: World) -> None:
    group_id = await world.group("alice", "bob")
    alice = await world.sender("alice")
    await world.store.block(await world.user("bob"), alice.user_id)

    assert isinstance(await world.send_to_group(alice, group_id, "p-1"), Commit)


async def test_a_push_to_groups_reaches_them_though_the_sender_is_in_none(world: World) -> None:
    tea, cake = await world.group("bob", "carol"), await world.group("dave")

    pushed = await world.push_to_groups(cake, tea, cake, payload=b"\0\xff", biz_type="NEWS", is_store=False)

    (in_cake,), (in_tea,) = await world.log(cake), await world.log(tea)
    assert pushed == Pushed((in_cake.packet_id, in_tea.packet_id))
    assert [commit.message for commit in world.bus.published] == [in_cake, in_tea]
    for message in (in_cake, in_tea):
        assert message.sender == Sender(
            world.app.app_id, await world.user("alice"), "alice", DEFAULT_PUSH_RESOURCE
        )
        assert (message.payload, message.biz_type, message.is_store) == (b"\0\xff", "NEWS", False)
    assert await world.inbox("bob") == await world.inbox("alice") == []


async def test_one_unknown_group_among_many_and_nothing_is_sent_to_any(world: World) -> None:
    group_id, topic_id = await world.group("bob"), await world.topic("bob")
    foreign = await world.group("bob", app=world.other)

    for wrong in (TopicId(999), topic_id, foreign):
        with pytest.raises(NoSuchTopic):
            await world.push_to_groups(group_id, wrong)
    with pytest.raises(NoSuchTopic):
        await world.push_to_topics(topic_id, group_id)

    assert await world.log(group_id) == []
    assert world.bus.published == []


async def test_a_push_takes_as_many_groups_as_allowed_and_not_one_more(world: World) -> None:
    group_ids = [await world.group("bob") for _ in range(PUSH_MAX_TARGETS + 1)]

    pushed = await world.push_to_groups(*group_ids[:-1])
    with pytest.raises(TooBig):
        await world.push_to_groups(*group_ids)
    with pytest.raises(MissingField):
        await world.push_to_groups()

    assert len(pushed.packet_ids) == len(world.bus.published) == PUSH_MAX_TARGETS
    assert await world.log(group_ids[-1]) == []


async def test_nothing_is_pushed_to_groups_in_the_name_of_a_banned_user(world: World) -> None:
    group_id = await world.group("bob")
    await world.store.change_account(await world.user("alice"), is_banned=True)

    with pytest.raises(AccountBanned):
        await world.push_to_groups(group_id)

    assert await world.log(group_id) == []


# ------------------------------------------------------------------ numbers in a conversation


async def test_messages_that_ask_for_it_are_numbered_in_their_conversation(world: World) -> None:
    """Two users have one, whoever of them writes; a topic has its own."""
    alice, bob = await world.sender("alice"), await world.sender("bob")
    topic_id = await world.topic("alice", "bob")

    outcomes = [
        await world.send(alice, "bob", "p-1", conversation=True),
        await world.send(alice, "bob", "p-2"),
        await world.send(bob, "alice", "p-1", conversation=True),
        await world.send(alice, "carol", "p-3", conversation=True),
        await world.send_to_topic(bob, topic_id, "p-2", conversation=True),
        await world.send_to_topic(alice, topic_id, "p-4"),
        await world.send_to_topic(alice, topic_id, "p-5", conversation=True),
        await world.send(alice, "bob", "p-1", conversation=True),
    ]

    commits = [outcome for outcome in outcomes if isinstance(outcome, Commit)]
    assert [commit.message.index for commit in commits] == [1, 0, 2, 1, 1, 0, 2, 1]
    assert commits[-1].is_repeat


async def test_pushes_are_not_numbered(world: World) -> None:
    await world.push("bob")

    (message,) = await world.inbox("bob")
    assert message.index == 0


# ------------------------------------------------------------------ order


async def test_messages_sent_behind_a_push_are_told_behind_it(world: World) -> None:
    """A device that is told of a later message first would never look back at the earlier one."""
    alice = await world.sender("alice")
    push = asyncio.create_task(world.push("bob", "carol", from_account="alice"))
    outcomes = []

    while not push.done():
        outcomes.append(world.send(alice, "bob", f"p-{len(outcomes)}"))
        await asyncio.sleep(0)
    await asyncio.gather(*outcomes)

    sequences = [commit.message.sequence for commit in world.bus.published]
    assert len(sequences) == len(outcomes) + 2
    assert sequences == sorted(sequences)


async def test_many_pushes_at_once_are_told_in_the_order_of_their_commits(world: World) -> None:
    await asyncio.gather(*(world.push("bob", "carol", from_account=f"user-{number}") for number in range(10)))

    sequences = [commit.message.sequence for commit in world.bus.published]
    assert len(sequences) == 20
    assert sequences == sorted(sequences)


async def test_a_push_whose_caller_gave_up_is_told_of_all_the_same(world: World) -> None:
    """Cancelled at each turn of the loop in its life: either nothing was stored, or everybody is told."""
    for turns in range(20):
        push = asyncio.create_task(world.push("bob"))
        for _ in range(turns):
            await asyncio.sleep(0)
        push.cancel()
        await asyncio.gather(push, return_exceptions=True)
    outcome = await world.send(await world.sender("carol"), "bob", "the last")

    assert isinstance(outcome, Commit)
    stored = [message.sequence for message in await world.inbox("bob")]
    assert [commit.message.sequence for commit in world.bus.published] == stored
    assert len(stored) > 5


# ------------------------------------------------------------------ rates


async def test_a_message_too_many_is_refused_and_the_next_second_has_room_again(world: World) -> None:
    await world.set(p2pMaxQps=2)
    alice = await world.sender("alice")

    outcomes = [await world.send(alice, "bob", packet_id) for packet_id in ("p-1", "p-2")]
    with pytest.raises(RateLimited):
        world.send(alice, "bob", "p-3")
    world.clock.advance(500)
    outcomes.append(await world.send(alice, "bob", "p-4"))

    assert all(isinstance(outcome, Commit) for outcome in outcomes)
    assert [message.packet_id for message in await world.inbox("bob")] == ["p-1", "p-2", "p-4"]


async def test_the_rate_is_the_apps_whoever_sends_and_through_whatever_door(world: World) -> None:
    await world.set(p2pMaxQps=3)
    await world.send(await world.sender("alice"), "carol", "p-1")
    await world.send(await world.sender("bob"), "carol", "p-1")
    await world.push("carol")

    with pytest.raises(RateLimited):
        await world.push("carol")
    with pytest.raises(RateLimited):
        world.send(await world.sender("alice"), "carol", "p-2")


async def test_each_recipient_of_a_push_counts(world: World) -> None:
    await world.set(p2pMaxQps=5)
    await world.push("bob", "carol", "bob")

    with pytest.raises(RateLimited):
        await world.push("dave", "erin", "frank", "grace", from_account="nobody")

    assert await world.inbox("dave") == []
    assert await world.store.find_account(world.app.app_id, "nobody") is None
    assert await world.store.find_account(world.app.app_id, "dave") is None
    assert len((await world.push("dave", "erin", "frank")).packet_ids) == 3


async def test_a_push_larger_than_the_rate_passes_when_nothing_was_sent_before(world: World) -> None:
    await world.set(p2pMaxQps=2)

    pushed = await world.push("bob", "carol", "dave")

    assert len(pushed.packet_ids) == 3
    with pytest.raises(RateLimited):
        await world.push("bob")


async def test_topics_have_a_rate_of_their_own(world: World) -> None:
    await world.set(p2pMaxQps=1, p2tMaxQps=2)
    alice = await world.sender("alice")
    topic_id = await world.topic("alice", "bob")

    await world.push("bob")
    outcome = await world.send_to_topic(alice, topic_id, "p-1")
    await world.push_to_topics(topic_id)

    assert isinstance(outcome, Commit)
    with pytest.raises(RateLimited):
        await world.push_to_topics(topic_id)
    with pytest.raises(RateLimited):
        world.send_to_topic(alice, topic_id, "p-2")
    assert len(await world.inbox("bob")) == 3


async def test_what_is_malformed_does_not_count(world: World) -> None:
    await world.set(p2pMaxQps=1)

    with pytest.raises(MissingField):
        world.send(await world.sender("alice"), "", "p-1")
    with pytest.raises(TooBig):
        await world.push("bob", payload=bytes(65_537))

    assert len((await world.push("bob")).packet_ids) == 1


# ------------------------------------------------------------------ callbacks


async def test_without_addresses_there_are_no_callbacks(world: World) -> None:
    await world.push("bob")
    await world.send(await world.sender("alice"), "bob", "p-1")

    assert await world.callback_kinds() == []
    assert world.webhooks.wakes == 0


async def test_a_message_from_a_socket_causes_the_callbacks_that_have_an_address(world: World) -> None:
    alice = await world.sender("alice")
    topic_id = await world.topic("alice", "bob")

    await world.set(instant_callback_url=CALLBACK_URL)
    await world.send(alice, "bob", "p-1")
    await world.send_to_topic(alice, topic_id, "p-2")
    await world.set(instant_callback_url="", offline_callback_url=CALLBACK_URL)
    await world.send(alice, "bob", "p-3")
    await world.send_to_topic(alice, topic_id, "p-4")

    assert await world.callback_kinds() == [
        CallbackKind.INSTANT_P2P,
        CallbackKind.INSTANT_P2T,
        CallbackKind.OFFLINE_P2P,
        CallbackKind.OFFLINE_P2T,
    ]
    assert world.webhooks.wakes == 4


async def test_a_push_causes_offline_callbacks_and_instant_ones_by_a_switch(world: World) -> None:
    topic_id = await world.topic("bob")
    await world.set(instant_callback_url=CALLBACK_URL, offline_callback_url=CALLBACK_URL)

    await world.push("bob", "carol")
    await world.push_to_topics(topic_id)
    without_switch = await world.callback_kinds()
    await world.set(callbackOnPush="true")
    await world.push("bob")

    assert without_switch == [CallbackKind.OFFLINE_P2P] * 2 + [CallbackKind.OFFLINE_P2T]
    assert sorted((await world.callback_kinds())[3:]) == [CallbackKind.INSTANT_P2P, CallbackKind.OFFLINE_P2P]
    assert world.webhooks.wakes == 4  # Once for each message.
