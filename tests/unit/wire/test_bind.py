from base64 import b64encode

import pytest
from hypothesis import given
from msgspec.structs import replace

from openmimc.wire.bind import is_signed_with, sign
from openmimc.wire.events import Bind
from tests.strategies import binds

KEY = bytes(range(16))
BIND = Bind(token="token", user_id=7, resource="phone", header_id="b-1")


def signed(bind: Bind, challenge: str = "challenge", key: bytes = KEY) -> Bind:
    return replace(bind, signature=sign(bind, challenge, key))


@given(binds)
def test_a_signature_made_with_the_key_is_accepted(bind: Bind) -> None:
    assert is_signed_with(signed(bind), "challenge", KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"token": "other"},
        {"user_id": 8},
        {"resource": "desk"},
        {"header_id": "b-2"},
        {"kick": "1"},
        {"method": "OTHER"},
        {"client_attrs": "a:b"},
        {"cloud_attrs": "a:b"},
    ],
)
def test_a_signature_covers_every_field(change: dict[str, object]) -> None:
    assert not is_signed_with(replace(signed(BIND), **change), "challenge", KEY)


def test_a_signature_covers_challenge_and_key() -> None:
    bind = signed(BIND)

    assert not is_signed_with(bind, "another one", KEY)
    assert not is_signed_with(bind, "challenge", KEY[::-1])


@pytest.mark.parametrize("signature", ["", "x", "ü" * 28, "=" * 28, b64encode(bytes(20)).decode()])
def test_anything_else_is_no_signature(signature: str) -> None:
    assert not is_signed_with(replace(BIND, signature=signature), "challenge", KEY)


def test_kick_is_signed_as_zero_when_it_is_sent_empty() -> None:
    """WebJS signs ``kick=0`` and sends an empty field."""
    sent = replace(signed(BIND), kick="")

    assert is_signed_with(sent, "challenge", KEY)


def test_the_method_is_signed_in_upper_case() -> None:
    assert is_signed_with(replace(signed(BIND), method="xiaomi-pass"), "challenge", KEY)
