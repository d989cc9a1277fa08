from zlib import adler32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadChecksum, BadMagic, BadPacket, BadVersion, PacketTooBig
from openmimc.wire.headers import MAX_HEADER_BYTES
from openmimc.wire.web import HEAD, OVERHEAD_BYTES, Framer, parse_packet

LIMIT = 20_000


def message_of(*head: int, rest: bytes = b"") -> bytes:
    packet = HEAD.pack(*head) + rest
    return packet + adler32(packet).to_bytes(4, "big")


@given(header=st.binary(max_size=300), payload=st.binary(max_size=2000))
def test_a_packet_comes_out_as_it_went_in(header: bytes, payload: bytes) -> None:
    framer = Framer(LIMIT)

    framer.feed(framer.pack(header, payload))

    assert framer.next_packet() == (header, payload)
    assert framer.next_packet() is None


def test_messages_that_wait_come_out_in_order() -> None:
    framer = Framer(LIMIT)
    for payload in (b"1", b"2", b"3"):
        framer.feed(framer.pack(b"", payload))

    assert [framer.next_packet() for _ in range(4)] == [(b"", b"1"), (b"", b"2"), (b"", b"3"), None]


def test_cleared_messages_are_gone() -> None:
    framer = Framer(LIMIT)
    framer.feed(framer.pack(b"", b"1"))
    framer.feed(framer.pack(b"", b"2"))

    framer.clear()

    assert framer.next_packet() is None


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (b"", BadPacket),
        (message_of(0xC2FE, 4, 3, 2, 0, 0)[:-1], BadPacket),
        (message_of(0xC2FF, 4, 3, 2, 0, 0), BadMagic),
        (message_of(0xC2FE, 5, 3, 2, 0, 0), BadVersion),
        (message_of(0xC2FE, 4, 2, 2, 0, 0), BadPacket),
        (message_of(0xC2FE, 4, 3, 1, 0, 0), BadPacket),
        (message_of(0xC2FE, 4, 3, 2, 1, 0), BadPacket),
        (message_of(0xC2FE, 4, 3, 2, 0, 1), BadPacket),
        (message_of(0xC2FE, 4, 3, 2, 0, 0) + b"x", BadPacket),
        (message_of(0xC2FE, 4, 3, 2, 0, 0)[:-1] + b"\0", BadChecksum),
        (message_of(0xC2FE, 4, 3, 2, 0, 0xFFFFFFFF), PacketTooBig),
    ],
)
def test_what_is_no_packet_is_refused(message: bytes, error: type[Exception]) -> None:
    framer = Framer(LIMIT)
    framer.feed(message)

    with pytest.raises(error):
        framer.next_packet()


def test_a_body_of_the_greatest_length_is_accepted_and_a_longer_one_refused() -> None:
    """Bodies are counted as over TCP: two lengths and a type, header, payload."""
    framer = Framer(LIMIT)
    longest = framer.pack(b"h", bytes(100 - 9))

    assert len(longest) == 100 + OVERHEAD_BYTES
    assert parse_packet(longest, max_body_bytes=100) == (b"h", bytes(100 - 9))
    with pytest.raises(PacketTooBig):
        parse_packet(longest, max_body_bytes=99)


def test_the_longest_header_is_accepted_and_a_longer_one_refused() -> None:
    framer = Framer(LIMIT)

    framer.feed(framer.pack(bytes(MAX_HEADER_BYTES), b""))
    assert framer.next_packet() == (bytes(MAX_HEADER_BYTES), b"")

    framer.feed(framer.pack(bytes(MAX_HEADER_BYTES + 1), b""))
    with pytest.raises(BadPacket):
        framer.next_packet()
