from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.bench.histogram import Histogram

values = st.lists(st.integers(min_value=0, max_value=1 << 50), min_size=1, max_size=200)


def nearest_rank(numbers: list[int], percent: float) -> int:
    return sorted(numbers)[max(1, math.ceil(len(numbers) * percent / 100)) - 1]


@given(values, st.sampled_from([0, 1, 50, 90, 99, 100]))
def test_a_percentile_is_the_nearest_rank_but_for_the_width_of_a_bucket(
    numbers: list[int], percent: float
) -> None:
    found = Histogram.of(numbers).percentile(percent)

    exact = nearest_rank(numbers, percent)
    assert found is not None
    assert abs(found - exact) <= exact / 128


@given(values, values)
def test_adding_two_histograms_is_counting_both_lists(first: list[int], second: list[int]) -> None:
    histogram = Histogram.of(first)

    histogram.add(Histogram.of(second))

    assert histogram.counts == Histogram.of(first + second).counts
    assert histogram.total == len(first) + len(second)


def test_small_values_are_kept_exactly() -> None:
    assert [Histogram.of([value]).percentile(50) for value in range(256)] == list(range(256))


def test_of_nothing_there_is_no_percentile() -> None:
    assert Histogram().percentile(50) is None


@pytest.mark.parametrize("percent", [-1, 100.1])
def test_a_percentage_is_from_0_to_100(percent: float) -> None:
    with pytest.raises(ValueError, match="percent"):
        Histogram.of([1]).percentile(percent)
