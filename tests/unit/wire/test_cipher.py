from hypothesis import given
from hypothesis import strategies as st

from openmimc.wire.cipher import KEY_STREAM_STEPS_BYTES, BodyCipher, body_key, rc4


@given(key=st.binary(min_size=1, max_size=300), bodies=st.lists(st.binary(max_size=1100), max_size=6))
def test_every_body_is_encrypted_as_by_a_fresh_rc4(key: bytes, bodies: list[bytes]) -> None:
    cipher = BodyCipher(key)

    assert [cipher.apply(body) for body in bodies] == [rc4(key, body) for body in bodies]


def test_the_kept_key_stream_gives_the_same_bytes_around_its_steps() -> None:
    cipher = BodyCipher(b"key")
    sizes = [step + more for step in KEY_STREAM_STEPS_BYTES for more in (-1, 0, 1)]

    assert [cipher.apply(bytes(size)) for size in sizes] == [rc4(b"key", bytes(size)) for size in sizes]


def test_a_dropped_key_stream_comes_back() -> None:
    cipher = BodyCipher(b"key")
    before = cipher.apply(b"some body")

    cipher.drop_stream()

    assert cipher.apply(b"some body") == before


@given(challenge=st.text(st.characters(codec="ascii"), min_size=1), udid=st.text())
def test_any_challenge_and_udid_make_a_usable_key(challenge: str, udid: str) -> None:
    key = body_key(challenge, udid)

    assert len(key) == -(-len(challenge) // 2) + -(-len(udid.encode()) // 2)
    assert BodyCipher(key).apply(BodyCipher(key).apply(b"body")) == b"body"
