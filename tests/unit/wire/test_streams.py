"""Hostile and unlucky input: streams cut anywhere, damaged, or never meant for us."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openmimc.errors import (
    BadChecksum,
    BadMagic,
    BadPacket,
    BadPayload,
    BadVersion,
    PacketTooBig,
)
from openmimc.wire import v6, web
from openmimc.wire.cipher import body_key
from openmimc.wire.codec import new_codec
from openmimc.wire.connection import MAX_BODY_BYTES, Connection, Framing, Role
from openmimc.wire.events import Conn, Event, Pull, UnreadableMessage
from openmimc.wire.headers import CLIENT_REQUEST_END, header_start, serialize_header
from tests import strategies
from tests.unit.wire.peers import ALICE, CHALLENGE, bound_pair

pytestmark = pytest.mark.usefixtures("codec")

ALLOWED = (BadMagic, BadVersion, PacketTooBig, BadChecksum, BadPacket, BadPayload)
"""The only errors that a peer can cause."""

ends = st.tuples(st.sampled_from(list(Role)), st.sampled_from(list(Framing)))


def bound_end(role: Role, framing: Framing) -> Connection:
    client, server = bound_pair(framing)
    return server if role is Role.SERVER else client


def outcome(connection: Connection, *chunks: bytes) -> tuple[list[Event], type[Exception] | None]:
    """The events that chunks make, and the refusal they end in, if any."""
    events: list[Event] = []
    try:
        for chunk in chunks:
            connection.receive_data(chunk)
            while (event := connection.next_event()) is not None:
                events.append(event)
    except ALLOWED as error:
        return events, type(error)
    return events, None


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[begin:end] for begin, end in pairwise(edges)]


@st.composite
def tcp_streams(draw: st.DrawFn) -> tuple[Role, bytes]:
    """What reaches one end over TCP: good packets, with garbage in between or some bytes changed."""
    role = draw(st.sampled_from(list(Role)))
    client, server = bound_pair(Framing.TCP)
    sender, events = (
        (client, strategies.client_events) if role is Role.SERVER else (server, strategies.server_events)
    )
    stream = bytearray()
    for event in draw(st.lists(events, max_size=4)):
        sender.send(event)
        stream += sender.data_to_send()
        stream += draw(st.just(b"") | st.binary(max_size=30))
    for position, value in draw(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=2)):
        if position < len(stream):
            stream[position] = value
    return role, bytes(stream)


@given(tcp_streams(), st.lists(st.integers(0, 5000), max_size=20))
def test_events_do_not_depend_on_how_tcp_splits_the_stream(stream: tuple[Role, bytes], cuts: list[int]) -> None:
    """Good or damaged, cut anywhere: the same events, or the same events and the same refusal."""
    role, data = stream

    whole = outcome(bound_end(role, Framing.TCP), data)

    assert outcome(bound_end(role, Framing.TCP), *cut(data, cuts)) == whole
    assert outcome(bound_end(role, Framing.TCP), *(data[at : at + 1] for at in range(len(data)))) == whole


@given(ends, st.binary(max_size=300))
def test_garbage_is_refused_with_a_listed_error_or_waited_out(end: tuple[Role, Framing], data: bytes) -> None:
    _, fresh_error = outcome(Connection(*end), data)
    _, bound_error = outcome(bound_end(*end), data)

    if len(data) >= 8 and data[:2] != b"\xc2\xfe":
        assert fresh_error in (BadMagic, BadPacket)
        assert bound_error is fresh_error


def peer_framer(framing: Framing) -> v6.Framer | web.Framer:
    """Makes packets as the peer of a bound end does, of any header and payload."""
    if framing is Framing.WEBSOCKET:
        return web.Framer(MAX_BODY_BYTES)
    framer = v6.Framer(MAX_BODY_BYTES)
    framer.set_body_key(body_key(CHALLENGE, ""))
    return framer


@given(
    ends, st.sampled_from([b"", b"\x2a\x06SECMSG\x3a\x01i"]), st.binary(max_size=120), st.binary(max_size=200)
)
def test_a_sound_frame_around_garbage_is_an_event_or_a_listed_error(
    end: tuple[Role, Framing], known: bytes, header: bytes, payload: bytes
) -> None:
    """Checksum, lengths and outer cipher fit; header and payload are anything."""
    packet = peer_framer(end[1]).pack(known + header, payload)

    events, error = outcome(bound_end(*end), packet)

    assert len(events) == (error is None)


@given(
    ends,
    st.sampled_from(["CONN", "BIND", "PING", "UBND", "KICK", "SECMSG", "SYNC", ""]),
    st.binary(max_size=200),
    st.booleans(),
)
def test_any_command_with_any_payload_is_an_event_or_a_listed_error(
    end: tuple[Role, Framing], command: str, payload: bytes, is_bound: bool
) -> None:
    header = serialize_header(header_start(command, 1, "r"), "i", CLIENT_REQUEST_END)
    connection = bound_end(*end)
    if not is_bound:
        connection.clear_identity()

    events, error = outcome(connection, peer_framer(end[1]).pack(header, payload))

    assert len(events) == (error is None)


@given(st.binary(max_size=100))
def test_a_payload_under_the_wrong_key_is_an_event_or_a_bad_payload(key: bytes) -> None:
    client, server = bound_pair(Framing.TCP)
    client.set_identity(replace(ALICE, security_key=key))
    client.send(Pull("p"))

    events, error = outcome(server, client.data_to_send())

    assert (len(events), error) in ((1, None), (0, BadPayload))


@pytest.mark.parametrize("framing", list(Framing))
def test_a_connection_that_was_never_greeted_reads_conn_alone(framing: Framing) -> None:
    client, server = Connection(Role.CLIENT, framing), Connection(Role.SERVER, framing)
    client.send(Conn(os="os", header_id="c"))
    packet = client.data_to_send()

    assert outcome(server, packet, packet) == ([Conn(os="os", header_id="c")], BadPacket)


def test_messages_before_a_login_are_not_parsed() -> None:
    """Whatever their payload is: it cannot be decrypted."""
    _, server = bound_pair(Framing.WEBSOCKET)
    server.clear_identity()
    peer = new_codec(Role.CLIENT, Framing.WEBSOCKET, MAX_BODY_BYTES)

    packet = peer.seal("SECMSG", "i", b"\xff\xff\xff", user_id=1, resource="r")

    assert outcome(server, packet) == ([UnreadableMessage()], None)
