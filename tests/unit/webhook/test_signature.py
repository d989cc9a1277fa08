from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openmimc.model.callback import EventId
from openmimc.webhook.signature import sign, signed_headers


def test_a_signature_is_the_documented_one() -> None:
    """Anybody can check it: ``printf '1767604364.{}' | openssl dgst -sha256 -hmac 'sixteen letters.'``."""
    signature = sign("sixteen letters.", 1_767_604_364, b"{}")

    assert signature == "v1=3fd320cba67763097c7300c526cfdb2b2f7de1bc0c8793c242f1cb52d6a04df1"


def test_the_headers_name_the_event_and_the_time() -> None:
    headers = signed_headers("s" * 16, EventId(7), 1_767_604_364, b"{}")

    assert headers == {
        "OpenMIMC-Event": "7",
        "OpenMIMC-Timestamp": "1767604364",
        "OpenMIMC-Signature": sign("s" * 16, 1_767_604_364, b"{}"),
    }


inputs = st.tuples(st.text("abc", min_size=16, max_size=17), st.integers(0, 2**40), st.binary(max_size=20))


@given(inputs, inputs)
def test_secret_time_and_body_are_all_signed(
    one: tuple[str, int, bytes], other: tuple[str, int, bytes]
) -> None:
    assert (sign(*one) == sign(*other)) is (one == other)
