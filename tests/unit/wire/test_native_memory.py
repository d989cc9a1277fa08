"""The native codec gives back every object and every byte, on good paths and bad ones, and keeps little."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from openmimc.errors import LocalProtocolError, RemoteProtocolError
from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender
from openmimc.wire import events, headers
from openmimc.wire._native import NativeCodec, serialize_group_message, serialize_message
from openmimc.wire.cipher import body_key
from openmimc.wire.codec_python import PythonCodec
from openmimc.wire.connection import MAX_BODY_BYTES, Connection
from openmimc.wire.events import (
    Deliver,
    DeliverGroup,
    GroupPing,
    PacketAck,
    Ping,
    SendP2P,
    SendP2T,
    SequenceAck,
)
from openmimc.wire.framing import Framing, Role
from tests.unit.wire.peers import ALICE, CHALLENGE, bound_pair

PACKETS = 100_000
NOISE_BYTES = 8_192
"""What counters and caches of others grow by. One small object lost in one packet of ten would be more."""
MESSAGE = Message(
    sequence=Sequence(17_000_000_000_000_000),
    kind=Kind.P2P,
    sender=Sender(AppId(1), UserId(2), "alice", "res"),
    to_user_id=UserId(3),
    to_account="b\u00f6b",
    topic_id=TopicId(0),
    packet_id="p-1",
    payload=bytes(300),
    biz_type="TEXT",
    is_store=True,
    index=5,
)
ENTRY = serialize_message(MESSAGE, "com.example")


def codec_of(role: Role, framing: Framing) -> NativeCodec:
    codec = NativeCodec(role, framing, MAX_BODY_BYTES)
    codec.set_body_key(body_key(CHALLENGE, ""))
    codec.set_identity(ALICE)
    return codec


def read(role: Role, framing: Framing, *said: events.Event) -> Callable[[], None]:
    """Reading these events, in one chunk and in two."""
    client, server = bound_pair(framing)
    peer = client if role is Role.SERVER else server
    for event in said:
        peer.send(event)
    codec = codec_of(role, framing)
    packets = peer.packets_to_send()
    stream = b"".join(packets)
    chunks = [stream, stream[:100], stream[100:]] if framing is Framing.TCP else packets

    def step() -> None:
        for chunk in chunks:
            codec.feed(chunk)
            while codec.next_packet() is not None:
                pass

    return step


def refuse(role: Role, framing: Framing, packet: bytes) -> Callable[[], None]:
    """Reading what is no packet."""
    codec = codec_of(role, framing)

    def step() -> None:
        codec.feed(packet)
        with pytest.raises(RemoteProtocolError):
            codec.next_packet()
        codec.clear()

    return step


def write(framing: Framing) -> Callable[[], None]:
    codec = codec_of(Role.SERVER, framing)
    ack, deliver, group = PacketAck("p", 1, 2), Deliver(1, (ENTRY, ENTRY)), DeliverGroup(bytes(2000))

    def step() -> None:
        codec.seal_ack("0123456789ab", ack)
        codec.seal_list("0123456789ab", deliver)
        codec.seal_group("0123456789ab", group)
        codec.seal_message("0123456789ab", b"payload")
        codec.seal("PING", "0123456789ab", b"", user_id=1, resource="r")

    return step


def write_oddly() -> None:
    codec = codec_of(Role.SERVER, Framing.TCP)
    for call in (
        lambda: codec.seal_ack("i", PacketAck("\ud800", 1, 2)),
        lambda: codec.seal_list("i", Deliver(1, (None,))),  # type: ignore[arg-type]  # Odd on purpose.
        lambda: codec.seal_group("i", DeliverGroup("text")),  # type: ignore[arg-type]  # Odd on purpose.
        lambda: codec.seal_message("\ud800", b""),
        lambda: codec.seal_message("i" * 40_000, b""),
        lambda: codec.seal("PING", "\ud800", b"", user_id=1, resource="r"),
    ):
        with pytest.raises((UnicodeEncodeError, TypeError, ValueError, LocalProtocolError)):
            call()
    codec.set_identity(replace(ALICE, user_id=True))
    codec.seal_message("i", b"payload")
    codec.set_identity(None)
    with pytest.raises(LocalProtocolError):
        codec.seal_message("i", b"payload")


def serialize() -> None:
    serialize_message(MESSAGE, "com.example")
    serialize_group_message(MESSAGE)
    with pytest.raises(UnicodeEncodeError):
        serialize_message(MESSAGE, "\ud800")


P2P = SendP2P("p-1", 1, "b\u00f6b", bytes(300), biz_type="TEXT")
STEPS: dict[str, tuple[Callable[[], None], int]] = {
    # What is done, and how many packets that are.
    **{
        f"{framing.value}: {name}": (step, packets)
        for framing in Framing
        for name, step, packets in (
            ("messages", read(Role.SERVER, framing, P2P, SendP2T("p-2", None, 5, b""), SequenceAck(2**60)), 6),
            ("long messages", read(Role.SERVER, framing, replace(P2P, payload=bytes(5000))), 2),
            ("other messages", read(Role.SERVER, framing, GroupPing("p"), replace(P2P, packet_id="")), 4),
            ("pings", read(Role.SERVER, framing, Ping(header_id="i")), 2),
            ("acks", read(Role.CLIENT, framing, PacketAck("p", 2**60, 2**40)), 2),
            ("lists", read(Role.CLIENT, framing, Deliver(2**60, (ENTRY,) * 3)), 2),
            ("odd lists", read(Role.CLIENT, framing, Deliver(2**60, (ENTRY, b"\x20\x08"))), 2),
            ("garbage", refuse(Role.SERVER, framing, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), 1),
            (
                "too big",
                refuse(
                    Role.SERVER,
                    framing,
                    b"\xc2\xfe\0" + (b"\5" if framing is Framing.TCP else b"\4") + b"\xff" * 20,
                ),
                1,
            ),
            ("written", write(framing), 5),
        )
    },
    "written oddly": (write_oddly, 7),
    "serialized": (serialize, 3),
}
SHARED = {
    "identity": ALICE,
    "security key": ALICE.security_key,
    "resource": ALICE.resource,
    "None": None,
    "True": True,
    "empty text": "",
    "empty bytes": b"",
    "Packet": headers.Packet,
    "codec": NativeCodec,
    "entry": ENTRY,
    "message": MESSAGE,
    "sender": MESSAGE.sender,
    "P2P": Kind.P2P,
    **{kind.__name__: kind for kind in (SendP2P, SequenceAck, PacketAck, events.Delivered, Deliver)},
}


def references() -> dict[str, int]:
    return {name: sys.getrefcount(value) for name, value in SHARED.items()}


@pytest.mark.parametrize("name", STEPS)
def test_memory_and_references_stay_flat(name: str) -> None:
    """Over so many packets that one lost byte per packet would show."""
    step, packets = STEPS[name]
    rounds = PACKETS // len(STEPS) // packets
    for _ in range(20):
        step()  # Caches fill, here and in the libraries.
    gc.collect()
    tracemalloc.start()
    try:
        before_bytes, before = tracemalloc.get_traced_memory()[0], references()
        for _ in range(rounds):
            step()
        gc.collect()
        grown_bytes = tracemalloc.get_traced_memory()[0] - before_bytes
        after = references()
    finally:
        tracemalloc.stop()

    assert grown_bytes < NOISE_BYTES
    assert {name: after[name] - before[name] for name in SHARED if abs(after[name] - before[name]) > 20} == {}


def test_a_codec_lets_go_of_everything_when_it_goes() -> None:
    gc.collect()
    before = references()

    for _ in range(1000):
        codec = codec_of(Role.SERVER, Framing.TCP)
        codec.seal_message("i", bytes(2000))
        codec.feed(b"\xc2\xfe\0\5\0\0\1\0half")
        codec.next_packet()
        web = codec_of(Role.SERVER, Framing.WEBSOCKET)
        for _ in range(3):
            web.feed(b"a message that waits")
    del codec, web

    after = references()
    assert {name: after[name] - before[name] for name in SHARED if abs(after[name] - before[name]) > 20} == {}


@pytest.mark.parametrize("user_id", [1, True], ids=["usual", "odd"])
def test_a_user_who_left_is_forgotten(user_id: int) -> None:
    identity = replace(ALICE, security_key=bytes(range(40)), user_id=user_id)
    codec = codec_of(Role.SERVER, Framing.TCP)
    before = sys.getrefcount(identity), sys.getrefcount(identity.security_key)
    codec.set_identity(identity)
    codec.seal_message("i", b"payload")

    codec.set_identity(None)

    assert (sys.getrefcount(identity), sys.getrefcount(identity.security_key)) == before


# ------------------------------------------------------------------ what a connection keeps


def kept_bytes(make: Callable[[], object]) -> int:
    """Memory per thing made, what all of them share left out."""
    count = 200
    make()
    gc.collect()
    tracemalloc.start()
    try:
        kept = [None] * count
        before = tracemalloc.get_traced_memory()[0]
        for at in range(count):
            kept[at] = make()  # type: ignore[call-overload]  # A list of anything.
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) // count
    finally:
        tracemalloc.stop()


def used_codec(kind: type[NativeCodec] | type[PythonCodec]) -> NativeCodec | PythonCodec:
    """A codec as a bound user's connection has it, which has just passed messages."""
    codec = kind(Role.SERVER, Framing.TCP, MAX_BODY_BYTES)
    codec.set_body_key(body_key(CHALLENGE, ""))
    codec.set_identity(ALICE)
    codec.seal_ack("id", PacketAck("p", 1, 2))
    codec.seal_list("id", Deliver(1, (ENTRY,)))
    return codec


