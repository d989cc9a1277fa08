from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.bench.relay import HEAD_BYTES, Relay, RelayEnd, RelayPacket, make_packet, split_packets
from openmimc.bench.stamps import make_payload, read_stamp

ACK_BYTES, LIST_BYTES, MESSAGE_BYTES = 150, 500, 300

packets = st.lists(
    st.builds(make_packet, st.sampled_from(RelayPacket), st.binary(max_size=40), st.integers(0, 60)), max_size=5
)


@given(packets, st.data())
def test_packets_come_out_however_the_stream_is_cut(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(sent)
    cut = data.draw(st.integers(0, len(stream)))

    first, rest = split_packets(stream[:cut])
    second, left = split_packets(rest + stream[cut:])

    assert first + second == sent
    assert left == b""


def test_a_size_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        split_packets(bytes((2, 0, 0, 0)) + (3).to_bytes(4))


class Member:
    """A connection to the relay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, kind: RelayPacket, body: bytes, size: int = 0) -> None:
        self.writer.write(make_packet(kind, body, size))

    async def read(self) -> bytes:
        head = await asyncio.wait_for(self._reader.readexactly(HEAD_BYTES), 5)
        return head + await self._reader.readexactly(int.from_bytes(head[4:]) - HEAD_BYTES)


@pytest.fixture
async def relay() -> AsyncIterator[tuple[Relay, int]]:
    loop = asyncio.get_running_loop()
    relay = Relay(loop, ACK_BYTES, LIST_BYTES)
    server = await loop.create_server(lambda: RelayEnd(relay), "127.0.0.1", 0)
    async with server:
        yield relay, server.sockets[0].getsockname()[1]


async def join(relay: tuple[Relay, int], room: int) -> Member:
    member = Member(*await asyncio.open_connection("127.0.0.1", relay[1]))
    member.send(RelayPacket.JOIN, room.to_bytes(8))
    assert (await member.read())[0] == RelayPacket.JOIN
    return member


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_message_brings_an_ack_to_its_sender_and_a_list_to_everybody_else(
    relay: tuple[Relay, int],
) -> None:
    talker, first, second = [await join(relay, 1) for _ in range(3)]
    stranger = await join(relay, 2)
    payload = make_payload(5, 1, 99, 200)

    talker.send(RelayPacket.MESSAGE, payload, MESSAGE_BYTES)
    ack, *lists = [await member.read() for member in (talker, first, second)]

    assert (ack[0], len(ack)) == (RelayPacket.ACK, ACK_BYTES)
    assert ack[HEAD_BYTES : HEAD_BYTES + 16] == payload[:16]
    assert [(packet[0], len(packet)) for packet in lists] == [(RelayPacket.LIST, LIST_BYTES)] * 2
    assert [read_stamp(packet[HEAD_BYTES:]) for packet in lists] == [(5, 1, 99)] * 2
    stranger.send(RelayPacket.MESSAGE, payload, MESSAGE_BYTES)
    assert (await stranger.read())[0] == RelayPacket.ACK
    for member in (talker, first, second, stranger):
        member.writer.close()


async def test_who_has_gone_is_no_member_any_more(relay: tuple[Relay, int]) -> None:
    talker, listener = [await join(relay, 1) for _ in range(2)]

    listener.writer.close()

    await until(lambda: len(relay[0].rooms[(1).to_bytes(8)]) == 1)
    talker.send(RelayPacket.MESSAGE, make_payload(5, 1, 99, 200), MESSAGE_BYTES)
    assert (await talker.read())[0] == RelayPacket.ACK
    talker.writer.close()
