"""Which WebJS is at the other end: one that knows overflow, or one that acknowledges whatever it is told.

All versions say the same in their first packet. But a version before 1.0.3 acknowledges every list before it
looks whom it is for, and 1.0.3 only those that name its device. So an overflow is preceded by a probe, an empty
list for nobody with ``maxSequence`` 0: an ack of sequence 0 is an old version's. By then it has been told of an
overflow, perhaps repeatedly, and will acknowledge that too, meaning nothing by it. Acks come in the order of
the lists, so those to disregard can be counted.

Source: protocol reference, 6.6.
"""

from __future__ import annotations


class Probe:
    """What is known of one login of a WebJS client, from its first overflow on.

    Attributes:
        is_old: Whether the client has turned out not to know overflow.
    """

    __slots__ = ("_unmeant", "is_old")

    def __init__(self) -> None:
        self.is_old = False
        self._unmeant = 0

    def on_overflow_sent(self) -> None:
        """An old client is going to acknowledge one list more without meaning it."""
        self._unmeant += 1

    def takes(self, sequence: int) -> bool:
        """Whether this ack says something about the client only, and nothing about messages."""
        if not self.is_old:
            self.is_old = sequence == 0
            return self.is_old
        if self._unmeant:
            self._unmeant -= 1
            return True
        return False
