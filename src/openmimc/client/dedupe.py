"""Which messages the app has had already.

The server repeats a message until it is acknowledged, and an acknowledgement can be lost with its connection.
A sequence is unique on the whole server, so remembering sequences is enough to hand each message over once.
"""

from __future__ import annotations

from collections.abc import Iterable


class SeenSequences:
    """The sequences met last, a bounded number of them.

    Args:
        initial: Sequences from an earlier life of the program, oldest first.
        limit: How many are remembered; the oldest go first. The server repeats at most what is not
            acknowledged, a few lists, so thousands are plenty.
    """

    __slots__ = ("_limit", "_sequences")

    def __init__(self, initial: Iterable[int] = (), *, limit: int = 10_000) -> None:
        if limit < 1:
            raise ValueError("at least one sequence must be remembered")
        self._limit = limit
        self._sequences: dict[int, None] = {}  # Insertion order is the order of forgetting.
        for sequence in initial:
            self.add(sequence)

    def add(self, sequence: int) -> bool:
        """Remember a sequence; False if it was known."""
        if sequence in self._sequences:
            return False
        self._sequences[sequence] = None
        if len(self._sequences) > self._limit:
            del self._sequences[next(iter(self._sequences))]
        return True

    def forget(self, sequence: int) -> None:
        """Let a sequence be new again: its message was not handled and is to come once more."""
        self._sequences.pop(sequence, None)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._sequences

    def __len__(self) -> int:
        return len(self._sequences)
