"""The signature of a BIND: proof that the sender knows the security key that came with the token.

    method & challenge=.. & chid=9 & client_attrs=.. & cloud_attrs=.. & from=<user>@xiaomi.com/<resource>
    & id=<header id> & kick=.. & to=xiaomi.com & token=.. & <security key in base64>

without the blanks; its SHA-1 in base64 is the signature.

Source: protocol reference, 5.3.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from hmac import compare_digest

from openmimc.wire.events import Bind

_CHID = 9
_SERVER = "xiaomi.com"
_DEFAULT_KICK = "0"


def string_to_sign(bind: Bind, challenge: str, security_key: bytes) -> str:
    """The text whose digest is the signature.

    An empty kick counts as "0": WebJS signs the one and sends the other. Attributes that were not sent are
    signed empty by every SDK.
    """
    return "&".join(
        (
            bind.method.upper(),
            f"challenge={challenge}",
            f"chid={_CHID}",
            f"client_attrs={bind.client_attrs}",
            f"cloud_attrs={bind.cloud_attrs}",
            f"from={bind.user_id}@{_SERVER}/{bind.resource}",
            f"id={bind.header_id}",
            f"kick={bind.kick or _DEFAULT_KICK}",
            f"to={_SERVER}",
            f"token={bind.token}",
            b64encode(security_key).decode("ascii"),
        )
    )


def sign(bind: Bind, challenge: str, security_key: bytes) -> str:
    """The signature that belongs into ``bind.signature``.

    Args:
        bind: With user, resource and header id as they will be sent; its own signature is not looked at.
        challenge: From the connection's answer to CONN.
        security_key: Decoded; the SDKs sign with its padded standard base64.
    """
    # The protocol knows no other digest than SHA-1.
    digest = sha1(string_to_sign(bind, challenge, security_key).encode(), usedforsecurity=False).digest()
    return b64encode(digest).decode("ascii")


def is_signed_with(bind: Bind, challenge: str, security_key: bytes) -> bool:
    """Whether the sender of ``bind`` knew the security key; takes the same time for every wrong signature."""
    return compare_digest(bind.signature.encode(), sign(bind, challenge, security_key).encode())
