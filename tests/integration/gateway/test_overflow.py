"""Too many waiting messages: who is told of them, who is sent them, and what each SDK's acks come to."""

from __future__ import annotations

import pytest

from openmimc.domain.delivery import REDELIVER_AFTER_MS
from openmimc.model.app import App
from openmimc.wire.events import Conn, Delivered, DeliveredMessage, PacketAck, Pull, SendP2P, SequenceAck
from tests.integration.gateway.conftest import RunningGateway, StartGateway
from tests.integration.raw_client import RawClient

MOST = 5

WEBJS = Conn(udid="websocket", sdk=31)
GO = Conn(os="macOs", sdk=33)
CSHARP = Conn(os="macOS")
CPP = Conn(udid="k3J9x0aQz7", sdk=33)
JAVA = Conn(sdk=33, host="127.0.0.1:5222")
PYTHON = Conn(os="openmimc-python")
OTHER = Conn(os="plan9", sdk=1)

KNOWING = pytest.mark.parametrize(
    ("conn", "transport"),
    [(WEBJS, "websocket"), (JAVA, "tcp"), (CPP, "tcp"), (PYTHON, "tcp"), (PYTHON, "websocket")],
    ids=["webjs", "java", "cpp", "python", "python-websocket"],
)
UNKNOWING = pytest.mark.parametrize("conn", [GO, CSHARP, OTHER], ids=["go", "csharp", "other"])


@pytest.fixture
async def app(server: RunningGateway) -> App:
    return await server.new_app(offlineMsgMaxCount=MOST)


async def send_many(alice: RawClient, app: App, count: int, first: int = 0) -> list[PacketAck]:
    numbers = range(first, first + count)
    await alice.send(*(SendP2P(f"p{n}", app.app_id, "bob", b"%d" % n) for n in numbers))
    return [await alice.expect_ack(f"p{n}") for n in numbers]


async def expect_told(client: RawClient, *, is_webjs: bool = False, is_probed: bool | None = None) -> Delivered:
    """The next list, which tells of an overflow. A WebJS session's first comes after a probe, C++'s each."""
    if client.said == CPP or (is_webjs if is_probed is None else is_probed):
        probe = await client.expect(Delivered)
        assert probe == Delivered(user_id=0, resource="", max_sequence=0, messages=())
    told = await client.expect(Delivered)
    assert told.is_overflow
    assert told.messages == ()
    assert client.conn.identity is not None
    assert (told.user_id, told.resource) == (client.conn.identity.user_id, client.conn.identity.resource)
    return told


def bounds(told: Delivered) -> tuple[int, int]:
    return told.min_sequence, told.max_sequence


def payloads(messages: tuple[DeliveredMessage, ...] | list[DeliveredMessage]) -> list[bytes]:
    return [message.payload for message in messages]


@KNOWING
async def test_as_many_as_the_limit_are_sent_and_one_more_is_told_of(
    server: RunningGateway, app: App, conn: Conn, transport: str
) -> None:
    alice = await server.login(app, "alice")
    acks = await send_many(alice, app, MOST)
    bob = await server.login(app, "bob", transport=transport, conn=conn)
    assert len(await bob.receive(MOST, acknowledge=False)) == MOST
    await bob.aclose()
    acks += await send_many(alice, app, 1, MOST)

    bob = await server.login(app, "bob", transport=transport, conn=conn)
    told = await expect_told(bob, is_webjs=conn is WEBJS)

    assert bounds(told) == (acks[0].sequence, acks[-1].sequence)
    await bob.expect_silence()


@KNOWING
async def test_an_ack_of_the_last_one_covers_them_all_and_new_ones_are_sent(
    server: RunningGateway, app: App, conn: Conn, transport: str
) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 3 * MOST)
    bob = await server.login(app, "bob", transport=transport, conn=conn)
    told = await expect_told(bob, is_webjs=conn is WEBJS)

    await alice.send_p2p("bob", b"new")
    await bob.expect_silence()
    await bob.send(SequenceAck(told.max_sequence))
    assert payloads(await bob.receive(1)) == [b"new"]
    await bob.expect_silence()
    await bob.aclose()
    bob = await server.login(app, "bob", transport=transport, conn=conn)

    await bob.expect_silence()


