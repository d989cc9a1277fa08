from __future__ import annotations

import pytest

from openmimc.bench.arrivals import Faults
from openmimc.bench.histogram import Histogram
from openmimc.bench.load import shares
from openmimc.bench.orders import Slice
from openmimc.bench.results import latency_of
from openmimc.bench.scenarios import MESSAGE, Round, rates_of, summarize


def round_of(sent: int, cpu_s: float | None, *, seconds: float = 2.0) -> Round:
    return Round([Slice(seconds, 0.5, sent=sent, ack_ns={1_000_000: sent})], cpu_s)


def test_the_ratio_is_the_median_of_what_each_round_shows() -> None:
    rounds = [round_of(1000, 0.040), round_of(1000, 0.300), round_of(1000, 0.044)]
    relay_rounds = [round_of(2000, 0.040), round_of(2000, 0.060), round_of(2000, 0.040)]

    result = summarize("p2p", {}, MESSAGE, rounds, relay_rounds, Faults())

    assert result.server_cpu_us == 44.0
    assert result.relay is not None
    assert (result.relay.cpu_us, result.relay.ratio) == (20.0, 2.2)
    assert (result.rate_per_s, result.relay.rate_per_s) == (500.0, 1000.0)


def test_a_server_that_cannot_be_seen_has_rates_and_no_costs() -> None:
    result = summarize("p2p", {}, MESSAGE, [round_of(1000, None)], [round_of(2000, 0.040)], Faults())

    assert (result.server_cpu_us, result.server_busy, result.rate_per_s) == (None, None, 500.0)
    assert result.relay is not None
    assert result.relay.ratio is None


def test_workers_add_up_and_the_slowest_says_how_long_it_took() -> None:
    both = Round([Slice(2.0, 0.5, sent=10), Slice(2.5, 2.0, sent=20)], 0.3)

    result = summarize("p2p", {}, MESSAGE, [both], [], Faults())

    assert (result.count, result.seconds, result.load_busy) == (30, 2.5, 0.8)
    assert result.server_cpu_us == 10_000.0


def test_rates_leave_out_the_slots_that_are_not_whole_and_show_those_without_a_unit() -> None:
    parts = [Slice(1.0, 0.1, slots={10: 1, 11: 5, 13: 6}), Slice(1.0, 0.1, slots={11: 5, 14: 1})]

    assert rates_of(parts) == [40.0, 0.0, 24.0]


def test_percentiles_are_given_in_milliseconds() -> None:
    latency = latency_of(Histogram.of([2_000_000] * 98 + [9_000_000, 40_000_000]))

    assert latency is not None
    assert latency.p50_ms == pytest.approx(2, rel=0.01)
    assert latency.p99_ms == pytest.approx(9, rel=0.01)
    assert latency.max_ms == pytest.approx(40, rel=0.01)
    assert latency.curve[-1] == (100, latency.max_ms)


def test_shares_differ_by_one_at_the_most_and_nothing_is_left_over() -> None:
    assert shares(10, 4) == [3, 3, 2, 2]
