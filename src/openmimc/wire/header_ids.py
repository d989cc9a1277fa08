"""Ids for packet headers.

A header id is half of the key of a message's cipher, so that one id used twice for one user would repeat a
key stream. Ids count up from a random start: within a process they never repeat, and two processes would have
to start within each other's range out of 2**48.
"""

from __future__ import annotations

import secrets
from itertools import count

_ID_BITS = 48
_ids = count(secrets.randbits(_ID_BITS))


def next_header_id() -> str:
    """Return 12 hex digits that this process has not returned before. Safe to call from any thread.

    Source: protocol reference, 3.3 and 5.1 (the form of the original server's ids).
    """
    return format(next(_ids) % (1 << _ID_BITS), "012x")
