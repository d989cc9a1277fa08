"""Whether one receiver got all messages of one sender, once each and in order."""

from __future__ import annotations

from msgspec import Struct


class Faults(Struct, frozen=True):
    """What must not happen; each is a number of messages.

    Attributes:
        lost: Sent and not received.
        repeated: Received more than once.
        reordered: Received after a later one.
    """

    lost: int = 0
    repeated: int = 0
    reordered: int = 0

    def __add__(self, other: Faults) -> Faults:
        return Faults(self.lost + other.lost, self.repeated + other.repeated, self.reordered + other.reordered)

    @property
    def total(self) -> int:
        """All of them."""
        return self.lost + self.repeated + self.reordered


class Arrivals:
    """The numbers 1, 2, 3 ... of one stream, as they come in.

    Attributes:
        received: How many different numbers have come.
    """

    __slots__ = ("_latest", "_missing", "_reordered", "_repeated", "received")

    def __init__(self) -> None:
        self.received = 0
        self._latest = 0
        # Most streams never have a gap.
        self._missing: set[int] | None = None
        self._repeated = 0
        self._reordered = 0

    def add(self, number: int) -> None:
        """Note a message."""
        if number == self._latest + 1:
            self._latest = number
            self.received += 1
        elif number > self._latest:
            if self._missing is None:
                self._missing = set()
            self._missing.update(range(self._latest + 1, number))
            self._latest = number
            self.received += 1
        elif self._missing and number in self._missing:
            self._missing.remove(number)
            self._reordered += 1
            self.received += 1
        else:
            self._repeated += 1

    def faults(self, sent: int) -> Faults:
        """What is wrong, when the numbers 1 to ``sent`` were sent."""
        return Faults(lost=max(0, sent - self.received), repeated=self._repeated, reordered=self._reordered)
