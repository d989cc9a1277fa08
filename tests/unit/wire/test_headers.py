import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadPayload, LocalProtocolError
from openmimc.wire.fields import delimited, varint
from openmimc.wire.headers import (
    CLIENT_MESSAGE_END,
    CLIENT_REQUEST_END,
    MAX_SENT_HEADER_BYTES,
    SERVER_MESSAGE_END,
    SERVER_PUSH_END,
    SERVER_RESPONSE_END,
    WEB_CLIENT_END,
    bare_header_start,
    header_start,
    parse_header,
    serialize_header,
)
from openmimc.wire.pb.ims_pb2 import ClientHeader
from openmimc.wire.pb.mimc_pb2 import MIMCPacket
from tests.strategies import int64s, texts

ENDS = {
    CLIENT_REQUEST_END: ("CS_REQ", 0),
    CLIENT_MESSAGE_END: ("CS_REQ", 1),
    SERVER_RESPONSE_END: ("SC_RESP", 0),
    SERVER_PUSH_END: ("SC_ONEWAY", 0),
    SERVER_MESSAGE_END: ("SC_ONEWAY", 1),
    WEB_CLIENT_END: (None, None),
}


@given(
    command=texts,
    user_id=int64s,
    resource=texts | st.text("r", min_size=120, max_size=300),
    header_id=texts | st.text("i", min_size=120, max_size=300),
    end=st.sampled_from(list(ENDS)),
)
def test_headers_are_what_protobuf_writes(
    command: str, user_id: int, resource: str, header_id: str, end: bytes
) -> None:
    """The Java SDK writes a header it received again and checks the checksum over that."""
    dir_flag, cipher = ENDS[end]
    by_protobuf = ClientHeader(
        chid=9,
        uuid=user_id or None,
        server="xiaomi.com",
        resource=resource or None,
        cmd=command,
        id=header_id,
        dir_flag=dir_flag,
        cipher=cipher,
    )

    header = serialize_header(header_start(command, user_id, resource), header_id, end)

    assert header == by_protobuf.SerializeToString(deterministic=True)


def test_a_bare_header_names_server_command_and_id_alone() -> None:
    header = serialize_header(bare_header_start("CONN"), "web1", WEB_CLIENT_END)

    assert header == ClientHeader(server="xiaomi.com", cmd="CONN", id="web1").SerializeToString()


def test_a_header_longer_than_the_sdks_can_read_is_not_made() -> None:
    start = header_start("PING", 1, "")
    longest_id = "i" * (MAX_SENT_HEADER_BYTES - len(start) - len(SERVER_PUSH_END) - 4)

    assert len(serialize_header(start, longest_id, SERVER_PUSH_END)) == MAX_SENT_HEADER_BYTES
    with pytest.raises(LocalProtocolError):
        serialize_header(start, longest_id + "i", SERVER_PUSH_END)


def test_bytes_that_are_no_header_are_refused() -> None:
    with pytest.raises(BadPayload):
        parse_header(b"\xff\xff\xff")


@given(int64s)
def test_varints_are_what_protobuf_writes(value: int) -> None:
    assert b"\x18" + varint(value) == MIMCPacket(sequence=value).SerializeToString()


@given(st.binary(max_size=300))
def test_delimited_fields_are_what_protobuf_writes(data: bytes) -> None:
    assert delimited(b"\x2a", data) == MIMCPacket(payload=data).SerializeToString()
