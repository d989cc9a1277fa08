from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openmimc.domain import attempts
from openmimc.domain.attempts import Attempts
from tests.fakes.clock import START_MS

SECOND_MS = 1000


def test_a_burst_passes_and_the_next_waits_one_interval() -> None:
    guesses = Attempts(burst=3, interval_ms=SECOND_MS)

    waits = [guesses.take("mallory", START_MS) for _ in range(5)]

    assert waits == [0, 0, 0, SECOND_MS, SECOND_MS]


def test_who_waits_as_long_as_told_gets_exactly_one_more() -> None:
    guesses = Attempts(burst=3, interval_ms=SECOND_MS)
    for _ in range(3):
        guesses.take("mallory", START_MS)

    assert guesses.take("mallory", START_MS + SECOND_MS - 1) == 1
    assert guesses.take("mallory", START_MS + SECOND_MS) == 0
    assert guesses.take("mallory", START_MS + SECOND_MS) == SECOND_MS


def test_each_key_is_counted_for_itself() -> None:
    guesses = Attempts(burst=1, interval_ms=SECOND_MS)
    guesses.take("mallory", START_MS)

    assert guesses.take("alice", START_MS) == 0


def test_what_is_given_back_may_be_taken_again() -> None:
    guesses = Attempts(burst=1, interval_ms=SECOND_MS)

    for _ in range(5):
        assert guesses.take("alice", START_MS) == 0
        guesses.give_back("alice")


def test_giving_back_what_was_never_taken_changes_nothing() -> None:
    guesses = Attempts(burst=1, interval_ms=SECOND_MS)

    guesses.give_back("alice")

    assert guesses.take("alice", START_MS) == 0
    assert guesses.take("alice", START_MS) == SECOND_MS


def test_a_clock_set_back_by_a_year_keeps_nobody_out_for_a_year() -> None:
    guesses = Attempts(burst=3, interval_ms=SECOND_MS)
    guesses.take("alice", START_MS)

    assert guesses.take("alice", START_MS - 365 * 24 * 3600 * 1000) <= SECOND_MS


@given(st.lists(st.integers(min_value=0, max_value=5 * SECOND_MS), min_size=1, max_size=200))
def test_over_any_time_no_more_pass_than_the_burst_and_one_per_interval(pauses_ms: list[int]) -> None:
    guesses = Attempts(burst=4, interval_ms=SECOND_MS)
    passed_ms = []
    now_ms = START_MS
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        if guesses.take("mallory", now_ms) == 0:
            passed_ms.append(now_ms)

    for first, since_ms in enumerate(passed_ms):
        for last in range(first, len(passed_ms)):
            assert last - first + 1 <= 4 + (passed_ms[last] - since_ms) // SECOND_MS


def test_among_too_many_keys_the_one_that_tries_most_is_remembered() -> None:
    guesses = Attempts(burst=3, interval_ms=SECOND_MS)
    for _ in range(3):
        guesses.take("mallory", START_MS)

    for number in range(3 * attempts.KEYS_MAX):
        guesses.take(number, START_MS)

    assert guesses.take("mallory", START_MS) == SECOND_MS
    assert len(guesses._clear_ms) <= attempts.KEYS_MAX  # The promise of this name has no other face.
