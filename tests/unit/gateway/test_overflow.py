"""Which WebJS is at the other end, and which of its acks mean something."""

from __future__ import annotations

from collections import deque
from enum import Enum

from hypothesis import given
from hypothesis import strategies as st

from openmimc.gateway.overflow import Probe


class Sent(Enum):
    """What the server sends."""

    PROBE = 0
    OVERFLOW = 100
    PIECE = 50


@given(st.lists(st.sampled_from(["overflow", "ack"]), max_size=60))
def test_of_an_old_client_the_acks_of_pieces_mean_something_and_no_others(turns: list[str]) -> None:
    """However late its acks come; an overflow is told, again and again, until the first one is in."""
    probe = Probe()
    probe.on_overflow_sent()
    on_the_way = deque([Sent.PROBE, Sent.OVERFLOW])

    for turn in turns:
        if turn == "overflow":
            if probe.is_old:
                on_the_way.append(Sent.PIECE)
            else:
                probe.on_overflow_sent()
                on_the_way.append(Sent.OVERFLOW)
        elif on_the_way:
            acknowledged = on_the_way.popleft()
            assert probe.takes(acknowledged.value) == (acknowledged is not Sent.PIECE)
            assert probe.is_old


@given(st.lists(st.integers(1)))
def test_of_a_client_that_knows_overflow_every_ack_means_something(sequences: list[int]) -> None:
    """It passes over the probe, and no list that is for it ends at 0."""
    probe = Probe()

    for sequence in sequences:
        probe.on_overflow_sent()
        assert not probe.takes(sequence)

    assert not probe.is_old


def test_lists_acknowledged_before_the_probe_mean_something_with_an_old_client_too() -> None:
    probe = Probe()
    probe.on_overflow_sent()

    assert [probe.takes(sequence) for sequence in (17, 0, 100, 50)] == [False, True, True, False]
