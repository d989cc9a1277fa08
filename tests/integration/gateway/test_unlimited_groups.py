"""Unlimited groups over the wire: who may come in and talk, and who gets what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openmimc.domain.auth import Principal
from openmimc.gateway import GatewayLimits
from openmimc.gateway.groups import DEVICES_PER_TURN, MISSED_MAX_AGE_MS, MISSED_MAX_MESSAGES
from openmimc.model.app import App
from openmimc.model.ids import TopicId
from openmimc.wire.events import (
    AskGroup,
    Conn,
    DeliveredGroup,
    DeliveredGroupMessage,
    GroupAck,
    GroupAnswer,
    GroupDismissed,
    GroupPing,
    GroupPong,
    GroupRequest,
    PacketAck,
    Ping,
    Pong,
    SendGroup,
)
from tests.integration.gateway.conftest import RunningGateway, StartGateway
from tests.integration.raw_client import RawClient

CSHARP = Conn(os="macOS", sdk=None)


async def new_group(server: RunningGateway, app: App, owner: str = "owner") -> TopicId:
    (account,) = await server.store.ensure_accounts(app.app_id, (owner,))
    group = await server.gateway.groups.create(Principal(app, account), name="room")
    return group.group_id


async def dismiss(server: RunningGateway, app: App, group_id: TopicId, owner: str = "owner") -> None:
    (account,) = await server.store.ensure_accounts(app.app_id, (owner,))
    await server.gateway.groups.dismiss(Principal(app, account), group_id)


async def ask(
    client: RawClient, request: GroupRequest, group_id: int, *, app_id: int | None = None
) -> GroupAnswer:
    await client.send(AskGroup(request, f"ask-{group_id}", app_id, group_id))
    answer = await client.expect(GroupAnswer)
    assert (answer.request, answer.packet_id, answer.group_id) == (request, f"ask-{group_id}", group_id)
    return answer


async def join(client: RawClient, group_id: int) -> None:
    assert (await ask(client, GroupRequest.JOIN, group_id)).code == 0


async def say(
    client: RawClient, group_id: int, text: str, *, message_id: str = "", is_store: bool = True
) -> PacketAck:
    packet_id = f"packet-{text}"
    await client.send(SendGroup(packet_id, message_id or packet_id, None, group_id, text.encode(), is_store))
    ack = await client.expect(PacketAck)
    assert ack.packet_id == packet_id
    return ack


async def hear(client: RawClient, count: int, *, is_acknowledged: bool = True) -> list[DeliveredGroupMessage]:
    """The next so many messages; every list of them is in order and ends with its greatest sequence."""
    heard: list[DeliveredGroupMessage] = []
    while len(heard) < count:
        event = await client.expect(DeliveredGroup)
        sequences = [message.sequence for message in event.messages]
        assert sequences == sorted(set(sequences))
        assert event.max_sequence == sequences[-1]
        heard += event.messages
        if is_acknowledged:
            await client.send(GroupAck(event.group_id, event.max_sequence))
    assert len(heard) == count, heard
    return heard


async def assert_silent(*clients: RawClient) -> None:
    """Nothing of any group has come, nor is on its way."""
    for client in clients:
        await client.send(Ping())
        await client.expect(Pong)
    await asyncio.sleep(0.05)
    for client in clients:
        assert not [event for event in client.events if isinstance(event, DeliveredGroup | GroupDismissed)]


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_members_hear_each_other_and_nobody_else_does(
    server: RunningGateway, app: App, transport: str
) -> None:
    group_id = await new_group(server, app)
    alice = await server.login(app, "alice", transport=transport)
    bob = await server.login(app, "bob")
    eve = await server.login(app, "eve")
    await join(alice, group_id)
    await join(bob, group_id)
    ack = await say(alice, group_id, "hello", message_id="m-1", is_store=False)
    (message,) = await hear(bob, 1)
    assert ack.code == 0
    assert (ack.sequence, ack.timestamp_ms) == (message.sequence, message.timestamp_ms)
    assert (message.packet_id, message.from_account, message.from_resource, message.payload) == (
        "m-1",
        "alice",
        "phone",
        b"hello",
    )
    assert not message.is_store
    await assert_silent(alice, bob, eve)


async def test_the_owner_is_a_member_from_the_start(server: RunningGateway, app: App) -> None:
    owner = await server.login(app, "owner")
    group_id = await new_group(server, app)
    assert (await say(owner, group_id, "first")).code == 0
    await join(owner, group_id)
    bob = await server.login(app, "bob")
    await join(bob, group_id)
    await say(bob, group_id, "second")
    assert [message.payload for message in await hear(owner, 1)] == [b"second"]


async def test_outsiders_can_not_talk(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    owner = await server.login(app, "owner")
    eve = await server.login(app, "eve")
    ack = await say(eve, group_id, "let me in")
    assert (ack.code, ack.sequence) == (403, 0)
    assert (await say(eve, 12345, "hello?")).code == 404
    await assert_silent(owner)


async def test_a_message_right_behind_the_join_is_inside(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    bob = await server.login(app, "bob")
    await bob.send(
        AskGroup(GroupRequest.JOIN, "j", None, group_id),
        SendGroup("p", "p", None, group_id, b"at once"),
        AskGroup(GroupRequest.QUIT, "q", None, group_id),
        SendGroup("p2", "p2", None, group_id, b"too late"),
    )
    first, second = await bob.expect(PacketAck), await bob.expect(PacketAck)
    acks = {first.packet_id: first.code, second.packet_id: second.code}
    assert acks == {"p": 0, "p2": 403}


async def test_another_apps_groups_do_not_exist(server: RunningGateway, app: App) -> None:
    other = await server.new_app("other")
    group_id = await new_group(server, other)
    alice = await server.login(app, "alice")
    assert (await ask(alice, GroupRequest.JOIN, group_id)).code == 404
    assert (await ask(alice, GroupRequest.QUIT, group_id)).code == 404
    assert (await ask(alice, GroupRequest.COUNT_ONLINE, group_id)).online == 0
    assert (await ask(alice, GroupRequest.JOIN, group_id, app_id=other.app_id)).code == 403
    assert (await say(alice, group_id, "hello?")).code == 404


@pytest.mark.parametrize("group_id", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
async def test_groups_that_can_not_be(server: RunningGateway, app: App, group_id: int) -> None:
    alice = await server.login(app, "alice")
    assert (await ask(alice, GroupRequest.JOIN, group_id)).code == 404
    assert (await ask(alice, GroupRequest.QUIT, group_id)).code == 404
    assert (await ask(alice, GroupRequest.COUNT_ONLINE, group_id)).online == 0
    await alice.send(GroupAck(group_id, 5), GroupPing("ping", (group_id,)))
    assert (await alice.expect(GroupPong)).packet_id == "ping"


async def test_who_has_left_hears_and_says_nothing_more(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    assert (await ask(bob, GroupRequest.QUIT, group_id)).code == 0
    assert (await ask(bob, GroupRequest.QUIT, group_id)).code == 0
    await say(alice, group_id, "gone?")
    assert (await say(bob, group_id, "still here")).code == 403
    await join(bob, group_id)
    await say(alice, group_id, "welcome back")
    assert [message.payload for message in await hear(bob, 1)] == [b"welcome back"]
    await assert_silent(alice, bob)


async def test_dismissing_tells_everybody_inside_once(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob", transport="websocket")
    eve = await server.login(app, "eve")
    await join(alice, group_id)
    await join(bob, group_id)
    await say(alice, group_id, "last words")
    await dismiss(server, app, group_id)
    await hear(bob, 1)
    for client in (alice, bob):
        told = await client.expect(GroupDismissed)
        assert (told.app_id, told.group_id) == (app.app_id, group_id)
    assert (await say(alice, group_id, "anybody?")).code == 404
    assert (await ask(alice, GroupRequest.JOIN, group_id)).code == 404
    await assert_silent(alice, bob, eve)
    assert server.gateway.rooms.count_online(group_id) == 0


async def test_every_device_but_the_sending_one(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    phone, laptop = await server.login(app, "alice", "phone"), await server.login(app, "alice", "laptop")
    twin = await server.login(app, "alice", "phone")
    await join(phone, group_id)
    await say(phone, group_id, "from the phone")
    await hear(laptop, 1)
    await assert_silent(phone, twin)
    later = await server.login(app, "alice", "tablet")
    assert [message.payload for message in await hear(later, 1)] == [b"from the phone"]
    await say(laptop, group_id, "from the laptop")
    for client in (phone, twin, later):
        assert [message.payload for message in await hear(client, 1)] == [b"from the laptop"]
    await assert_silent(laptop)


async def test_several_messages_of_one_turn_share_a_list_except_for_csharp(
    server: RunningGateway, app: App
) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    carol = await server.login(app, "carol", conn=CSHARP)
    for client in (alice, bob, carol):
        await join(client, group_id)
    texts = [f"{number}" for number in range(60)]
    await alice.send(*(SendGroup(text, text, None, group_id, text.encode()) for text in texts))
    assert [message.payload.decode() for message in await hear(bob, 60)] == texts
    for text in texts:
        event = await carol.expect(DeliveredGroup)
        assert [message.payload.decode() for message in event.messages] == [text]
        assert event.max_sequence == event.messages[0].sequence


async def test_two_who_talk_at_once_do_not_hear_themselves(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    carol = await server.login(app, "carol")
    for client in (alice, bob, carol):
        await join(client, group_id)
    for client in (alice, bob):
        await client.send(*(SendGroup(f"{n}", f"{n}", None, group_id, b"%d" % n) for n in range(30)))
    heard = await hear(carol, 60)
    assert [message.sequence for message in heard] == sorted(message.sequence for message in heard)
    for client, peer in ((alice, "bob"), (bob, "alice")):
        mine = await hear(client, 30)
        assert {message.from_account for message in mine} == {peer}
        assert [message.payload for message in mine] == [b"%d" % n for n in range(30)]


async def test_a_repeated_message_id_is_stored_and_heard_once(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    first = await say(alice, group_id, "once")
    again = await say(alice, group_id, "once")
    assert first.sequence == again.sequence
    await hear(bob, 1)
    await assert_silent(bob)


async def test_what_was_missed_comes_at_the_next_login_in_order_and_once(
    server: RunningGateway, app: App
) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    await say(alice, group_id, "heard")
    await hear(bob, 1)
    await bob.send(Ping())
    await bob.expect(Pong)
    await bob.aclose()
    for number in range(7):
        await say(alice, group_id, f"missed {number}")
    bob = await server.login(app, "bob")
    await say(alice, group_id, "live")
    heard = await hear(bob, 8, is_acknowledged=False)
    assert [message.payload.decode() for message in heard] == [*(f"missed {n}" for n in range(7)), "live"]
    # Nothing of it again on this connection, whatever the client asks for.
    await bob.send(GroupPing("ping", (group_id,)))
    await bob.expect(GroupPong)
    await join(bob, group_id)
    await assert_silent(bob)
    # It was not acknowledged, so another connection gets it again.
    await bob.aclose()
    bob = await server.login(app, "bob")
    await hear(bob, 8)


async def test_what_was_missed_survives_a_restart(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    await say(alice, group_id, "heard")
    await hear(bob, 1)
    await bob.send(Ping())
    await bob.expect(Pong)
    await bob.aclose()
    await say(alice, group_id, "missed")
    await server.restart()
    bob = await server.login(app, "bob")
    assert [message.payload for message in await hear(bob, 1)] == [b"missed"]


@pytest.mark.parametrize("missed", [MISSED_MAX_MESSAGES, MISSED_MAX_MESSAGES + 1])
async def test_of_much_that_was_missed_the_newest_hundred_come(
    server: RunningGateway, app: App, missed: int
) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    await bob.aclose()
    for number in range(missed):
        await say(alice, group_id, f"{number}")
    bob = await server.login(app, "bob")
    heard = await hear(bob, MISSED_MAX_MESSAGES)
    assert [message.payload.decode() for message in heard] == [
        f"{number}" for number in range(missed - MISSED_MAX_MESSAGES, missed)
    ]
    await assert_silent(bob)


async def test_what_is_older_than_ten_minutes_does_not_come(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    await bob.aclose()
    await say(alice, group_id, "old")
    server.clock.advance(1)
    await say(alice, group_id, "young enough")
    server.clock.advance(MISSED_MAX_AGE_MS)
    bob = await server.login(app, "bob")
    assert [message.payload for message in await hear(bob, 1)] == [b"young enough"]


async def test_an_acknowledgement_of_what_was_not_sent_hides_nothing(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    await say(alice, group_id, "first")
    await hear(bob, 1)
    await bob.send(GroupAck(group_id, 2**63 - 1), GroupAck(group_id, -5), GroupAck(999, 7), Ping())
    await bob.expect(Pong)
    await bob.aclose()
    await say(alice, group_id, "second")
    bob = await server.login(app, "bob")
    assert [message.payload for message in await hear(bob, 1)] == [b"second"]


async def test_members_count_as_online_once_however_many_devices(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    clients = [await server.login(app, "alice", f"device-{number}") for number in range(3)]
    bob = await server.login(app, "bob")
    await join(clients[0], group_id)
    await join(bob, group_id)
    assert (await ask(bob, GroupRequest.COUNT_ONLINE, group_id)).online == 2
    eve = await server.login(app, "eve")
    # The answer has no room for a code: to outsiders nobody is there.
    assert (await ask(eve, GroupRequest.COUNT_ONLINE, group_id)).online == 0


async def test_who_is_muted_may_listen_but_not_talk(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    (owner,) = await server.store.ensure_accounts(app.app_id, ("owner",))
    until_s = server.clock.now_ms() // 1000 + 60
    await server.gateway.groups.mute(Principal(app, owner), group_id, account="bob", until_s=until_s)
    ack = await say(bob, group_id, "psst")
    assert (ack.code, ack.error_message) == (403, "muted in this group")
    await ask(bob, GroupRequest.QUIT, group_id)
    await join(bob, group_id)
    assert (await say(bob, group_id, "psst again")).code == 403
    await say(alice, group_id, "quiet, isn't it")
    await hear(bob, 1)
    server.clock.advance(60_000)
    assert (await say(bob, group_id, "finally")).code == 0
    await hear(alice, 1)


async def test_the_rate_of_the_app(server: RunningGateway) -> None:
    app = await server.new_app(ucMaxQps=2)
    group_id = await new_group(server, app)
    owner = await server.login(app, "owner")
    assert [(await say(owner, group_id, f"{number}")).code for number in range(3)] == [0, 0, 429]


async def test_a_payload_over_the_limit_is_refused(server: RunningGateway) -> None:
    app = await server.new_app(payloadMaxBytes=100)
    group_id = await new_group(server, app)
    owner = await server.login(app, "owner")
    assert (await say(owner, group_id, "x" * 100)).code == 0
    assert (await say(owner, group_id, "x" * 101)).code == 413


async def test_a_group_of_more_devices_than_one_turn_serves(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice = await server.login(app, "alice")
    await join(alice, group_id)
    grant = await server.grant(app, "bob")
    members = [await (await server.connect()).login(grant, f"d{n}") for n in range(60)]
    await join(members[0], group_id)
    grant = await server.grant(app, "carol")
    members += [await (await server.connect()).login(grant, f"d{n}") for n in range(60)]
    await join(members[60], group_id)
    grant = await server.grant(app, "dave")
    members += [await (await server.connect()).login(grant, f"d{n}") for n in range(60)]
    await join(members[120], group_id)
    assert len(members) > DEVICES_PER_TURN
    texts = [f"{number}" for number in range(5)]
    for text in texts:
        await alice.send(SendGroup(text, text, None, group_id, text.encode()))
    for member in members:
        assert [message.payload.decode() for message in await hear(member, 5)] == texts


async def test_logging_out_and_in_on_one_connection(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await join(alice, group_id)
    await join(bob, group_id)
    await bob.bind(await server.grant(app, "eve"))
    await say(alice, group_id, "for bob")
    await assert_silent(bob)
    await bob.bind(await server.grant(app, "bob"))
    assert [message.payload for message in await hear(bob, 1)] == [b"for bob"]


async def test_nothing_is_left_behind_when_everybody_is_gone(server: RunningGateway, app: App) -> None:
    group_id = await new_group(server, app)
    clients = [await server.login(app, name) for name in ("alice", "bob")]
    for client in clients:
        await join(client, group_id)
    await say(clients[0], group_id, "bye")
    for client in clients:
        await client.aclose()
    async with asyncio.timeout(5):
        while server.gateway.stats.groups:
            await asyncio.sleep(0.01)


async def test_a_connection_that_ends_in_the_middle_of_the_login(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    server = await start_gateway()
    app = await server.new_app()
    group_id = await new_group(server, app)
    for _ in range(5):
        client = await server.login(app, "owner")
        await client.aclose()
    async with asyncio.timeout(5):
        while server.gateway.stats.groups:
            await asyncio.sleep(0.01)
    owner = await server.login(app, "owner")
    bob = await server.login(app, "bob")
    await join(bob, group_id)
    await say(bob, group_id, "hello")
    await hear(owner, 1)


def test_limits_are_those_of_the_documents() -> None:
    assert (MISSED_MAX_MESSAGES, MISSED_MAX_AGE_MS) == (100, 600_000)
    assert GatewayLimits().max_unsent_bytes == 1024 * 1024
