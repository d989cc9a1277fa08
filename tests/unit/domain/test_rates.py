"""How many messages an app may send per second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.domain.rates import Bucket, Rates
from openmimc.errors import RateLimited
from openmimc.model.ids import AppId
from openmimc.model.message import Kind
from tests.fakes.clock import FakeClock

APP = AppId(1)
OTHER_APP = AppId(2)
HOUR_MS = 3_600_000

rates = st.integers(1, 50)
waits_ms = st.integers(0, 3_000)
jumps_ms = st.one_of(waits_ms, st.integers(-HOUR_MS, HOUR_MS))


@given(rates, st.lists(st.tuples(waits_ms, st.integers(1, 50)), max_size=40))
def test_over_any_time_no_more_passes_than_the_rate_and_one_burst(
    rate: int, steps: list[tuple[int, int]]
) -> None:
    clock, bucket = FakeClock(), Bucket()
    passed: list[tuple[int, int]] = []

    for wait_ms, count in steps:
        clock.advance(wait_ms)
        count = min(count, rate)
        if bucket.take(count, rate_per_s=rate, now_ms=clock.now_ms()):
            passed.append((clock.now_ms(), count))

    for first, (start_ms, _) in enumerate(passed):
        total = 0
        for end_ms, count in passed[first:]:
            total += count
            assert total * 1000 <= rate * (1000 + end_ms - start_ms)


@given(rates, st.lists(st.tuples(jumps_ms, st.integers(1, 50)), max_size=20))
def test_who_was_silent_for_a_second_may_send_a_whole_burst_whatever_the_clock_did_before(
    rate: int, steps: list[tuple[int, int]]
) -> None:
    clock, bucket = FakeClock(), Bucket()
    for jump_ms, count in steps:
        clock.advance(jump_ms)
        bucket.take(min(count, rate), rate_per_s=rate, now_ms=clock.now_ms())
    clock.advance(1000)

    assert bucket.take(rate, rate_per_s=rate, now_ms=clock.now_ms())
    assert not bucket.take(1, rate_per_s=rate, now_ms=clock.now_ms())


@given(rates, st.lists(waits_ms, max_size=20), st.integers(1, 50))
def test_what_passes_at_some_time_passes_at_any_later_time(rate: int, waits: list[int], count: int) -> None:
    clock, early, late = FakeClock(), Bucket(), Bucket()
    for bucket in (early, late):
        bucket.take(rate, rate_per_s=rate, now_ms=clock.now_ms())
    clock.advance(waits[0] if waits else 0)
    passes_early = early.take(min(count, rate), rate_per_s=rate, now_ms=clock.now_ms())
    clock.advance(sum(waits[1:]))

    assert late.take(min(count, rate), rate_per_s=rate, now_ms=clock.now_ms()) >= passes_early


@given(rates, st.lists(st.integers(1, 100), min_size=1, max_size=200))
def test_asking_in_vain_costs_nothing(rate: int, waits: list[int]) -> None:
    """However often an impatient app asks, its next message passes at the same millisecond."""
    due_ms = -(-1000 // rate)
    bucket = Bucket()
    bucket.take(rate, rate_per_s=rate, now_ms=0)
    now_ms = 0

    for wait_ms in waits:
        now_ms += wait_ms
        if now_ms >= due_ms:
            break
        assert not bucket.take(1, rate_per_s=rate, now_ms=now_ms)

    assert bucket.take(1, rate_per_s=rate, now_ms=max(now_ms, due_ms))


def test_more_than_the_bucket_holds_passes_when_it_is_full_and_is_paid_for_later() -> None:
    bucket = Bucket()

    assert bucket.take(10, rate_per_s=2, now_ms=0)
    assert not bucket.take(1, rate_per_s=2, now_ms=4_499)  # Eight in debt: 4 s, and half a second for one more.
    assert bucket.take(1, rate_per_s=2, now_ms=4_500)


def test_more_than_the_bucket_holds_waits_until_it_is_full() -> None:
    bucket = Bucket()
    bucket.take(1, rate_per_s=2, now_ms=0)

    assert not bucket.take(3, rate_per_s=2, now_ms=499)
    assert bucket.take(3, rate_per_s=2, now_ms=500)


def test_a_clock_set_back_by_an_hour_stops_nobody_for_an_hour() -> None:
    bucket = Bucket()
    bucket.take(1, rate_per_s=1, now_ms=HOUR_MS)

    assert not bucket.take(1, rate_per_s=1, now_ms=0)
    assert bucket.take(1, rate_per_s=1, now_ms=1000)


def test_apps_and_kinds_do_not_share_a_rate() -> None:
    limits = Rates(FakeClock())
    limits.check(APP, Kind.P2P, 1, 1)

    limits.check(APP, Kind.P2T, 1, 1)
    limits.check(OTHER_APP, Kind.P2P, 1, 1)
    with pytest.raises(RateLimited):
        limits.check(APP, Kind.P2P, 1, 1)


def test_zero_is_no_limit() -> None:
    limits = Rates(FakeClock())

    for _ in range(1000):
        limits.check(APP, Kind.P2P, 500, 0)


def test_a_changed_limit_counts_at_once() -> None:
    clock = FakeClock()
    limits = Rates(clock)
    limits.check(APP, Kind.P2P, 1, 1)
    with pytest.raises(RateLimited):
        limits.check(APP, Kind.P2P, 1, 1)

    clock.advance(100)
    limits.check(APP, Kind.P2P, 10, 100)

    with pytest.raises(RateLimited):
        limits.check(APP, Kind.P2P, 1, 100)


def test_a_limit_that_was_lifted_and_set_again_starts_with_a_full_bucket() -> None:
    limits = Rates(FakeClock())
    limits.check(APP, Kind.P2P, 1000, 2)

    limits.check(APP, Kind.P2P, 1, 0)

    limits.check(APP, Kind.P2P, 2, 2)
