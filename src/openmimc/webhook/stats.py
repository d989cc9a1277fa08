"""What the room counts about itself."""

from __future__ import annotations

from collections import Counter


class WebhookStats:
    """Plain numbers since the start.

    Attributes:
        attempts: By what they came to: the values of ``sender.Result``.
        died: Callbacks given up after their last attempt.
        in_flight: Attempts under way.
        waiting: Callbacks in the outbox that are still to be sent, when they were last counted.
        dead: Those given up and kept, when they were last counted.
    """

    __slots__ = ("attempts", "dead", "died", "in_flight", "waiting")

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        self.died = 0
        self.in_flight = 0
        self.waiting = 0
        self.dead = 0
