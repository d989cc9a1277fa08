from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openmimc.bench.arrivals import Arrivals, Faults


def faults_of(numbers: list[int], sent: int) -> Faults:
    arrivals = Arrivals()
    for number in numbers:
        arrivals.add(number)
    return arrivals.faults(sent)


@given(st.integers(min_value=0, max_value=50))
def test_everything_once_and_in_order_is_without_fault(sent: int) -> None:
    assert faults_of(list(range(1, sent + 1)), sent) == Faults()


@given(st.sets(st.integers(min_value=1, max_value=50)))
def test_what_never_comes_is_lost(missing: set[int]) -> None:
    assert faults_of([number for number in range(1, 51) if number not in missing], 50) == Faults(
        lost=len(missing)
    )


@given(st.lists(st.integers(min_value=1, max_value=30)))
def test_what_comes_again_is_repeated(again: list[int]) -> None:
    assert faults_of([*range(1, 31), *again], 30) == Faults(repeated=len(again))


@given(st.permutations(range(1, 21)))
def test_what_comes_behind_a_later_one_is_reordered(numbers: list[int]) -> None:
    late = sum(number < max(numbers[:index], default=0) for index, number in enumerate(numbers))

    assert faults_of(numbers, 20) == Faults(reordered=late)


def test_a_late_one_that_comes_twice_is_reordered_once_and_repeated_once() -> None:
    assert faults_of([2, 1, 1], 2) == Faults(repeated=1, reordered=1)


def test_faults_add_up() -> None:
    total = Faults(1, 2, 3) + Faults(10, 20, 30)

    assert total == Faults(11, 22, 33)
    assert total.total == 66