def quiet_codec(kind: type[NativeCodec] | type[PythonCodec]) -> NativeCodec | PythonCodec:
    codec = used_codec(kind)
    codec.drop_caches()
    return codec


def test_a_quiet_codec_keeps_less_than_300_bytes() -> None:
    assert kept_bytes(lambda: quiet_codec(NativeCodec)) < 300


def test_a_codec_in_use_keeps_little_more_than_its_key_stream() -> None:
    assert kept_bytes(lambda: used_codec(NativeCodec)) < 300 + 1024 + 300


def test_a_codec_keeps_no_more_than_its_twin() -> None:
    assert kept_bytes(lambda: quiet_codec(NativeCodec)) < kept_bytes(lambda: quiet_codec(PythonCodec))


def test_half_a_packet_is_kept_without_much_around_it() -> None:
    half = b"\xc2\xfe\0\5\0\1\0\0" + bytes(10_000)

    def starved() -> NativeCodec:
        codec = codec_of(Role.SERVER, Framing.TCP)
        for at in range(0, len(half), 100):
            codec.feed(half[at : at + 100])
            codec.next_packet()
        return codec

    assert kept_bytes(starved) < len(half) * 1.3 + 300


def test_what_was_announced_is_not_reserved() -> None:
    """A peer that promises 128 KiB and sends eight bytes costs eight bytes."""

    def promised() -> NativeCodec:
        codec = codec_of(Role.SERVER, Framing.TCP)
        codec.feed(b"\xc2\xfe\0\5\0\2\0\0")
        codec.next_packet()
        return codec

    assert kept_bytes(promised) < 500


def test_its_size_counts_what_it_keeps() -> None:
    codec = codec_of(Role.SERVER, Framing.TCP)
    bare = sys.getsizeof(codec)

    codec.seal_message("i", bytes(500))

    assert sys.getsizeof(codec) > bare + 1024
    assert kept_bytes(lambda: Connection(Role.SERVER, Framing.TCP)) < 1000
