"""Counters."""

from __future__ import annotations

from openmimc.store.sqlite.stats import Histogram


def test_a_value_counts_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram((1, 2, 4))

    for value in (0, 1, 1.5, 2, 4, 5):
        histogram.observe(value)

    assert histogram.counts == [2, 2, 1, 1]
    assert histogram.total == 13.5
