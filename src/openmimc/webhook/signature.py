"""The headers by which a receiver knows who sent a callback, when, and which one it is.

    OpenMIMC-Event: 1234
    OpenMIMC-Timestamp: 1767604364
    OpenMIMC-Signature: v1=<hex of HMAC-SHA256(callback secret, timestamp + "." + body)>

The timestamp is that of the attempt in seconds, and it is signed: a receiver that refuses old ones can not be
fed a recorded request later on.
"""

from __future__ import annotations

import hashlib
import hmac

from openmimc.model.callback import EventId

EVENT_HEADER = "OpenMIMC-Event"
TIMESTAMP_HEADER = "OpenMIMC-Timestamp"
SIGNATURE_HEADER = "OpenMIMC-Signature"

VERSION = "v1"
"""Goes before each signature, so that another way of signing can stand beside this one some day."""


def sign(secret: str, timestamp_s: int, body: bytes) -> str:
    """The value of the header ``OpenMIMC-Signature``."""
    signed = b"%d." % timestamp_s + body
    return f"{VERSION}={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def signed_headers(secret: str, event_id: EventId, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt."""
    return {
        EVENT_HEADER: str(event_id),
        TIMESTAMP_HEADER: str(timestamp_s),
        SIGNATURE_HEADER: sign(secret, timestamp_s, body),
    }
