"""The native codec does what its twin in Python does, whatever comes: same events, same errors, same bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple
from zlib import adler32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from openmimc.model.ids import Sequence
from openmimc.model.message import Message
from openmimc.wire import group_messages, messages
from openmimc.wire._native import NativeCodec, serialize_group_message, serialize_message
from openmimc.wire.cipher import body_key, payload_key, rc4
from openmimc.wire.connection import Connection
from openmimc.wire.events import (
    Deliver,
    DeliverGroup,
    DeliverOverflow,
    Event,
    PacketAck,
    Ping,
    Pong,
    SendP2P,
    SendP2T,
    SequenceAck,
)
from openmimc.wire.fields import delimited, varint
from openmimc.wire.framing import Framing, Role
from openmimc.wire.headers import (
    CLIENT_MESSAGE_END,
    MAX_HEADER_BYTES,
    SECMSG,
    header_start,
    parse_header,
    serialize_header,
)
from openmimc.wire.identity import Identity
from openmimc.wire.v6 import Framer as TcpFramer
from openmimc.wire.web import Framer as WebFramer
from tests import strategies
from tests.unit.wire.peers import ALICE, CHALLENGE, bound_pair
from tests.unit.wire.twins import MAX_BODY_BYTES, Twins, outcome_of

BOUND_KEY = body_key(CHALLENGE, "")
"""The outer cipher's key of the ends that ``bound_pair`` makes."""

roles = st.sampled_from(Role)
framings = st.sampled_from(Framing)
ends = st.tuples(roles, framings)
cuts = st.lists(st.integers(0, 5000), max_size=8)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(edge % (len(data) + 1) for edge in at)})
    return [data[begin:end] for begin, end in pairwise(edges)] or [b""]


def framer_of(framing: Framing) -> TcpFramer | WebFramer:
    """Makes packets as the peer does."""
    if framing is Framing.WEBSOCKET:
        return WebFramer(1 << 20)
    framer = TcpFramer(1 << 20)
    framer.set_body_key(BOUND_KEY)
    return framer


def twins_of(role: Role, framing: Framing, **keywords: Any) -> Twins:
    """Both codecs of one end that knows the key and the user."""
    return Twins(role, framing, body_key=BOUND_KEY, **{"identity": ALICE, **keywords})


# ------------------------------------------------------------------ what is read: whole packets

lists = st.builds(
    Deliver,
    max_sequence=strategies.sequences,
    packets=st.lists(
        strategies.messages.map(lambda message: messages.serialize_message(message, "com.example")), max_size=4
    ).map(tuple),
)
group_lists = st.builds(
    lambda group_id, entries: DeliverGroup(
        group_messages.serialize_group_list(group_id, ALICE.app_id, 7, entries)
    ),
    strategies.uint64s,
    st.lists(strategies.group_messages.map(group_messages.serialize_group_message), max_size=3),
)
overflows = st.builds(
    DeliverOverflow,
    min_sequence=strategies.sequences,
    max_sequence=strategies.sequences,
    is_probe=st.booleans(),
)
client_events = st.one_of(
    strategies.client_events, st.just(Ping(is_empty=True)), st.builds(SequenceAck, strategies.int64s)
)
server_events = st.one_of(strategies.server_events, lists, group_lists, overflows, st.just(Pong()))


def packets_of(role: Role, framing: Framing, events: list[Event]) -> list[bytes]:
    """What the peer of this end sends when it says this."""
    client, server = bound_pair(framing)
    peer: Connection = client if role is Role.SERVER else server
    for event in events:
        if not (event == Ping(is_empty=True) and framing is Framing.WEBSOCKET):
            peer.send(event)
    return peer.packets_to_send()


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Role, Framing, list[bytes]]:
    role, framing = draw(ends)
    events = draw(st.lists(client_events if role is Role.SERVER else server_events, max_size=5))
    return role, framing, packets_of(role, framing, events)


