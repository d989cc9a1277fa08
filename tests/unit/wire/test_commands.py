import pytest

from openmimc.errors import BadPayload
from openmimc.wire.commands import (
    parse_client_command,
    parse_server_command,
    serialize_bind,
    serialize_bind_response,
    serialize_kick,
)
from openmimc.wire.events import Bind, BindResponse, Conn, Kick
from openmimc.wire.headers import Packet
from openmimc.wire.pb.ims_pb2 import XMMsgBind, XMMsgBindResp, XMMsgKick

NOT_UTF8 = b"\x0a\x02\xff\xfe"


def packet(command: str, payload: bytes) -> Packet:
    return Packet(command, 7, "phone", "h-1", payload)


def test_a_kick_is_readable_in_both_forms_that_the_sdks_know() -> None:
    payload = serialize_kick(Kick("token-expired", "log in again"))

    as_response = XMMsgBindResp.FromString(payload)
    as_kick = XMMsgKick.FromString(payload)

    assert as_response.HasField("result")
    assert not as_response.result
    assert as_response.error_type == as_response.error_reason == "token-expired"
    assert as_response.error_desc == "log in again"
    # What Java reads: the reason decides.
    assert (as_kick.type, as_kick.reason) == ("", "token-expired")


def test_the_other_form_of_a_kick_is_read_too() -> None:
    payload = XMMsgKick(type="wait", reason="single-resource-kick", desc="elsewhere").SerializeToString()

    assert parse_server_command(packet("KICK", payload)) == Kick("single-resource-kick", "")


def test_an_answer_to_bind_has_all_four_fields_even_when_they_are_empty() -> None:
    """The Go SDK dereferences them."""
    response = XMMsgBindResp.FromString(serialize_bind_response(BindResponse(False)))

    assert [field.name for field, _ in response.ListFields()] == [
        "result",
        "error_type",
        "error_reason",
        "error_desc",
    ]


@pytest.mark.parametrize("with_empty_attrs", [True, False])
def test_attributes_that_say_something_are_always_sent(with_empty_attrs: bool) -> None:
    bind = Bind("t", 1, "r", "b", client_attrs="a:b", cloud_attrs="c:d")

    sent = XMMsgBind.FromString(serialize_bind(bind, with_empty_attrs=with_empty_attrs))

    assert (sent.client_attrs, sent.cloud_attrs) == ("a:b", "c:d")


@pytest.mark.parametrize("with_empty_attrs", [True, False])
def test_empty_attributes_are_sent_on_demand(with_empty_attrs: bool) -> None:
    sent = XMMsgBind.FromString(serialize_bind(Bind("t", 1, "r", "b"), with_empty_attrs=with_empty_attrs))

    assert sent.HasField("client_attrs") is with_empty_attrs
    assert sent.HasField("cloud_attrs") is with_empty_attrs


def test_what_a_greeting_does_not_say_is_empty() -> None:
    assert parse_client_command(packet("CONN", b"")) == Conn(0, "", "", None, "", "", "h-1")


def test_what_a_bind_does_not_say_is_empty() -> None:
    bind = parse_client_command(packet("BIND", b""))

    assert bind == Bind("", 7, "phone", "h-1", kick="", method="")


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", NOT_UTF8])
def test_a_bind_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_client_command(packet("BIND", payload))


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", NOT_UTF8, b""])
def test_a_challenge_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(BadPayload):
        parse_server_command(packet("CONN", payload))