@KNOWING
async def test_without_an_ack_it_is_told_again_at_the_next_login_and_after_a_restart(
    server: RunningGateway, app: App, conn: Conn, transport: str
) -> None:
    alice = await server.login(app, "alice")
    acks = await send_many(alice, app, 2 * MOST)
    told = []
    for _ in range(2):
        bob = await server.login(app, "bob", transport=transport, conn=conn)
        told.append(bounds(await expect_told(bob, is_webjs=conn is WEBJS)))
        await bob.aclose()
    await server.restart()

    bob = await server.login(app, "bob", transport=transport, conn=conn)
    told.append(bounds(await expect_told(bob, is_webjs=conn is WEBJS)))

    assert told == [(acks[0].sequence, acks[-1].sequence)] * 3


@UNKNOWING
async def test_who_can_not_fetch_them_is_sent_them_in_pieces(
    server: RunningGateway, app: App, conn: Conn
) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 60)

    bob = await server.login(app, "bob", conn=conn)

    assert payloads(await bob.receive(60)) == [b"%d" % n for n in range(60)]
    await bob.expect_silence()


async def test_without_the_setting_everything_is_sent(server: RunningGateway) -> None:
    app = await server.new_app()
    alice = await server.login(app, "alice")
    await send_many(alice, app, 120)

    bob = await server.login(app, "bob", conn=JAVA)

    assert payloads(await bob.receive(120)) == [b"%d" % n for n in range(120)]


async def test_a_pull_and_a_minute_without_ack_repeat_it(start_gateway: StartGateway) -> None:
    server = await start_gateway(conn_timeout_s=0.3)
    app = await server.new_app(offlineMsgMaxCount=MOST)
    alice = await server.login(app, "alice")
    first = await send_many(alice, app, 2 * MOST)
    bob = await server.login(app, "bob", conn=JAVA)
    told = [bounds(await expect_told(bob))]
    more = await send_many(alice, app, 1, 2 * MOST)
    await bob.expect_silence()

    await bob.send(Pull())
    told.append(bounds(await expect_told(bob)))
    server.clock.advance(REDELIVER_AFTER_MS)
    (session,) = server.gateway.hub.sessions_of(bob.conn.identity.user_id)  # type: ignore[union-attr,arg-type]
    session.check(server.gateway.now_s)
    told.append(bounds(await expect_told(bob)))

    begin, end, now = first[0].sequence, first[-1].sequence, more[0].sequence
    assert told == [(begin, end), (begin, now), (begin, now)]


@pytest.mark.parametrize(("conn", "transport"), [(WEBJS, "websocket"), (JAVA, "tcp")], ids=["webjs", "java"])
async def test_an_sdk_that_acknowledges_what_it_was_told_last_time_gets_what_came_since(
    server: RunningGateway, app: App, conn: Conn, transport: str
) -> None:
    """WebJS 1.0.3 and Java do so when a backlog begins like the last one, also on another connection."""
    alice = await server.login(app, "alice")
    await send_many(alice, app, 120)
    bob = await server.login(app, "bob", transport=transport, conn=conn)
    before = await expect_told(bob, is_webjs=conn is WEBJS)
    await bob.aclose()
    await send_many(alice, app, 2, 120)

    bob = await server.login(app, "bob", transport=transport, conn=conn)
    again = await expect_told(bob, is_webjs=conn is WEBJS)
    await bob.send(SequenceAck(before.max_sequence))

    assert again.min_sequence == before.min_sequence
    assert payloads(await bob.receive(2)) == [b"120", b"121"]
    await bob.expect_silence()


async def test_acks_outside_the_bounds_change_nothing_or_cover_all(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 2 * MOST)
    bob = await server.login(app, "bob", conn=JAVA)
    told = await expect_told(bob)

    await bob.send(SequenceAck(-1), SequenceAck(0), SequenceAck(told.min_sequence - 1))
    await bob.expect_silence()
    await bob.send(SequenceAck(2**62))
    await alice.send_p2p("bob", b"not lost")

    assert payloads(await bob.receive(1)) == [b"not lost"]


async def test_own_messages_do_not_count(server: RunningGateway, app: App) -> None:
    bob = await server.login(app, "bob", "tablet")
    await bob.aclose()
    bob = await server.login(app, "bob", conn=JAVA)
    for _ in range(2 * MOST):
        await bob.send_p2p("alice", b"mine")
    await bob.aclose()
    alice = await server.login(app, "alice")
    await send_many(alice, app, MOST)

    bob = await server.login(app, "bob", conn=JAVA)

    assert len(await bob.receive(MOST)) == MOST


# ---------------------------------------------------------------------- WebJS of all ages