@given(conversations(), cuts, st.integers(200, 100_000))
def test_good_packets_read_alike(
    conversation: tuple[Role, Framing, list[bytes]], at: list[int], max_body_bytes: int
) -> None:
    """However the stream is cut, and whether or not they are too big for this end."""
    role, framing, packets = conversation
    twins = twins_of(role, framing, max_body_bytes=max_body_bytes)

    twins.read(cut(b"".join(packets), at) if framing is Framing.TCP else packets)


@given(conversations(), st.data())
def test_damaged_streams_read_alike(
    conversation: tuple[Role, Framing, list[bytes]], data: st.DataObject
) -> None:
    role, framing, packets = conversation
    damaged = [damage(packet, data.draw(damages)) if data.draw(st.booleans()) else packet for packet in packets]

    twins_of(role, framing).read(damaged)


damages = st.lists(
    st.tuples(st.sampled_from("^=+-"), st.integers(0, 600), st.binary(min_size=1, max_size=4)), max_size=3
)


def damage(data: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    out = bytearray(data)
    for kind, position, value in changes:
        at = position % (len(out) + 1)
        if kind == "^" and at < len(out):
            out[at] ^= value[0]
        elif kind == "=":
            out[at : at + len(value)] = value
        elif kind == "+":
            out[at:at] = value
        elif kind == "-":
            del out[at : at + len(value)]
    return bytes(out)


@given(ends, st.binary(max_size=200), cuts, st.booleans())
def test_garbage_reads_alike(end: tuple[Role, Framing], data: bytes, at: list[int], has_head: bool) -> None:
    role, framing = end
    if has_head:
        data = (b"\xc2\xfe\0\5\0\0\0" if framing is Framing.TCP else b"\xc2\xfe\0\4\0\3\0\2\0\5\0\0\0") + data

    Twins(*end).read(cut(data, at))
    twins_of(role, framing).read(cut(data, at))


@given(st.binary(max_size=40), st.sampled_from([None, BOUND_KEY]))
def test_any_body_in_a_sound_frame_splits_alike(body: bytes, key: bytes | None) -> None:
    packet = b"\xc2\xfe\0\5" + len(body).to_bytes(4, "big") + body
    packet += adler32(packet).to_bytes(4, "big")

    Twins(Role.SERVER, Framing.TCP, body_key=key).read([packet])


@given(
    st.binary(max_size=14).map(lambda head: b"\xc2\xfe\0\4" + head),
    st.binary(max_size=20),
)
def test_any_message_with_a_sound_checksum_splits_alike(head: bytes, rest: bytes) -> None:
    packet = head + rest
    packet += adler32(packet).to_bytes(4, "big")

    Twins(Role.SERVER, Framing.WEBSOCKET).read([packet])


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("header_bytes", [0, MAX_HEADER_BYTES, MAX_HEADER_BYTES + 1])
def test_headers_of_any_length_split_alike(framing: Framing, header_bytes: int) -> None:
    packet = framer_of(framing).pack(bytes(header_bytes), b"payload")

    twins_of(Role.SERVER, framing, max_body_bytes=1 << 20).read([packet])


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("payload_bytes", [5_400, 5_552, 5_600, 70_000])
def test_checksums_of_long_packets_are_alike(framing: Framing, payload_bytes: int) -> None:
    """With the greatest bytes, whose sums are the first to be too great."""
    packet = WebFramer(1 << 20).pack(b"\x2a\x04PING", b"\xff" * payload_bytes)
    twins = Twins(Role.SERVER, Framing.WEBSOCKET, max_body_bytes=1 << 20)

    assert twins.read([packet])[0][0].startswith("Packet(")
    twins_of(Role.SERVER, framing).do("seal", "PING", "i", b"\xff" * payload_bytes, user_id=1, resource="r")


# ------------------------------------------------------------------ what is read: protobuf, field by field
#
# Nearly good messages: whole ones in which a field is left out, repeated, of another kind, out of range or
# written in a longer form than needed. It is there that the native reader has to give up in time.

NUMBERS = [0, 1, 2, 300, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 2**31, 2**64 - 2**31 - 1, 2**64 - 1]
ODD_VARINTS = [
    b"\x81\x00",
    b"\x80" * 9 + b"\x00",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 9 + b"\x02",
    b"\xff" * 9 + b"\x7f",
    b"\xff" * 10 + b"\x01",
    b"\x80",
    b"",
]
GOOD_TEXTS = [
    "a",
    "alice",
    "\u4e2d\u6587",
    "\u00fc\ud7ff\ue000\uffff\U00010000\U0010ffff, longer than a word",
    "i" * 256,
    "\u4e2d" * 85 + "x",
]
ODD_TEXTS = [
    b"",
    b"\0",
    b"a\0b",
    b"i" * 257,
    b"b" * 1024,
    b"b" * 1025,
    "\u4e2d".encode() * 86,
    b"\x80",
    b"\xff",
    b"\xc1\xbf",
    b"\xc3",
    b"\xc3(",
    b"\xe0\x9f\xbf",
    b"\xe4\xb8",
    b"\xe4\xb8(",
    b"\xed\xa0\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xf0\x90\x80(",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"eight ch\xed\xa0\x80",
]


def tag(number: int, kind: int) -> bytes:
    return varint(number << 3 | kind)


class Field(NamedTuple):
    """Ways to write one field: the first is what is usual, the others are as good, or odd."""

    ways: list[bytes]


def number_field(number: int, *values: int) -> Field:
    start = tag(number, 0)
    return Field([start + value for value in (*map(varint, (*values, *NUMBERS)), *ODD_VARINTS)])


def bytes_field(number: int, values: list[bytes]) -> Field:
    start = tag(number, 2)
    odd = [*ODD_VARINTS, b"\x05abc", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x80\x00"]
    return Field([*(delimited(start, value) for value in values), *(start + value for value in odd)])


def text_field(number: int, *values: str) -> Field:
    return bytes_field(number, [*(value.encode() for value in (*values, *GOOD_TEXTS)), *ODD_TEXTS])


ANY_FIELDS = [
    *(tag(number, 0) + b"\x05" for number in range(1, 17)),
    *(delimited(tag(number, 2), b"a") for number in range(1, 17)),
    tag(1, 5) + b"four",
    tag(1, 1) + b"eight by",
    tag(9, 3) + tag(9, 4),
    b"\x00",
    b"\x02\x00",
    b"\x04",
    b"\x0f",
    b"\x88\x00\x01",
    b"\xff\xff\xff\xff\xff\x01\x00",
]


class Schema:
    """A message with all of its fields, by number, and what can happen to it."""

    def __init__(self, fields: dict[int, Field]) -> None:
        self.fields = fields

    def variants(self) -> list[bytes]:
        """The whole message first, then with each single thing about it changed."""
        usual = {number: field.ways[0] for number, field in self.fields.items()}
        whole = b"".join(usual.values())
        found = [whole, b"".join(reversed(usual.values())), b""]
        for number, field in self.fields.items():
            found.append(b"".join({**usual, number: b""}.values()))
            found += (b"".join({**usual, number: way}.values()) for way in field.ways[1:])
            found += (whole + way for way in field.ways[:2])
        return found + [whole + more for more in ANY_FIELDS]

    def drawn(self) -> st.SearchStrategy[bytes]:
        """Messages with several things changed."""
        parts = [
            st.just(b"") | st.just(field.ways[0]) | st.sampled_from(field.ways)
            for field in self.fields.values()
        ]
        more = st.just(b"") | st.just(b"") | st.sampled_from(ANY_FIELDS)
        return st.builds(
            lambda order, end: b"".join(order) + end, st.tuples(*parts).flatmap(st.permutations), more
        ) | st.builds(lambda order, end: b"".join(order) + end, st.tuples(*parts), more)


users = Schema({1: number_field(1, 5), 2: text_field(2), 3: number_field(3, 7), 4: text_field(4)})
groups = Schema({1: number_field(1, 5), 2: number_field(2, 9)})


def body_schema(to: Schema) -> Schema:
    return Schema(
        {
            1: bytes_field(1, users.variants()),
            2: bytes_field(2, to.variants()),
            3: bytes_field(3, [b"payload", b"", b"\xff"]),
            4: number_field(4, 0, 1),
            5: text_field(5, "TEXT", "", "b" * 1024),
        }
    )


def packet_schema(kind: int, payloads: list[bytes]) -> Schema:
    return Schema(
        {
            1: text_field(1),
            2: text_field(2),
            3: number_field(3, 11),
            4: number_field(4, kind, *range(14)),
            5: bytes_field(5, payloads),
            6: number_field(6, 13),
            7: number_field(7, 1, 0),
            8: number_field(8, 17),
        }
    )


sequence_acks = Schema({1: number_field(1, 5), 2: text_field(2), 3: number_field(3, 19), 4: number_field(4, 5)})
packet_acks = Schema(
    {
        **{number: text_field(number) for number in (1, 3, 6, 7)},
        **{number: number_field(number, number) for number in (2, 4, 5, 9)},
        8: number_field(8, 408, 2**31 - 1),
    }
)
p2p = packet_schema(1, body_schema(users).variants())
p2t = packet_schema(2, body_schema(groups).variants())
packet_list = Schema(
    {
        1: number_field(1, 5),
        2: text_field(2),
        3: number_field(3, 23),
        4: bytes_field(4, [*p2p.variants(), *p2t.variants()]),
        5: number_field(5, 1, 2, 3),
        6: number_field(6, 29),
    }
)
MESSAGES = {
    "p2p": (Role.SERVER, p2p),
    "p2t": (Role.SERVER, p2t),
    "sequence ack": (Role.SERVER, packet_schema(3, sequence_acks.variants())),
    "packet ack": (Role.CLIENT, packet_schema(4, packet_acks.variants())),
    "list": (Role.CLIENT, packet_schema(6, packet_list.variants())),
}
header_schema = Schema(
    {
        1: number_field(1, 9),
        2: number_field(2, 5),
        3: text_field(3),
        4: text_field(4),
        5: text_field(5, "SECMSG", "PING", "CONN", "SECMSG2"),
        6: text_field(6),
        7: text_field(7, "x-1"),
        8: number_field(8, 2, 6),
        9: number_field(9, 1),
        10: number_field(10, 1),
        11: text_field(11),
    }
)

HEADER = serialize_header(header_start(SECMSG, ALICE.user_id, ALICE.resource), "x-1", CLIENT_MESSAGE_END)


def sealed(role: Role, framing: Framing, payload: bytes) -> bytes:
    """A SECMSG with this payload from the peer of this end."""
    if framing is Framing.TCP or role is Role.CLIENT:
        payload = rc4(payload_key(ALICE.security_key, "x-1"), payload)
    return framer_of(framing).pack(HEADER, payload)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("framing", Framing)
def test_nearly_good_messages_read_alike(framing: Framing, name: str) -> None:
    """Each single deviation, at every depth."""
    role, schema = MESSAGES[name]
    twins = twins_of(role, framing, max_body_bytes=1 << 20)

    for payload in schema.variants():
        twins.do("feed", sealed(role, framing, payload))
        twins.do("next_packet")


@pytest.mark.parametrize("is_bound", [True, False])
@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("role", Role)
def test_nearly_good_headers_read_alike(role: Role, framing: Framing, is_bound: bool) -> None:
    twins = twins_of(role, framing, identity=ALICE if is_bound else None)
    framer = framer_of(framing)

    for header in header_schema.variants():
        twins.do("feed", framer.pack(header, b"payload"))
        twins.do("next_packet")


@given(framings, st.sampled_from(sorted(MESSAGES)), st.data())
def test_messages_with_many_oddities_read_alike(framing: Framing, name: str, data: st.DataObject) -> None:
    role, schema = MESSAGES[name]

    twins_of(role, framing).read([sealed(role, framing, data.draw(schema.drawn()))])


@given(ends, header_schema.drawn(), st.binary(max_size=30), st.booleans())
def test_headers_with_many_oddities_read_alike(
    end: tuple[Role, Framing], header: bytes, payload: bytes, is_bound: bool
) -> None:
    twins_of(*end, identity=ALICE if is_bound else None).read([framer_of(end[1]).pack(header, payload)])


@st.composite
def plain_payloads(draw: st.DrawFn) -> tuple[Role, bytes]:
    """What an end finds in a good SECMSG when both ciphers are gone."""
    role = draw(roles)
    event = draw(strategies.client_messages if role is Role.SERVER else strategies.server_messages | lists)
    [packet] = packets_of(role, Framing.TCP, [event])
    framer = TcpFramer(1 << 20)
    framer.set_body_key(BOUND_KEY)
    framer.feed(packet)
    header, payload = framer.next_packet() or (None, b"")
    assert header is not None
    return role, rc4(payload_key(ALICE.security_key, parse_header(header).id), payload)


@given(plain_payloads(), framings, damages)
def test_damaged_payloads_read_alike(
    plain: tuple[Role, bytes], framing: Framing, changes: list[tuple[str, int, bytes]]
) -> None:
    """The damage lies under both ciphers, where no checksum finds it."""
    role, payload = plain

    twins_of(role, framing).read([sealed(role, framing, damage(payload, changes))])


# ------------------------------------------------------------------ what is written

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.just("\ud800"),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.floats(allow_nan=False),
    st.lists(st.binary(max_size=3), max_size=2),
)
header_ids = (
    strategies.header_ids | st.text(max_size=5) | st.sampled_from(["", "i" * 300, "i" * 40_000, "\ud800"])
)
identities = st.one_of(
    strategies.identities,
    st.builds(
        Identity,
        app_id=anything,
        user_id=anything,
        account=anything,
        resource=anything,
        security_key=st.binary(max_size=300),
        package=anything,
    ),
    st.just(replace(ALICE, security_key=bytes(range(256)) + b"more")),
    st.just(replace(ALICE, user_id=0, resource="")),
    st.none(),
)
acks = st.builds(
    PacketAck,
    packet_id=strategies.texts,
    sequence=strategies.int64s,
    timestamp_ms=strategies.int64s,
    code=strategies.int32s,
    error_message=strategies.texts,
    index=strategies.int64s,
)
odd_acks = st.builds(PacketAck, *[anything] * 6)
any_lists = st.builds(
    Deliver, max_sequence=strategies.int64s, packets=st.lists(st.binary(max_size=1500), max_size=4).map(tuple)
)
odd_lists = st.builds(Deliver, max_sequence=anything, packets=anything | st.tuples(anything))


@given(ends, st.sampled_from([None, BOUND_KEY, b"k" * 300]), identities, header_ids, acks | odd_acks)
def test_acks_are_written_alike(
    end: tuple[Role, Framing], key: bytes | None, identity: Identity | None, header_id: str, ack: PacketAck
) -> None:
    Twins(*end, body_key=key, identity=identity).do("seal_ack", header_id, ack)


@pytest.mark.parametrize("name", PacketAck.__struct_fields__)
@pytest.mark.parametrize(
    "value", [0, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, 2**63, -(2**63), True, "", "a"]
)
def test_acks_with_numbers_at_the_edge_are_written_alike(name: str, value: object) -> None:
    ack = replace(PacketAck("p", 1, 2, 3, "text", 4), **{name: value})

    twins_of(Role.SERVER, Framing.TCP).do("seal_ack", "i", ack)


@given(ends, identities, header_ids, any_lists | odd_lists)
@example((Role.SERVER, Framing.TCP), ALICE, "x", Deliver(-1, ()))
def test_lists_are_written_alike(
    end: tuple[Role, Framing], identity: Identity | None, header_id: str, deliver: Deliver
) -> None:
    twins_of(*end, identity=identity).do("seal_list", header_id, deliver)


@given(ends, identities, header_ids, st.binary(max_size=1500) | anything)
def test_lists_of_groups_are_written_alike(
    end: tuple[Role, Framing], identity: Identity | None, header_id: str, list_bytes: bytes
) -> None:
    twins = twins_of(*end, identity=identity)

    for _ in range(2):
        twins.do("seal_group", header_id, DeliverGroup(list_bytes))


@given(ends, identities, header_ids, st.binary(max_size=3000))
def test_any_payload_is_sealed_alike(
    end: tuple[Role, Framing], identity: Identity | None, header_id: str, payload: bytes
) -> None:
    twins_of(*end, identity=identity).do("seal_message", header_id, payload)


@given(
    ends,
    st.sampled_from(["CONN", "BIND", "PING", "KICK", "UBND", "", "\u00e9"]),
    header_ids,
    st.binary(max_size=100),
    strategies.int64s | st.integers(-(2**70), 2**70) | st.just(0),
    strategies.texts | st.sampled_from(["", "\ud800", "r" * 40_000]),
    st.booleans(),
)
def test_other_commands_are_sealed_alike(
    end: tuple[Role, Framing],
    command: str,
    header_id: str,
    payload: bytes,
    user_id: int,
    resource: str,
    is_push: bool,
) -> None:
    twins = twins_of(*end)

    twins.do("seal", command, header_id, payload, user_id=user_id, resource=resource, is_push=is_push)
    twins.do("seal", command, header_id, payload, user_id=user_id, resource=resource)
    twins.do("seal_empty")


@given(strategies.messages | strategies.group_messages, strategies.texts, st.data())
def test_stored_messages_are_written_alike(message: Message, package: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*Message.__struct_fields__, ""]))
    if name not in ("", "sender", "kind"):
        message = replace(message, **{name: data.draw(anything)})

    assert outcome_of(serialize_message, message, package) == outcome_of(
        messages.serialize_message, message, package
    )
    assert outcome_of(serialize_group_message, message) == outcome_of(
        group_messages.serialize_group_message, message
    )


