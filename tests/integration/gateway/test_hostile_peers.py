"""Peers that mean harm, or know no better: the server stays up, memory stays bounded, others do not notice."""

from __future__ import annotations

import asyncio
import os
import random
import struct
import zlib
from collections.abc import Callable

import pytest
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed

from openmimc.model.app import App
from openmimc.wire.connection import Connection, Framing, Identity, Role
from openmimc.wire.events import (
    Bind,
    BindResponse,
    Conn,
    Delivered,
    PacketAck,
    Ping,
    Pong,
    SendP2P,
    SequenceAck,
    Unbind,
)
from openmimc.wire.pb import ims_pb2, mimc_pb2
from tests.integration.gateway.conftest import RunningGateway, StartGateway
from tests.integration.raw_client import RawClient

HEAD = struct.Struct(">HHI")


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _sealed(body: bytes, *, magic: int = 0xC2FE, version: int = 5) -> bytes:
    head = HEAD.pack(magic, version, len(body)) + body
    return head + zlib.adler32(head).to_bytes(4, "big")


def _valid_conn() -> bytes:
    client = Connection(Role.CLIENT, Framing.TCP)
    client.send(Conn(os="test"))
    return client.data_to_send()


BROKEN_STREAMS: dict[str, bytes] = {
    "bad magic": _sealed(b"x" * 20, magic=0xBEEF),
    "bad version": _sealed(b"x" * 20, version=9),
    "huge length": HEAD.pack(0xC2FE, 5, 0xFFFFFFFF),
    "length one past the limit": HEAD.pack(0xC2FE, 5, 128 * 1024 + 1),
    "bad checksum": _valid_conn()[:-1] + b"\x00",
    "header longer than the body": _sealed(struct.pack(">HHI", 2, 60_000, 0) + b"x"),
    "payload longer than the body": _sealed(struct.pack(">HHI", 2, 0, 0xFFFFFFFF) + b"x"),
    "unknown payload type": _sealed(struct.pack(">HHI", 7, 0, 0)),
    "body shorter than its head": _sealed(b"\x00\x02"),
    "garbage for a header": _sealed(struct.pack(">HHI", 2, 4, 0) + b"\xff\xff\xff\xff"),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(512),
}


@pytest.mark.parametrize("name", BROKEN_STREAMS)
async def test_a_broken_stream_ends_its_connection_and_no_other(
    server: RunningGateway, app: App, name: str
) -> None:
    bystander = await server.login(app, "bob")
    hostile = await server.connect()

    await hostile.send_bytes(BROKEN_STREAMS[name])

    await hostile.expect_closed()
    alice = await server.login(app, "alice")
    assert (await alice.send_p2p("bob", b"unharmed")).code == 0
    assert [message.payload for message in await bystander.receive(1)] == [b"unharmed"]
    assert server.gateway.stats.protocol_errors.total() == 1


@pytest.mark.parametrize("after", ["nothing", "handshake", "login"])
async def test_random_bytes_at_any_stage_harm_nobody(server: RunningGateway, app: App, after: str) -> None:
    bystander = await server.login(app, "bob")
    rng = random.Random(after)
    for _ in range(20):
        hostile = await server.connect()
        if after != "nothing":
            await hostile.handshake()
        if after == "login":
            await hostile.bind(await server.grant(app, "mallory"))

        await hostile.send_bytes(_sealed(rng.randbytes(rng.randrange(9, 3000))))

        await hostile.expect_closed()
    await bystander.expect_silence()


@pytest.mark.parametrize("data", [b"", b"\xc2", b"\xc2\xfe\x00\x04", bytes(range(40)), bytes(200_000)])
async def test_a_broken_websocket_message_ends_its_connection_and_no_other(
    server: RunningGateway, app: App, data: bytes
) -> None:
    bystander = await server.login(app, "bob", transport="websocket")
    hostile = await server.connect("websocket")

    await hostile.send_bytes(data)

    await hostile.expect_closed()
    await bystander.expect_silence()


async def test_a_text_message_ends_a_websocket(server: RunningGateway) -> None:
    async with websockets.asyncio.client.connect(f"ws://127.0.0.1:{server.http_port}/") as websocket:
        await websocket.send("hello")

        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(websocket.recv(), 5)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


