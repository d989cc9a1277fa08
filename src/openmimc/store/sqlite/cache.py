"""A bounded memory of what was used last."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Maps keys to values and forgets those unused for longest when it outgrows its bound.

    Args:
        max_weight: Bound of the sum of the entries' weights.
    """

    __slots__ = ("_entries", "_max_weight", "_weight")

    def __init__(self, max_weight: int) -> None:
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._max_weight = max_weight
        self._weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value, as the one used last, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Keep a value; an entry heavier than the whole bound is not kept."""
        self.drop(key)
        if weight > self._max_weight:
            return
        self._entries[key] = (value, weight)
        self._weight += weight
        while self._weight > self._max_weight:
            _, (_, oldest_weight) = self._entries.popitem(last=False)
            self._weight -= oldest_weight

    def drop(self, key: K) -> None:
        """Forget one key, if it is known."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= entry[1]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._weight = 0
