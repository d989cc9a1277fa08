"""What a node remembers of messages on their way."""

from __future__ import annotations

import pytest

from openmimc.gateway.trace import Trace
from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState, EventId
from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.insight import CallbackAttempt
from openmimc.model.message import Kind, Message, Sender
from tests.fakes.clock import FakeClock

ALICE, BOB = UserId(1001), UserId(1002)


def message(sequence: int) -> Message:
    sender = Sender(AppId(1), ALICE, "alice", "phone")
    return Message(Sequence(sequence), Kind.P2P, sender, BOB, "bob", TopicId(0), "p", b"", None, is_store=True)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000)


@pytest.fixture
def trace(clock: FakeClock) -> Trace:
    return Trace(clock, remembered=4)


def push(trace: Trace, *sequences: int, user_id: UserId = BOB, resource: str = "phone") -> None:
    trace.on_push(user_id, resource, [message(sequence) for sequence in sequences])


def test_what_never_passed_is_not_known(trace: Trace) -> None:
    assert trace.committed_ms(Sequence(5)) is None
    assert trace.steps_of(Sequence(5), BOB) == {}


def test_the_time_of_a_commit_is_remembered(trace: Trace, clock: FakeClock) -> None:
    trace.on_commit(Sequence(5))
    clock.advance(7)
    trace.on_commit(Sequence(6))

    assert (trace.committed_ms(Sequence(5)), trace.committed_ms(Sequence(6))) == (1_000, 1_007)


def test_each_device_has_its_own_times(trace: Trace, clock: FakeClock) -> None:
    push(trace, 5)
    clock.advance(1)
    push(trace, 5, resource="tablet")
    clock.advance(1)
    trace.on_acknowledged(BOB, "tablet", Sequence(5))
    push(trace, 5, user_id=ALICE)

    assert trace.steps_of(Sequence(5), BOB) == {"phone": (1_000, None), "tablet": (1_001, 1_002)}
    assert trace.steps_of(Sequence(5), ALICE) == {"phone": (1_002, None)}


def test_an_acknowledgement_counts_for_everything_up_to_it(trace: Trace, clock: FakeClock) -> None:
    push(trace, 5, 6, 8)
    clock.advance(1)
    trace.on_acknowledged(BOB, "phone", Sequence(6))

    times = [trace.steps_of(Sequence(sequence), BOB)["phone"] for sequence in (5, 6, 8)]

    assert times == [(1_000, 1_001), (1_000, 1_001), (1_000, None)]


def test_an_acknowledgement_of_what_came_before_says_nothing_of_a_later_message(
    trace: Trace, clock: FakeClock
) -> None:
    trace.on_acknowledged(BOB, "phone", Sequence(9))
    clock.advance(1)
    push(trace, 5)

    assert trace.steps_of(Sequence(5), BOB) == {"phone": (1_001, None)}


def test_the_last_push_and_the_first_acknowledgement_count(trace: Trace, clock: FakeClock) -> None:
    push(trace, 5)
    clock.advance(1)
    push(trace, 5)
    clock.advance(1)
    trace.on_acknowledged(BOB, "phone", Sequence(5))
    clock.advance(1)
    trace.on_acknowledged(BOB, "phone", Sequence(7))

    assert trace.steps_of(Sequence(5), BOB) == {"phone": (1_001, 1_002)}


def test_what_is_noted_after_a_lookup_shows_in_the_next(trace: Trace, clock: FakeClock) -> None:
    push(trace, 5)
    before = trace.steps_of(Sequence(5), BOB)
    clock.advance(1)
    trace.on_acknowledged(BOB, "phone", Sequence(5))

    assert before == {"phone": (1_000, None)}
    assert trace.steps_of(Sequence(5), BOB) == {"phone": (1_000, 1_001)}
    assert trace.steps_of(Sequence(6), BOB) == {}


def test_the_oldest_are_forgotten(trace: Trace) -> None:
    for sequence in range(5, 10):
        trace.on_commit(Sequence(sequence))
        push(trace, sequence)
        trace.on_acknowledged(BOB, "phone", Sequence(sequence))

    assert trace.committed_ms(Sequence(5)) is None
    assert trace.steps_of(Sequence(5), BOB) == {}
    assert trace.committed_ms(Sequence(6)) == 1_000
    assert trace.steps_of(Sequence(6), BOB) == {"phone": (1_000, 1_000)}


def test_attempts_at_callbacks_are_remembered_in_order_and_the_oldest_forgotten(
    trace: Trace, clock: FakeClock
) -> None:
    def event(sequence: int) -> CallbackEvent:
        return CallbackEvent(
            EventId(sequence * 10),
            AppId(1),
            CallbackKind.OFFLINE_P2P,
            message(sequence),
            (),
            CallbackState.WAITING,
            0,
            0,
            "",
        )

    trace.on_attempt(event(5), "HTTP status 500")
    clock.advance(5)
    trace.on_attempt(event(5), None)
    assert trace.attempts_of(Sequence(5)) == (
        CallbackAttempt(CallbackKind.OFFLINE_P2P, 1_000, is_delivered=False, error="HTTP status 500"),
        CallbackAttempt(CallbackKind.OFFLINE_P2P, 1_005, is_delivered=True, error=""),
    )
    for sequence in range(6, 10):
        trace.on_attempt(event(sequence), None)
    assert trace.attempts_of(Sequence(5)) == ()