async def test_fragments_without_end_are_cut_off(server: RunningGateway) -> None:
    async with websockets.asyncio.client.connect(
        f"ws://127.0.0.1:{server.http_port}/", compression=None
    ) as websocket:

        async def endless():  # type: ignore[no-untyped-def]
            while True:
                yield bytes(10_000)
                await asyncio.sleep(0)

        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(websocket.send(endless()), 10)


async def test_a_websocket_elsewhere_than_at_the_root_is_refused(server: RunningGateway) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        await websockets.asyncio.client.connect(f"ws://127.0.0.1:{server.http_port}/api/topic")

    assert refused.value.response.status_code == 404


async def test_half_a_packet_for_ever_is_given_up(start_gateway: StartGateway) -> None:
    server = await start_gateway(conn_timeout_s=1)
    hostile = await server.connect()
    packet = _valid_conn()

    await hostile.send_bytes(packet[:-1])

    await hostile.expect_closed()


async def test_messages_before_login_are_not_stored(server: RunningGateway, app: App) -> None:
    client = await server.connect()
    await client.handshake()
    grant = await server.grant(app, "alice")
    client.conn.set_identity(
        Identity(
            app_id=app.app_id,
            user_id=grant.account.user_id,
            account="alice",
            resource="phone",
            security_key=grant.security_key,
            package=app.package,
        )
    )

    await client.send(SendP2P("p", app.app_id, "bob", b"x"), Unbind())

    bob = await server.login(app, "bob")
    await bob.expect_silence()
    assert not [event for event in client.events if isinstance(event, PacketAck)]


def _forged_p2p(app: App, victim_id: int) -> bytes:
    message = mimc_pb2.MIMCP2PMessage(payload=b"forged", isStore=True)
    sender = getattr(message, "from")
    sender.appId, sender.appAccount, sender.uuid, sender.resource = app.app_id, "victim", victim_id, "other"
    message.to.appId, message.to.appAccount, message.to.uuid = app.app_id, "bob", victim_id
    return mimc_pb2.MIMCPacket(
        packetId="forged", package="other.package", type=1, payload=message.SerializeToString(), sequence=1
    ).SerializeToString()


async def test_a_sender_cannot_pass_for_somebody_else(server: RunningGateway, app: App) -> None:
    """Whatever a packet claims, the bound user and device are the sender."""
    victim = await server.grant(app, "victim")
    mallory = await server.login(app, "mallory", "burner")
    bob = await server.login(app, "bob")
    assert mallory.conn.identity is not None

    packet = mallory.conn._codec.seal_message("forged-id", _forged_p2p(app, victim.account.user_id))
    await mallory.send_bytes(packet)

    (message,) = await bob.receive(1)
    assert (message.from_account, message.from_resource) == ("mallory", "burner")
    assert message.from_user_id == mallory.conn.identity.user_id
    await (await server.login(app, "victim")).expect_silence()


async def test_a_header_with_another_users_uuid_and_resource_changes_nothing(
    server: RunningGateway, app: App
) -> None:
    """Acks, pulls and logouts count for the bound device alone, whatever their fields say."""
    victim = await server.login(app, "victim", "phone")
    mallory = await server.login(app, "mallory", "burner")
    alice = await server.login(app, "alice")
    assert victim.conn.identity is not None
    assert mallory.conn.identity is not None
    await alice.send_p2p("victim", b"mine")
    delivered = await victim.expect(Delivered)

    # The wire writes uuid and resource of the identity into every field that carries them.
    stolen = Identity(
        app_id=app.app_id,
        user_id=victim.conn.identity.user_id,
        account="victim",
        resource="phone",
        security_key=mallory.conn.identity.security_key,
        package=app.package,
    )
    mallory.conn.set_identity(stolen)
    await mallory.send(SequenceAck(delivered.max_sequence), Unbind())
    await mallory.expect_closed_or_kicked()
    await victim.aclose()

    victim = await server.login(app, "victim", "phone")
    assert [message.payload for message in await victim.receive(1)] == [b"mine"]


async def test_a_bind_for_another_users_uuid_with_a_right_signature_is_refused(
    server: RunningGateway, app: App
) -> None:
    """Mallory signs correctly, with his own token and key, for the victim's uuid."""
    victim = await server.grant(app, "victim")
    own = await server.grant(app, "mallory")
    mallory = await server.connect()
    await mallory.handshake()
    mallory.conn.set_identity(
        Identity(
            app_id=app.app_id,
            user_id=victim.account.user_id,
            account="victim",
            resource="phone",
            security_key=own.security_key,
            package=app.package,
        )
    )

    await mallory.send(Bind(own.token, victim.account.user_id, "phone", ""))

    response = await mallory.expect(BindResponse)
    assert (response.result, response.error_reason) == (False, "invalid-token")