@given(strategies.messages, st.integers(-(2**63), -1))
def test_a_time_before_the_epoch_is_written_alike(message: Message, sequence: int) -> None:
    message = replace(message, sequence=Sequence(sequence))

    assert serialize_message(message, "p") == messages.serialize_message(message, "p")


# ------------------------------------------------------------------ the outer cipher and the buffer


@pytest.mark.parametrize("sizes", [(1, 300, 1000, 1100, 5), (3000, 1), (1024, 1025), (232, 233, 1000, 1001)])
@pytest.mark.parametrize("drops", [False, True])
def test_bodies_of_all_lengths_are_encrypted_alike(sizes: tuple[int, ...], drops: bool) -> None:
    """Around the steps in which key stream is kept, in any order."""
    twins = twins_of(Role.SERVER, Framing.TCP)

    for size in sizes:
        twins.do("seal", "PING", "i", bytes(size), user_id=1, resource="r")
        if drops:
            twins.do("drop_caches")


def test_a_key_that_is_too_long_counts_as_far_as_the_cipher_reads_it() -> None:
    twins = Twins(Role.SERVER, Framing.TCP, body_key=bytes(range(256)) + b"more", identity=ALICE)

    twins.do("seal_message", "i", b"payload")


def test_without_a_key_nothing_is_encrypted_or_sent() -> None:
    """An empty key is our own mistake; both say the same of it."""
    twins = Twins(Role.SERVER, Framing.TCP, body_key=b"", identity=ALICE)

    assert twins.do("seal_message", "i", b"payload")[0] == "ValueError"