class OldWebJs:
    """Acknowledges each list before it looks at it, in order, as WebJS before 1.0.3 does."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.told = 0

    async def take(self) -> tuple[DeliveredMessage, ...]:
        delivered = await self.client.expect(Delivered)
        await self.client.send(SequenceAck(delivered.max_sequence))
        self.told += delivered.is_overflow
        assert self.client.conn.identity is not None
        is_mine = delivered.user_id == self.client.conn.identity.user_id
        return delivered.messages if is_mine else ()

    async def take_messages(self, count: int) -> list[bytes]:
        taken: list[bytes] = []
        while len(taken) < count:
            taken += payloads(await self.take())
        return taken


async def test_an_old_webjs_is_sent_everything_in_pieces(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 120)

    bob = await server.login(app, "bob", transport="websocket", conn=WEBJS)
    old = OldWebJs(bob)

    assert await old.take_messages(120) == [b"%d" % n for n in range(120)]
    assert old.told == 1
    await bob.expect_silence()
    await bob.aclose()
    await (await server.login(app, "bob", transport="websocket", conn=WEBJS)).expect_silence()


async def test_its_ack_of_what_it_was_told_covers_no_piece(server: RunningGateway, app: App) -> None:
    """The ack may come when a piece is out already; the client has not seen that piece."""
    alice = await server.login(app, "alice")
    await send_many(alice, app, 60)
    bob = await server.login(app, "bob", transport="websocket", conn=WEBJS)
    told = await expect_told(bob, is_webjs=True)

    await bob.send(SequenceAck(0))
    piece = await bob.expect(Delivered)
    await bob.send(SequenceAck(told.max_sequence))
    await bob.expect_silence()
    await bob.aclose()
    bob = await server.login(app, "bob", transport="websocket", conn=WEBJS)
    old = OldWebJs(bob)

    assert payloads(piece.messages)[0] == b"0"
    assert await old.take_messages(60) == [b"%d" % n for n in range(60)]


async def test_its_acks_of_repeated_tellings_cover_no_piece_either(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 60)
    bob = await server.login(app, "bob", transport="websocket", conn=WEBJS)
    told = [await expect_told(bob, is_webjs=True)]
    await bob.send(Pull())
    told.append(await expect_told(bob))

    await bob.send(SequenceAck(0), *(SequenceAck(one.max_sequence) for one in told))
    piece = await bob.expect(Delivered)
    await bob.expect_silence()
    await bob.send(SequenceAck(piece.max_sequence))
    rest = await bob.receive(60 - len(piece.messages))

    assert payloads(piece.messages) + payloads(rest) == [b"%d" % n for n in range(60)]


async def test_a_webjs_that_knows_overflow_is_probed_once_per_login(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 2 * MOST)
    bob = await server.login(app, "bob", transport="websocket", conn=WEBJS)
    await expect_told(bob, is_webjs=True)

    await bob.send(Pull())
    told = await expect_told(bob)
    await bob.send(SequenceAck(told.max_sequence))
    await alice.send_p2p("bob", b"new")

    assert payloads(await bob.receive(1)) == [b"new"]


async def test_a_webjs_that_never_meets_an_overflow_is_not_probed(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, MOST)

    bob = await server.login(app, "bob", transport="websocket", conn=WEBJS)

    assert len((await bob.expect(Delivered)).messages) == MOST
    await bob.expect_silence()


async def test_two_connections_of_one_device_need_one_ack(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    await send_many(alice, app, 2 * MOST)
    one = await server.login(app, "bob", "shared", conn=JAVA)
    two = await server.login(app, "bob", "shared", conn=JAVA)
    told = await expect_told(one)
    assert bounds(await expect_told(two)) == bounds(told)

    await one.send(SequenceAck(told.max_sequence))
    await one.expect_silence()
    await alice.send_p2p("bob", b"new")

    assert payloads(await one.receive(1)) == payloads(await two.receive(1)) == [b"new"]


async def test_each_device_is_told_of_what_waits_for_it(server: RunningGateway, app: App) -> None:
    alice = await server.login(app, "alice")
    phone = await server.login(app, "bob", "phone", conn=JAVA)
    tablet = await server.login(app, "bob", "tablet", conn=JAVA)
    await tablet.aclose()
    await send_many(alice, app, 2 * MOST)
    assert len(await phone.receive(2 * MOST)) == 2 * MOST

    tablet = await server.login(app, "bob", "tablet", conn=JAVA)

    await expect_told(tablet)
    await phone.expect_silence()