async def test_a_client_that_never_reads_is_cut_off_with_bounded_memory(start_gateway: StartGateway) -> None:
    server = await start_gateway(max_unsent_bytes=64 * 1024)
    app = await server.new_app()
    bystander = await server.login(app, "bob")
    grant = await server.grant(app, "mallory")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.tcp_port, limit=1024)
    mute = RawClient(Framing.TCP)
    mute._writer = writer
    mute._tasks.append(task := asyncio.create_task(mute._read_tcp(reader)))
    await mute.login(grant)
    task.cancel()  # From here on it reads nothing.
    writer.transport.pause_reading()
    before = _resident_bytes()

    async def ping_for_ever() -> None:
        while True:
            await mute.send(*(Ping() for _ in range(500)))
            await asyncio.sleep(0)

    with pytest.raises((ConnectionError, TimeoutError)):
        await asyncio.wait_for(ping_for_ever(), 20)

    assert server.gateway.stats.slow_readers == 1
    assert _resident_bytes() - before < 32 * 1024 * 1024
    await bystander.expect_silence()
    server.clients.append(mute)


async def test_a_flood_of_messages_waits_in_the_kernel_and_not_in_memory(
    start_gateway: StartGateway,
) -> None:
    server = await start_gateway(max_in_flight=8)
    app = await server.new_app()
    alice = await server.login(app, "alice")
    (session,) = server.gateway.hub.sessions_of(alice.conn.identity.user_id)  # type: ignore[union-attr,arg-type]
    count = 400

    await alice.send(*(SendP2P(f"p{n}", app.app_id, "bob", bytes(2000)) for n in range(count)))
    most = 0
    acks = 0
    while acks < count:
        await alice.expect(PacketAck)
        acks += 1
        most = max(most, session._in_flight)

    # Once full, reading pauses; what one read of the socket had brought in already is still accepted.
    assert most < count
    assert session._in_flight == 0


async def test_a_thousand_connections_that_say_nothing_disturb_nobody(start_gateway: StartGateway) -> None:
    server = await start_gateway(conn_timeout_s=3)
    app = await server.new_app()
    alice = await server.login(app, "alice")
    bob = await server.login(app, "bob")
    before = _resident_bytes()
    opened = [await asyncio.open_connection("127.0.0.1", server.tcp_port) for _ in range(1000)]

    for number in range(20):
        assert (await alice.send_p2p("bob", b"%d" % number)).code == 0
    received = await bob.receive(20)
    grown = _resident_bytes() - before
    for reader, writer in opened:
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()

    assert [message.payload for message in received] == [b"%d" % number for number in range(20)]
    assert grown < 64 * 1024 * 1024  # Of which most is this test's own half of the connections.
    assert server.gateway.stats.timeouts["opened"] == 1000


async def test_logging_in_and_out_without_end_leaves_nothing_behind(server: RunningGateway, app: App) -> None:
    grant = await server.grant(app, "mallory")
    client = await server.connect()
    await client.handshake()

    for number in range(50):
        assert (await client.bind(grant, f"device-{number % 5}")).result

    assert len(server.gateway.hub.sessions_of(grant.account.user_id)) == 1
    await client.aclose()
    server.clients.remove(client)
    async with asyncio.timeout(5):
        while server.gateway.hub.sessions_of(grant.account.user_id):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: header.ClearField("cmd"),
        lambda header: header.ClearField("id"),
        lambda header: setattr(header, "cmd", "X" * 1000),
        lambda header: setattr(header, "uuid", -1),
        lambda header: setattr(header, "resource", "\0"),
    ],
)
async def test_odd_headers_are_survived(
    server: RunningGateway, app: App, spoil: Callable[[ims_pb2.ClientHeader], None]
) -> None:
    bystander = await server.login(app, "bob")
    hostile = await server.connect()
    header = ims_pb2.ClientHeader(chid=9, uuid=5, server="xiaomi.com", resource="r", cmd="CONN", id="1")
    spoil(header)
    head = header.SerializeToString()

    await hostile.send_bytes(_sealed(struct.pack(">HHI", 2, len(head), 0) + head))

    await bystander.send(Ping())
    await bystander.expect(Pong)
