"""The protocol's two RC4 ciphers: one around the body of a TCP packet, one around the payload of a message.

Both restart for every packet. The outer one therefore has a constant key stream per connection, of which the
first bytes are kept: XOR with a kept stream costs a fraction of a fresh key schedule. The inner one has a
fresh key per packet, so nothing of it can be kept.

RC4 with a restarted state hides little from a patient listener. It is what the SDKs speak; who needs secrecy
puts TLS around it.
"""

from __future__ import annotations

from arc4 import ARC4

MAX_KEY_BYTES = 256
"""RC4 reads no more of a key than this, so no more of one needs to be kept."""

KEY_STREAM_STEPS_BYTES = (256, 1024)
"""How much key stream is kept: pings and binds fit into the first step, nearly all messages into the second."""


def rc4(key: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt ``data`` with a freshly started RC4; ``key`` must not be empty."""
    return bytes(ARC4(key).encrypt(data))


def body_key(challenge: str, udid: str) -> bytes:
    """Derive the key of the outer cipher from what CONN and its answer said.

    Args:
        challenge: From the answer to CONN, not empty.
        udid: From CONN, may be empty.

    Source: protocol reference, 3.2. Halves are of bytes; for odd lengths the second one is the longer.
    """
    challenge_bytes = challenge.encode()
    udid_bytes = udid.encode()
    halves = challenge_bytes[len(challenge_bytes) // 2 :] + udid_bytes[len(udid_bytes) // 2 :]
    return rc4(challenge_bytes, halves)


def payload_key(security_key: bytes, header_id: str) -> bytes:
    """The key of the inner cipher for the one packet with this header id.

    Source: protocol reference, 3.3.
    """
    return b"%b_%b" % (security_key, header_id.encode())


class BodyCipher:
    """The outer cipher of one connection, the same for both directions."""

    __slots__ = ("_key", "_stream", "_stream_bytes")

    def __init__(self, key: bytes) -> None:
        self._key = key[:MAX_KEY_BYTES]
        self._stream = 0
        self._stream_bytes = 0

    def apply(self, body: bytes) -> bytes:
        """Encrypt or decrypt one body, of any length."""
        size = len(body)
        surplus = self._stream_bytes - size
        if surplus < 0:
            if size > KEY_STREAM_STEPS_BYTES[-1]:
                return rc4(self._key, body)
            surplus = self._keep_stream(size) - size
        return (int.from_bytes(body, "big") ^ (self._stream >> 8 * surplus)).to_bytes(size, "big")

    def _keep_stream(self, at_least_bytes: int) -> int:
        size = next(step for step in KEY_STREAM_STEPS_BYTES if step >= at_least_bytes)
        self._stream = int.from_bytes(rc4(self._key, bytes(size)), "big")
        self._stream_bytes = size
        return size

    def drop_stream(self) -> None:
        """Give the kept key stream back; the next packet computes it anew."""
        self._stream = 0
        self._stream_bytes = 0
