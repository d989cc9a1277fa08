"""What became of a message."""

from __future__ import annotations

import pytest

from openmimc.domain.message_life import HOLDERS_MAX, PACKETS_MAX, MessageLives
from openmimc.model.app import Account
from openmimc.model.callback import CallbackKind
from openmimc.model.ids import Position, Sequence, UserId
from openmimc.model.insight import CallbackAttempt, DeviceStep
from tests.contract.drafts import APP, BOTH, OTHER_APP, append_one, group_of, p2p, p2t, uc
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore


class Remembered:
    """Traces that a test fills."""

    def __init__(self) -> None:
        self.commits: dict[int, int] = {}
        self.attempts: dict[int, tuple[CallbackAttempt, ...]] = {}
        self.steps: dict[tuple[int, UserId], dict[str, tuple[int | None, int | None]]] = {}

    def committed_ms(self, sequence: Sequence) -> int | None:
        return self.commits.get(sequence)

    def steps_of(self, sequence: Sequence, user_id: UserId) -> dict[str, tuple[int | None, int | None]]:
        return self.steps.get((sequence, user_id), {})

    def attempts_of(self, sequence: Sequence) -> tuple[CallbackAttempt, ...]:
        return self.attempts.get(sequence, ())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FakeClock())


@pytest.fixture
def traces() -> Remembered:
    return Remembered()


@pytest.fixture
def lives(store: MemoryStore, traces: Remembered) -> MessageLives:
    return MessageLives(store, traces)


async def users(store: MemoryStore, *devices: str) -> dict[str, Account]:
    """Accounts of an app with these devices, each written ``name/resource``."""
    accounts = {}
    for device in devices:
        name, _, resource = device.partition("/")
        (accounts[name],) = await store.ensure_accounts(APP, (name,))
        if resource:
            await store.open_device(accounts[name].user_id, resource)
    return accounts


def steps_of(life: object) -> list[tuple[str, str, bool]]:
    return [(step.account, step.resource, step.is_acknowledged) for step in life.devices]  # type: ignore[attr-defined]  # A MessageLife.


async def test_what_is_remembered_is_told_with_its_times(
    store: MemoryStore, lives: MessageLives, traces: Remembered
) -> None:
    them = await users(store, "alice", "bob/phone", "bob/tablet")
    message = (await append_one(store, p2p(them["alice"], "bob", "a-1", callbacks=BOTH))).message
    traces.commits[message.sequence] = 11
    traces.steps[message.sequence, them["bob"].user_id] = {"phone": (12, 13)}

    life = await lives.by_sequence(APP, message.sequence)

    assert life is not None
    assert (life.message, life.committed_ms) == (message, 11)
    assert life.devices == (
        DeviceStep("bob", "phone", 12, 13, is_acknowledged=True),
        DeviceStep("bob", "tablet", None, None, is_acknowledged=False),
    )
    assert [event.kind for event in life.callbacks] == [CallbackKind.INSTANT_P2P, CallbackKind.OFFLINE_P2P]


async def test_a_cursor_past_a_message_says_that_the_device_has_it(
    store: MemoryStore, lives: MessageLives
) -> None:
    them = await users(store, "alice", "bob/phone", "bob/tablet")
    first, second = [await append_one(store, p2p(them["alice"], "bob", name)) for name in ("a-1", "a-2")]
    store.move_cursor(them["bob"].user_id, "tablet", first.recipients[0][1])

    found = [await lives.by_sequence(APP, commit.message.sequence) for commit in (first, second)]

    assert [steps_of(life) for life in found] == [
        [("bob", "phone", False), ("bob", "tablet", True)],
        [("bob", "phone", False), ("bob", "tablet", False)],
    ]


async def test_the_sending_device_is_no_recipient_but_the_senders_others_are(
    store: MemoryStore, lives: MessageLives
) -> None:
    them = await users(store, "alice/phone", "alice/tablet", "bob/phone")
    commit = await append_one(store, p2p(them["alice"], "bob", "a-1", resource="phone"))

    life = await lives.by_sequence(APP, commit.message.sequence)

    assert steps_of(life) == [("alice", "tablet", False), ("bob", "phone", False)]


async def test_what_is_sent_to_oneself_goes_to_the_sending_device_too(
    store: MemoryStore, lives: MessageLives
) -> None:
    them = await users(store, "alice/phone", "alice/tablet")
    commit = await append_one(store, p2p(them["alice"], "alice", "a-1", resource="phone"))

    life = await lives.by_sequence(APP, commit.message.sequence)

    assert steps_of(life) == [("alice", "phone", False), ("alice", "tablet", False)]


async def test_of_a_topic_every_member_is_a_recipient(store: MemoryStore, lives: MessageLives) -> None:
    them = await users(store, "alice/phone", "bob/phone", "carol/tablet", "dave")
    members = tuple(them[name].user_id for name in ("bob", "carol", "dave"))
    topic = await store.create_topic(APP, them["alice"].user_id, members, name="", extra="")
    commit = await append_one(store, p2t(them["alice"], topic.topic_id, "a-1"))
    store.move_cursor(them["carol"].user_id, "tablet", Position(commit.message.sequence))

    life = await lives.by_sequence(APP, commit.message.sequence)

    assert steps_of(life) == [("bob", "phone", False), ("carol", "tablet", True)]


async def test_a_very_large_topics_devices_are_not_all_shown(store: MemoryStore, lives: MessageLives) -> None:
    them = await users(store, "alice", *(f"user-{number:04}/phone" for number in range(HOLDERS_MAX + 3)))
    members = tuple(account.user_id for account in them.values())
    topic = await store.create_topic(APP, them["alice"].user_id, members, name="", extra="")
    commit = await append_one(store, p2t(them["alice"], topic.topic_id, "a-1"))

    life = await lives.by_sequence(APP, commit.message.sequence)

    assert len(steps_of(life)) == HOLDERS_MAX


async def test_a_message_to_an_unlimited_group_has_no_devices(store: MemoryStore, lives: MessageLives) -> None:
    them = await users(store, "alice/phone", "bob/phone")
    group_id = await group_of(store, them["alice"], them["bob"])
    commit = await append_one(store, uc(them["alice"], group_id, "a-1"))

    life = await lives.by_sequence(APP, commit.message.sequence)

    assert life is not None
    assert (life.message, life.devices, life.callbacks) == (commit.message, (), ())


async def test_another_apps_message_is_none(store: MemoryStore, lives: MessageLives) -> None:
    them = await users(store, "alice")
    commit = await append_one(store, p2p(them["alice"], "bob", "a-1"))

    assert await lives.by_sequence(OTHER_APP, commit.message.sequence) is None
    assert await lives.by_packet_id(OTHER_APP, "a-1") == ()


@pytest.mark.parametrize("sequence", [-1, 0, 17, 2**63, 10**30])
async def test_a_number_of_no_message_is_none(lives: MessageLives, sequence: int) -> None:
    assert await lives.by_sequence(APP, sequence) is None


async def test_a_packet_id_may_name_several_messages(store: MemoryStore, lives: MessageLives) -> None:
    them = await users(store, *(f"user-{number:02}" for number in range(PACKETS_MAX + 2)))
    sent = [
        (await append_one(store, p2p(account, "bob", "same"))).message.sequence for account in them.values()
    ]

    found = await lives.by_packet_id(APP, "same")

    assert [life.message.sequence for life in found] == sent[::-1][:PACKETS_MAX]