def test_several_packets_and_a_half_in_one_chunk() -> None:
    [packet] = packets_of(Role.SERVER, Framing.TCP, [SendP2P("p", None, "bob", bytes(300))])
    twins = twins_of(Role.SERVER, Framing.TCP)

    read = twins.read([packet * 3 + packet[:50], packet[50:] + packet, packet[:7], packet[7:]])

    assert sum(isinstance(event, SendP2P) for _, event in read) == 6


@pytest.mark.parametrize("framing", Framing)
def test_chunks_that_are_not_read_at_once_are_read_later(framing: Framing) -> None:
    packets = packets_of(Role.SERVER, framing, [SequenceAck(number) for number in range(5)])
    twins = twins_of(Role.SERVER, framing)
    for packet in packets:
        twins.do("feed", packet)

    read = [twins.do("next_packet")[1] for _ in range(6)]

    assert read == [*map(SequenceAck, range(5)), None]


@pytest.mark.parametrize("framing", Framing)
def test_what_was_cleared_is_forgotten(framing: Framing) -> None:
    packets = packets_of(Role.SERVER, framing, [SequenceAck(1), SequenceAck(2)])
    twins = twins_of(Role.SERVER, framing)
    for packet in packets:
        twins.do("feed", packet)

    twins.do("clear")

    assert twins.do("next_packet") == ("None", None)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_kind_of_bytes_can_be_fed(kind: type) -> None:
    [packet] = packets_of(Role.SERVER, Framing.TCP, [SequenceAck(1)])
    twins = twins_of(Role.SERVER, Framing.TCP)

    twins.do("feed", kind(packet))

    assert twins.do("next_packet")[1] == SequenceAck(1)


