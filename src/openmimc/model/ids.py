"""Identifiers, each of its own type so that the type checker keeps them apart."""

from __future__ import annotations

from typing import NewType

AppId = NewType("AppId", int)
"""An app (tenant): 19 decimal digits."""

UserId = NewType("UserId", int)
"""The server's number of an account, 1 to 2**53 - 1. Named ``uuid`` on the wire."""

TopicId = NewType("TopicId", int)
"""The server's number of a topic or of an unlimited group, 1 to 2**53 - 1."""

Sequence = NewType("Sequence", int)
"""The server's number of a message, ``timestamp_ms * 10000 + n``: unique and growing on the whole server."""

Position = NewType("Position", int)
"""A place in one user's inbox. Grows in commit order; cursors are positions. 0 is before the first."""

SEQUENCES_PER_MS = 10_000
"""How many sequences fit into one millisecond."""


def timestamp_ms_of(sequence: Sequence) -> int:
    """The server time, in UTC epoch milliseconds, at which a message got its sequence."""
    return sequence // SEQUENCES_PER_MS
