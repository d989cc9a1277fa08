"""Online messages: what may be sent, and to whom the bus is told to pass it on."""

from __future__ import annotations

from typing import Any

import pytest

from openmimc.domain.apps import Apps
from openmimc.domain.messages import Messages
from openmimc.domain.names import ACCOUNT_MAX_BYTES, RESOURCE_MAX_BYTES
from openmimc.domain.online import OnlineMessages
from openmimc.domain.rates import Rates
from openmimc.errors import (
    BadRequest,
    ForeignApp,
    ImError,
    MissingField,
    RateLimited,
    SenderBlocked,
    TooBig,
    Unavailable,
    UnknownApp,
)
from openmimc.model.app import App
from openmimc.model.ids import AppId, UserId
from openmimc.model.message import Sender
from openmimc.model.online import OnlineMessage, OnlineReceipt
from tests.fakes.bus import RecordingBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore


class World:
    """An app with Alice and Bob."""

    app: App
    alice: Sender
    bob: UserId

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.bus = RecordingBus()
        self.apps = Apps(self.store, self.clock)
        rates = Rates(self.clock)
        self.messages = Messages(self.store, self.apps, self.bus, rates=rates)
        self.online = OnlineMessages(self.store, self.apps, self.bus, rates, self.clock)

    async def open(self, **settings: Any) -> World:
        self.app, _ = await self.apps.create_app("chat")
        if settings:
            changes = {name: str(value) for name, value in settings.items()}
            self.app = await self.apps.change_settings(self.app.app_id, changes)
        alice, bob = await self.store.ensure_accounts(self.app.app_id, ("alice", "bob"))
        self.alice = Sender(self.app.app_id, alice.user_id, "alice", "phone")
        self.bob = bob.user_id
        return self

    async def send(self, **fields: Any) -> None:
        arguments = {
            "to_app_id": None,
            "to_account": "bob",
            "to_resource": "",
            "packet_id": "o-1",
            "payload": b"hello",
            "biz_type": None,
        }
        await self.online.send(fields.pop("sender", self.alice), **{**arguments, **fields})


async def test_a_message_is_published_with_what_the_server_knows() -> None:
    world = await World().open()

    await world.send(to_app_id=world.app.app_id, to_resource="tablet", biz_type="TYPING")

    assert world.bus.published == [
        OnlineMessage(
            sender=world.alice,
            to_user_id=world.bob,
            to_account="bob",
            to_resource="tablet",
            packet_id="o-1",
            payload=b"hello",
            biz_type="TYPING",
            timestamp_ms=world.clock.now_ms(),
        )
    ]


async def test_an_unknown_account_is_neither_told_nor_created() -> None:
    world = await World().open()

    await world.send(to_account="nobody")

    assert world.bus.published == []
    assert await world.store.find_account(world.app.app_id, "nobody") is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"to_app_id": 1}, ForeignApp),
        ({"to_account": ""}, MissingField),
        ({"to_account": "b" * (ACCOUNT_MAX_BYTES + 1)}, TooBig),
        ({"to_account": "b\0b"}, BadRequest),
        ({"to_resource": "r" * (RESOURCE_MAX_BYTES + 1)}, TooBig),
        ({"to_resource": "r\0"}, BadRequest),
        ({"payload": bytes(101)}, TooBig),
    ],
)
async def test_what_can_not_be_sent_is_refused_and_not_counted(
    fields: dict[str, Any], error: type[ImError]
) -> None:
    world = await World().open(payloadMaxBytes=100, p2pMaxQps=1)

    with pytest.raises(error):
        await world.send(**fields)

    assert world.bus.published == []
    await world.send(payload=bytes(100))
    assert len(world.bus.published) == 1


async def test_a_deleted_app_sends_nothing() -> None:
    world = await World().open()
    gone = Sender(AppId(1), world.alice.user_id, "alice", "phone")

    with pytest.raises(UnknownApp):
        await world.send(sender=gone)


async def test_who_is_blocked_is_told_so() -> None:
    world = await World().open()
    await world.store.block(world.bob, world.alice.user_id)

    with pytest.raises(SenderBlocked):
        await world.send()

    assert world.bus.published == []


async def test_the_rate_is_shared_with_stored_messages() -> None:
    world = await World().open(p2pMaxQps=2)
    await world.send()
    world.messages.send_p2p(
        world.alice,
        to_app_id=None,
        to_account="bob",
        packet_id="p",
        payload=b"",
        biz_type=None,
        is_store=True,
        reply=lambda result: None,
    )

    with pytest.raises(RateLimited):
        await world.send()

    world.clock.advance(500)
    await world.send()


async def test_a_message_to_nobody_counts() -> None:
    """Otherwise asking who exists would be free."""
    world = await World().open(p2pMaxQps=1)
    await world.send(to_account="nobody")

    with pytest.raises(RateLimited):
        await world.send()


async def test_a_store_that_does_not_answer_is_told() -> None:
    world = await World().open()
    world.store.fail_next(1)

    with pytest.raises(Unavailable):
        await world.send()

    assert world.bus.published == []


async def test_a_receipt_is_published_as_it_is() -> None:
    world = await World().open()
    receipt = OnlineReceipt(world.alice.user_id, "phone", "o-1", 1, "RECEIVED")

    world.online.confirm(receipt)

    assert world.bus.published == [receipt]
