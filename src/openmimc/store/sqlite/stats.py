"""What the store counts about itself. Plain numbers, written by one thread, readable from any."""

from __future__ import annotations

from bisect import bisect_left


class Histogram:
    """Counts of values by size.

    Attributes:
        bounds: Upper bounds, inclusive, ascending; one more bucket counts what is above.
        counts: One per bucket, not cumulative.
        total: Sum of the values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class StoreStats:
    """Counters since the store was opened.

    Attributes:
        commits: Transactions committed.
        failed_commits: Transactions rolled back; everybody who waited got ``Unavailable``.
        refused_operations: Operations refused because too much waited.
        appended_messages: Messages stored, repeats not counted.
        queued_operations: Operations accepted and not completed yet; a gauge.
        batch_operations: Operations per transaction.
        commit_seconds: Time from the start of a transaction until it was on disk.
    """

    __slots__ = (
        "appended_messages",
        "batch_operations",
        "commit_seconds",
        "commits",
        "failed_commits",
        "queued_operations",
        "refused_operations",
    )

    def __init__(self) -> None:
        self.commits = 0
        self.failed_commits = 0
        self.refused_operations = 0
        self.appended_messages = 0
        self.queued_operations = 0
        self.batch_operations = Histogram((1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024))
        self.commit_seconds = Histogram((0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5))
