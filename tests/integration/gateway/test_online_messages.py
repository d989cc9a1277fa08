"""Online messages: to whom they go, what senders are told, that nothing stays; receipts nobody can forge."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from openmimc.domain.names import RESOURCE_MAX_BYTES
from openmimc.gateway.online_handlers import RECEIPTS_EXPECTED_MAX
from openmimc.model.app import App
from openmimc.wire.events import (
    Delivered,
    DeliverOnline,
    OnlineAck,
    OtherPacket,
    PacketAck,
    SendOnline,
    SendP2P,
)
from tests.integration.gateway.conftest import RunningGateway, StartGateway
from tests.integration.raw_client import RawClient

PAIRS = pytest.mark.parametrize(
    ("sending", "receiving"), list(itertools.product(("tcp", "websocket"), repeat=2))
)
RECEIVED = 1


def user_id_of(client: RawClient) -> int:
    assert client.conn.identity is not None
    return client.conn.identity.user_id


async def confirm(
    client: RawClient, message: DeliverOnline, code: int = RECEIVED, text: str = "RECEIVED"
) -> None:
    """Answer as the Java SDK does."""
    await client.send(OnlineAck(message.packet_id, message.from_user_id, message.from_resource, code, text))


async def expect_refusal(client: RawClient, packet_id: str) -> OnlineAck:
    ack = await client.expect(OnlineAck)
    assert client.conn.identity is not None
    assert (ack.packet_id, ack.user_id, ack.resource) == (
        packet_id,
        client.conn.identity.user_id,
        client.conn.identity.resource,
    )
    return ack


@PAIRS
async def test_a_message_arrives_with_every_field_its_sender_gave_and_the_server_filled_in(
    server: RunningGateway, app: App, sending: str, receiving: str
) -> None:
    alice = await server.login(app, "alice", transport=sending)
    bob = await server.login(app, "bob", "tablet", transport=receiving)

    await alice.send_online("bob", b"\x00\xff opaque", packet_id="o-1", biz_type="TYPING")

    assert await bob.expect(DeliverOnline) == DeliverOnline(
        packet_id="o-1",
        from_account="alice",
        from_user_id=user_id_of(alice),
        from_resource="phone",
        to_account="bob",
        to_user_id=user_id_of(bob),
        to_resource="",
        payload=b"\x00\xff opaque",
        timestamp_ms=server.clock.now_ms(),
        biz_type="TYPING",
    )
    await alice.expect_silence(OnlineAck)
    await alice.expect_silence(PacketAck)


async def test_every_bound_device_gets_it(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    devices = [await server.login(app, "bob", name) for name in ("phone", "tablet", "tablet")]

    await alice.send_online("bob", b"x")

    for device in devices:
        assert (await device.expect(DeliverOnline)).payload == b"x"


async def test_a_named_device_gets_it_alone(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    phone, tablet = await server.login(app, "bob", "phone"), await server.login(app, "bob", "tablet")

    await alice.send_online("bob", b"x", to_resource="tablet")

    assert (await tablet.expect(DeliverOnline)).to_resource == "tablet"
    await phone.expect_silence(DeliverOnline)


async def test_the_senders_own_devices_get_no_copy(server: RunningGateway, app: App) -> None:
    phone, tablet = await server.login(app, "alice", "phone"), await server.login(app, "alice", "tablet")
    bob = await server.login(app, "bob")

    await phone.send_online("bob", b"x")
    await bob.expect(DeliverOnline)

    await tablet.expect_silence(DeliverOnline)
    await phone.expect_silence(DeliverOnline)


async def test_one_may_write_to_ones_own_other_device(server: RunningGateway, app: App) -> None:
    phone, tablet = await server.login(app, "alice", "phone"), await server.login(app, "alice", "tablet")

    await phone.send_online("alice", b"x", to_resource="tablet")

    assert (await tablet.expect(DeliverOnline)).from_resource == "phone"
    await phone.expect_silence(DeliverOnline)


@pytest.mark.parametrize("to_resource", ["", "watch"])
async def test_who_is_not_there_never_hears_of_it(server: RunningGateway, app: App, to_resource: str) -> None:
    alice = await server.login(app, "alice")
    await (await server.login(app, "bob", "watch")).aclose()
    await alice.expect_silence()

    await alice.send_online("bob", b"x", to_resource=to_resource)
    await alice.expect_silence(OnlineAck)
    bob = await server.login(app, "bob", "watch")

    await bob.expect_silence(DeliverOnline)
    await bob.expect_silence(Delivered)


async def test_an_unknown_account_is_not_created(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")

    await alice.send_online("nobody", b"x")
    await alice.expect_silence(OnlineAck)

    assert await server.store.find_account(app.app_id, "nobody") is None


async def test_an_account_of_the_same_name_in_another_app_gets_nothing(
    server: RunningGateway, app: App
) -> None:
    alice = await server.login(app, "alice")
    stranger = await server.login(await server.new_app("other"), "bob")

    await alice.send_online("bob", b"x")
    await alice.expect_silence(OnlineAck)

    await stranger.expect_silence(DeliverOnline)


async def test_a_repeated_packet_id_is_passed_on_again(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send_online("bob", b"1", packet_id="same")
    await alice.send_online("bob", b"2", packet_id="same")

    assert [(await bob.expect(DeliverOnline)).payload for _ in range(2)] == [b"1", b"2"]


# ---------------------------------------------------------------------- order


@pytest.mark.parametrize("in_flight", [2, 256])
async def test_each_senders_messages_arrive_in_order_whatever_the_others_do(
    start_gateway: StartGateway, in_flight: int
) -> None:
    server = await start_gateway(max_in_flight=in_flight)
    app = await server.new_app()
    senders = [await server.login(app, name) for name in ("a", "b", "c")]
    recipients = [await server.login(app, name) for name in ("x", "y")]
    count = 100

    await asyncio.gather(
        *(
            sender.send(
                *(
                    SendOnline(f"{n}", app.app_id, "xy"[n % 2], "", b"%d" % n)
                    if n % 5
                    else SendOnline(f"{n}", app.app_id, "nobody", "", b"")
                    for n in range(count)
                )
            )
            for sender in senders
        )
    )

    for index, recipient in enumerate(recipients):
        expected = [n for n in range(count) if n % 5 and n % 2 == index]
        received: dict[str, list[int]] = {"a": [], "b": [], "c": []}
        for _ in range(len(expected) * len(senders)):
            message = await recipient.expect(DeliverOnline)
            received[message.from_account].append(int(message.payload))
        assert list(received.values()) == [expected] * len(senders)
    assert server.gateway.in_flight == 0


async def test_a_flood_makes_the_server_stop_reading_not_remember(start_gateway: StartGateway) -> None:
    server = await start_gateway(max_in_flight=8)
    app = await server.new_app()
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    (session,) = server.gateway.hub.sessions_of(user_id_of(alice))  # type: ignore[arg-type]
    count = 400

    await alice.send(*(SendOnline(f"{n}", app.app_id, "bob", "", bytes(2000)) for n in range(count)))
    most = 0
    for _ in range(count):
        await bob.expect(DeliverOnline)
        most = max(most, session._in_flight)
    await alice.expect_silence()

    # Once full, reading pauses; what one read of the socket had brought in already is still accepted.
    assert most < count
    assert session._in_flight == 0


async def test_what_was_sent_before_logging_out_still_goes_out(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await alice.send(*(SendOnline(f"{n}", app.app_id, "bob", "", b"%d" % n) for n in range(20)))
    await bob.expect(DeliverOnline)

    await alice.aclose()

    assert [(await bob.expect(DeliverOnline)).payload for _ in range(19)] == [b"%d" % n for n in range(1, 20)]


async def test_online_and_stored_messages_do_not_hinder_each_other(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send_online("bob", b"typing")
    ack = await alice.send_p2p("bob", b"hello")

    assert ack.code == 0
    assert (await bob.expect(DeliverOnline)).payload == b"typing"
    assert [message.payload for message in await bob.receive(1)] == [b"hello"]


# ---------------------------------------------------------------------- refusals


async def test_another_apps_account_is_refused(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    packet_id = await alice.send_online("bob", b"x", to_app_id=app.app_id + 1)

    assert (await expect_refusal(alice, packet_id)).code == 403
    await bob.expect_silence(DeliverOnline)


async def test_an_absent_app_id_means_the_senders(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send_online("bob", b"x", to_app_id=None)

    assert (await bob.expect(DeliverOnline)).payload == b"x"


async def test_a_payload_of_the_limit_passes_and_one_byte_more_is_refused(server: RunningGateway) -> None:
    app = await server.new_app(payloadMaxBytes=100)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send_online("bob", bytes(100))
    packet_id = await alice.send_online("bob", bytes(101))

    assert (await expect_refusal(alice, packet_id)).code == 413
    assert len((await bob.expect(DeliverOnline)).payload) == 100
    await bob.expect_silence(DeliverOnline)


@pytest.mark.parametrize(
    ("account", "resource", "code"),
    [
        ("", "", 400),
        ("b" * 257, "", 413),
        ("bob", "r" * (RESOURCE_MAX_BYTES + 1), 413),
        ("bob", "nul\0", 400),
        ("b\0b", "", 400),
    ],
)
async def test_names_that_can_not_be_are_refused(
    server: RunningGateway, app: App, account: str, resource: str, code: int
) -> None:
    alice = await server.login(app, "alice")

    packet_id = await alice.send_online(account, b"x", to_resource=resource)

    refusal = await expect_refusal(alice, packet_id)
    assert refusal.code == code
    assert refusal.text != ""


async def test_a_message_without_a_readable_body_is_refused_and_the_connection_goes_on(
    server: RunningGateway, app: App
) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send(OtherPacket(11, "broken", b"\xff\xff\xff"))
    refusal = await expect_refusal(alice, "broken")
    await alice.send_online("bob", b"x")

    assert refusal.code == 400
    assert (await bob.expect(DeliverOnline)).payload == b"x"


async def test_the_rate_is_that_of_one_to_one_messages(server: RunningGateway) -> None:
    app = await server.new_app(p2pMaxQps=2)
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send_online("bob", b"1")
    await bob.expect(DeliverOnline)
    stored = await alice.send_p2p("bob", b"2")
    packet_id = await alice.send_online("bob", b"3")
    refused = await expect_refusal(alice, packet_id)
    refused_too = await alice.send_p2p("bob", b"4")
    server.clock.advance(500)
    await alice.send_online("bob", b"5")

    assert (stored.code, refused.code, refused_too.code) == (0, 429, 429)
    assert (await bob.expect(DeliverOnline)).payload == b"5"


async def test_who_is_blocked_is_told_so_and_may_be_written_to(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await server.store.block(user_id_of(bob), user_id_of(alice))  # type: ignore[arg-type]

    packet_id = await alice.send_online("bob", b"x")
    refusal = await expect_refusal(alice, packet_id)
    await bob.send_online("alice", b"y")

    assert (refusal.code, refusal.text) == (405, "blocked by the recipient")
    assert (await alice.expect(DeliverOnline)).payload == b"y"
    await bob.expect_silence(DeliverOnline)


async def test_refusals_come_in_the_order_of_the_messages(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await server.store.block(user_id_of(bob), user_id_of(alice))  # type: ignore[arg-type]
    count = 50

    await alice.send(*(SendOnline(f"{n}", app.app_id, "bob", "", b"") for n in range(count)))

    assert [(await alice.expect(OnlineAck)).packet_id for _ in range(count)] == [f"{n}" for n in range(count)]


async def test_nobody_sends_before_logging_in(server: RunningGateway, app: App) -> None:
    bob = await server.login(app, "bob")
    stranger = await server.connect()
    await stranger.handshake()
    stranger.conn.set_identity(alice_identity := (await server.login(app, "alice")).conn.identity)  # type: ignore[arg-type]
    assert alice_identity is not None

    await stranger.send(SendOnline("p", app.app_id, "bob", "", b"x"))

    await stranger.expect_silence(OnlineAck)
    await bob.expect_silence(DeliverOnline)


# ---------------------------------------------------------------------- receipts


@PAIRS
async def test_a_receipt_goes_to_the_sending_device_alone(
    server: RunningGateway, app: App, sending: str, receiving: str
) -> None:
    phone = await server.login(app, "alice", "phone", transport=sending)
    tablet = await server.login(app, "alice", "tablet", transport=sending)
    bob = await server.login(app, "bob", transport=receiving)

    packet_id = await phone.send_online("bob", b"x")
    await confirm(bob, await bob.expect(DeliverOnline))

    assert await phone.expect(OnlineAck) == OnlineAck(packet_id, user_id_of(phone), "phone", 1, "RECEIVED")
    await tablet.expect_silence(OnlineAck)


async def test_each_device_may_confirm_a_message_once(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    devices = [await server.login(app, "bob", name) for name in ("phone", "tablet")]

    await alice.send_online("bob", b"x")
    for device in devices:
        message = await device.expect(DeliverOnline)
        await confirm(device, message)
        await confirm(device, message)

    for _ in devices:
        await alice.expect(OnlineAck)
    for device in devices:
        await device.expect_silence()
    await alice.expect_silence(OnlineAck)


async def test_a_receipt_names_whom_the_server_knows_not_whom_the_device_claims(
    server: RunningGateway, app: App
) -> None:
    alice, bob, carol = [await server.login(app, name) for name in ("alice", "bob", "carol")]

    packet_id = await alice.send_online("bob", b"x")
    await bob.expect(DeliverOnline)
    await bob.send(OnlineAck(packet_id, user_id_of(carol), "phone", 1, "RECEIVED"))

    assert (await alice.expect(OnlineAck)).user_id == user_id_of(alice)
    await carol.expect_silence(OnlineAck)


async def test_a_device_can_not_confirm_what_it_was_not_sent(server: RunningGateway, app: App) -> None:
    alice, bob, mallory = [await server.login(app, name) for name in ("alice", "bob", "mallory")]
    packet_id = await alice.send_online("bob", b"x", to_resource="phone")
    await bob.expect(DeliverOnline)

    for forger in (mallory, await server.login(app, "bob", "tablet")):
        await forger.send(OnlineAck(packet_id, user_id_of(alice), "phone", 1, "RECEIVED"))
        await forger.send(OnlineAck("made-up", user_id_of(alice), "phone", 1, "RECEIVED"))
        await forger.expect_silence()

    await alice.expect_silence(OnlineAck)


async def test_what_was_sent_before_the_last_login_can_not_be_confirmed(
    server: RunningGateway, app: App
) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await alice.send_online("bob", b"x")
    message = await bob.expect(DeliverOnline)

    bob = await server.login(app, "bob")
    await confirm(bob, message)
    await bob.expect_silence()

    await alice.expect_silence(OnlineAck)


async def test_of_many_unconfirmed_messages_the_newest_are_remembered(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    count = RECEIPTS_EXPECTED_MAX + 1
    await alice.send(*(SendOnline(f"{n}", app.app_id, "bob", "", b"") for n in range(count)))
    messages = [await bob.expect(DeliverOnline) for _ in range(count)]

    for message in messages:
        await confirm(bob, message)

    confirmed = [(await alice.expect(OnlineAck)).packet_id for _ in range(RECEIPTS_EXPECTED_MAX)]
    assert confirmed == [f"{n}" for n in range(1, count)]
    await alice.expect_silence(OnlineAck)


async def test_a_receipt_for_a_sender_who_left_is_dropped(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await alice.send_online("bob", b"x")
    message = await bob.expect(DeliverOnline)
    await alice.aclose()

    await confirm(bob, message)
    await bob.expect_silence()

    await (await server.login(app, "alice")).expect_silence(OnlineAck)


async def test_code_and_text_of_a_receipt_are_the_receivers(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await alice.send_online("bob", b"x")

    await confirm(bob, await bob.expect(DeliverOnline), code=-7, text="später")

    ack = await alice.expect(OnlineAck)
    assert (ack.code, ack.text) == (-7, "später")


async def test_after_a_restart_online_messages_go_on_and_nothing_old_comes(
    server: RunningGateway, app: App
) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await alice.send_online("bob", b"before")
    await bob.expect(DeliverOnline)

    await server.restart()
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")
    await bob.expect_silence(DeliverOnline)
    await alice.send_online("bob", b"after")

    assert (await bob.expect(DeliverOnline)).payload == b"after"


async def test_online_messages_are_in_nobodys_history_and_number(server: RunningGateway, app: App) -> None:
    alice, bob = await server.login(app, "alice"), await server.login(app, "bob")

    await alice.send_online("bob", b"x")
    await bob.expect(DeliverOnline)
    await alice.send(SendP2P("p", app.app_id, "bob", b"y", conversation=True))

    assert (await alice.expect_ack("p")).index == 1
    assert [message.payload for message in await bob.receive(1)] == [b"y"]
