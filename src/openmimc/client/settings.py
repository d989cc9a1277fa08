"""What can be tuned, with defaults that suit a program with one or many users on ordinary networks."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True):
    """Times and bounds of one user.

    Attributes:
        token_timeout_s: For the token fetcher.
        connect_timeout_s: For the transport to open and the server to greet.
        bind_timeout_s: For the answer to a login; refusals come about 2 s late on purpose.
        ping_interval_s: A ping goes out when nothing that needs an answer was sent for so long. The server
            closes after 400 s of silence (protocol reference, 5.5); routers forget a connection sooner.
        group_ping_interval_s: While in unlimited groups, the server is told of them so often. Ours does not
            need it; others may take a silent device for absent (protocol reference, 7.2).
        dead_after_s: Silence after a packet that needs an answer, until the connection is given up.
        backoff_initial_s: Bound of the first delay before connecting again.
        backoff_max_s: The bound doubles up to here.
        stable_after_s: A session that lasted so long sets the backoff back to its beginning. A shorter one
            does not, so that being thrown out over and over slows down too.
        handler_retry_s: Least pause before a message whose handler failed is asked for again, to which the
            backoff adds. Servers answer about one such request per second (protocol reference, 6.5).
        max_unacknowledged: Most messages of this user that are sent and not yet acknowledged; further sends
            wait for their turn.
        max_queued_messages: Most received messages that wait for the app. Lists beyond are dropped without
            acknowledgement and asked for again when the app has caught up. Messages of unlimited groups, and
            online messages, have a queue of the same size each; of those, the server repeats none.
        remembered_sequences: How many received messages are remembered, to recognise repeats.
        max_packet_bytes: Largest packet accepted. Ours are below 128 KiB; other servers sent 2.4 MB.
        jitter: Source of numbers in [0, 1) for the backoff.
    """

    token_timeout_s: float = 10.0
    connect_timeout_s: float = 10.0
    bind_timeout_s: float = 10.0
    ping_interval_s: float = 60.0
    group_ping_interval_s: float = 10.0
    dead_after_s: float = 10.0
    backoff_initial_s: float = 1.0
    backoff_max_s: float = 30.0
    stable_after_s: float = 10.0
    handler_retry_s: float = 1.0
    max_unacknowledged: int = 1000
    max_queued_messages: int = 1000
    remembered_sequences: int = 10_000
    max_packet_bytes: int = 4 * 1024 * 1024
    jitter: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        if self.remembered_sequences < 2 * self.max_queued_messages:
            raise ValueError("remembered_sequences must be at least twice max_queued_messages")