# ------------------------------------------------------------------ what must not be left to the twin


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    ("role", "event"),
    [
        (Role.SERVER, SendP2P("p", 1, "\u4e2d\u6587", b"hello", False, "t", True)),
        (Role.SERVER, SendP2T("p", None, 5, b"hello")),
        (Role.SERVER, SequenceAck(17)),
        (Role.CLIENT, PacketAck("p", 1, 2, -1, "no", 3)),
        (Role.CLIENT, Deliver(1, ())),
    ],
    ids=lambda value: type(value).__name__,
)
def test_hot_packets_are_read_without_python(
    role: Role, framing: Framing, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    [packet] = packets_of(role, framing, [event])
    native = NativeCodec(role, framing, MAX_BODY_BYTES)
    native.set_body_key(BOUND_KEY)
    native.set_identity(ALICE)
    for function in ("read_packet", "parse_client_message", "parse_server_message"):
        monkeypatch.delattr(f"openmimc.wire.codec_python.{function}")

    native.feed(packet)

    assert native.next_packet() is not None


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    ("method", "event"),
    [
        ("seal_ack", PacketAck("p", 1, 2, 3, "text", 4)),
        ("seal_list", Deliver(1, (b"one", b"two"))),
        ("seal_group", DeliverGroup(b"list")),
        ("seal_message", b"payload"),
    ],
)
def test_hot_packets_are_written_without_python(
    framing: Framing, method: str, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = NativeCodec(Role.SERVER, framing, MAX_BODY_BYTES)
    native.set_identity(ALICE)
    for function in ("message_parts", "serialize_packet_ack", "serialize_list", "serialize_group"):
        monkeypatch.delattr(f"openmimc.wire.codec_python.{function}")

    assert getattr(native, method)("id", event)


# ------------------------------------------------------------------ our own mistakes


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("feed", ("text",)),
        ("feed", (5,)),
        ("set_body_key", ("text",)),
        ("seal_ack", ("id",)),
        ("seal_list", ()),
        ("seal_group", ("id", 1, 2)),
        ("seal_message", ("id",)),
        ("seal", ("PING", "id", b"")),
        ("seal", ("PING", "id", "text")),
    ],
)
def test_wrong_arguments_are_type_errors(method: str, arguments: tuple[Any, ...]) -> None:
    native = NativeCodec(Role.SERVER, Framing.TCP, MAX_BODY_BYTES)
    native.set_identity(ALICE)

    with pytest.raises(TypeError):
        getattr(native, method)(*arguments)


@pytest.mark.parametrize(
    "arguments", [(), (1, 2, 3), (Role.SERVER, Framing.TCP, -1), (Framing.TCP, Role.SERVER, 1)]
)
def test_a_codec_is_of_a_role_and_a_framing(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        NativeCodec(*arguments)


def test_odd_keywords_are_refused() -> None:
    native: Any = NativeCodec(Role.SERVER, Framing.TCP, MAX_BODY_BYTES)

    with pytest.raises(TypeError):
        native.seal("PING", "id", b"", user_id=1, resource="r", push=True)
