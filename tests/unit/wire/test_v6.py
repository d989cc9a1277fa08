from itertools import pairwise
from time import process_time
from tracemalloc import get_traced_memory, start, stop
from zlib import adler32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadChecksum, BadMagic, BadPacket, BadVersion, PacketTooBig
from openmimc.wire.headers import MAX_HEADER_BYTES
from openmimc.wire.v6 import BODY_HEAD, EMPTY_PACKET, HEAD, Framer, Parts

LIMIT = 20_000


def packet_of(body: bytes, *, magic: int = 0xC2FE, version: int = 5) -> bytes:
    packet = HEAD.pack(magic, version, len(body)) + body
    return packet + adler32(packet).to_bytes(4, "big")


def packets_in(framer: Framer) -> list[Parts]:
    packets = []
    while (packet := framer.next_packet()) is not None:
        packets.append(packet)
    return packets


@pytest.mark.parametrize("key", [None, b"key"])
@given(header=st.binary(max_size=300), payload=st.binary(max_size=2000))
def test_a_packet_comes_out_as_it_went_in(key: bytes | None, header: bytes, payload: bytes) -> None:
    sender, receiver = Framer(LIMIT), Framer(LIMIT)
    if key is not None:
        sender.set_body_key(key)
        receiver.set_body_key(key)

    receiver.feed(sender.pack(header, payload))

    assert packets_in(receiver) == [(header, payload)]


@given(
    parts=st.lists(st.none() | st.tuples(st.binary(max_size=60), st.binary(max_size=600)), max_size=8),
    cuts=st.lists(st.integers(0, 5000), max_size=12),
)
def test_packets_do_not_depend_on_how_the_stream_is_cut(
    parts: list[tuple[bytes, bytes] | None], cuts: list[int]
) -> None:
    framer = Framer(LIMIT)
    stream = b"".join(EMPTY_PACKET if each is None else framer.pack(*each) for each in parts)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    received = []
    for begin, end in pairwise(edges):
        framer.feed(stream[begin:end])
        received += packets_in(framer)

    assert received == [(None, b"") if each is None else each for each in parts]


def test_data_fed_before_the_last_was_read_is_not_lost() -> None:
    framer = Framer(LIMIT)
    packet = framer.pack(b"h", b"p")

    framer.feed(packet + packet[:5])
    assert framer.next_packet() == (b"h", b"p")
    framer.feed(packet[5:])
    framer.feed(EMPTY_PACKET)

    assert packets_in(framer) == [(b"h", b"p"), (None, b"")]


def test_the_packet_without_a_body_is_never_encrypted() -> None:
    framer = Framer(LIMIT)
    framer.set_body_key(b"key")

    framer.feed(EMPTY_PACKET)

    assert framer.next_packet() == (None, b"")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (packet_of(bytes(8), magic=0xC2FF), BadMagic),
        (b"GET / HTTP/1.1\r\n\r\n", BadMagic),
        (packet_of(bytes(8), version=4), BadVersion),
        (packet_of(bytes(8))[:-1] + b"\0", BadChecksum),
        (packet_of(bytes(7)), BadPacket),
        (packet_of(BODY_HEAD.pack(1, 0, 0)), BadPacket),
        (packet_of(BODY_HEAD.pack(2, 1, 0)), BadPacket),
        (packet_of(BODY_HEAD.pack(2, 0, 1)), BadPacket),
        (packet_of(BODY_HEAD.pack(2, 0, 0) + b"x"), BadPacket),
        (packet_of(BODY_HEAD.pack(2, 0, 0xFFFFFFFF)), BadPacket),
    ],
)
def test_what_is_no_packet_is_refused(data: bytes, error: type[Exception]) -> None:
    framer = Framer(LIMIT)
    framer.feed(data)

    with pytest.raises(error):
        framer.next_packet()


def test_a_body_of_the_greatest_length_is_accepted() -> None:
    framer = Framer(100)
    framer.feed(framer.pack(b"h", bytes(100 - 9)))

    assert framer.next_packet() == (b"h", bytes(100 - 9))


def test_a_body_one_byte_longer_is_refused_when_its_head_is_there() -> None:
    framer = Framer(100)
    framer.feed(HEAD.pack(0xC2FE, 5, 101))

    with pytest.raises(PacketTooBig) as refusal:
        framer.next_packet()
    assert (refusal.value.announced_bytes, refusal.value.limit_bytes) == (101, 100)


def test_the_longest_header_is_accepted_and_a_longer_one_refused() -> None:
    framer = Framer(LIMIT)

    framer.feed(framer.pack(bytes(MAX_HEADER_BYTES), b""))
    assert framer.next_packet() == (bytes(MAX_HEADER_BYTES), b"")

    framer.feed(framer.pack(bytes(MAX_HEADER_BYTES + 1), b""))
    with pytest.raises(BadPacket):
        framer.next_packet()


def test_a_peer_that_sends_byte_by_byte_costs_little_more_than_one_packet() -> None:
    """Three packets of the greatest length, slowly: the memory of one, with room for growth and a copy."""
    limit = 30_000
    framer = Framer(limit)
    stream = framer.pack(b"", bytes(limit - 8)) * 3
    received = 0

    start()
    for position in range(len(stream)):
        framer.feed(stream[position : position + 1])
        packet = framer.next_packet()
        if packet is not None:
            received += 1
            del packet
    _, peak = get_traced_memory()
    stop()

    assert received == 3
    assert peak < 6 * limit


def test_a_chunk_is_not_kept_for_the_few_bytes_at_its_end() -> None:
    framer = Framer(LIMIT)
    chunk = framer.pack(b"", bytes(10_000)) + EMPTY_PACKET[:5]
    framer.feed(chunk)
    assert packets_in(framer) == [(b"", bytes(10_000))]

    start()
    del chunk
    framer.feed(EMPTY_PACKET[5:])
    packets = packets_in(framer)
    _, peak = get_traced_memory()
    stop()

    assert packets == [(None, b"")]
    assert peak < 2_000


def cpu_seconds_for_slow_packet(body_bytes: int) -> float:
    framer = Framer(body_bytes)
    stream = framer.pack(b"", bytes(body_bytes - 8))
    begin = process_time()
    for position in range(0, len(stream), 16):
        framer.feed(stream[position : position + 16])
        framer.next_packet()
    return process_time() - begin


def test_work_is_linear_in_a_packet_that_comes_in_small_pieces() -> None:
    """Eight times the length takes eight times the time, and would take 64 times if it was copied each time."""
    short, long = (min(cpu_seconds_for_slow_packet(size) for _ in range(5)) for size in (1 << 16, 1 << 19))

    assert long < 30 * short


def cpu_seconds_for_many_packets(count: int) -> float:
    framer = Framer(LIMIT)
    stream = EMPTY_PACKET * count
    begin = process_time()
    # The first byte alone, so that the rest is cut out of a buffer that grew.
    framer.feed(stream[:1])
    framer.next_packet()
    framer.feed(stream[1:])
    assert len(packets_in(framer)) == count
    return process_time() - begin


def test_work_is_linear_in_a_chunk_of_many_packets() -> None:
    few, many = (min(cpu_seconds_for_many_packets(count) for _ in range(5)) for count in (4_000, 32_000))

    assert many < 30 * few
