from __future__ import annotations

from openmimc.admin.message_page import Mark, Step, steps_of
from openmimc.admin.texts import Translator
from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState, EventId
from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.insight import CallbackAttempt, DeviceStep, MessageLife
from openmimc.model.message import Kind, Message, Sender

ENGLISH = Translator("en")
T = 1_766_003_600_000


def message(kind: Kind = Kind.P2P) -> Message:
    return Message(
        sequence=Sequence(T * 10_000),
        kind=kind,
        sender=Sender(AppId(1), UserId(2), "alice", "laptop"),
        to_user_id=UserId(3),
        to_account="bob" if kind is Kind.P2P else "",
        topic_id=TopicId(0 if kind is Kind.P2P else 9),
        packet_id="p-1",
        payload=b"hi",
        biz_type=None,
        is_store=True,
    )


def event(state: CallbackState, attempts: int) -> CallbackEvent:
    return CallbackEvent(
        event_id=EventId(1),
        app_id=AppId(1),
        kind=CallbackKind.OFFLINE_P2P,
        message=message(),
        to_accounts=(),
        state=state,
        attempts=attempts,
        next_attempt_ms=T + 900,
        last_error="HTTP status 500" if attempts else "",
    )


def steps(*devices: DeviceStep, callbacks: tuple[CallbackEvent, ...] = (), kind: Kind = Kind.P2P) -> list[Step]:
    accepted, committed, *others = steps_of(ENGLISH, MessageLife(message(kind), T + 2, devices, callbacks))
    assert (accepted.at_ms, committed.at_ms) == (T, T + 2)
    return others


def test_a_delivered_message_was_sent_and_acknowledged() -> None:
    assert steps(DeviceStep("bob", "phone", T + 3, T + 4, True)) == [
        Step(Mark.DONE, T + 3, "Sent to a device", "bob, device phone"),
        Step(Mark.DONE, T + 4, "Acknowledged by the device", "bob, device phone"),
    ]


def test_a_message_on_its_way_waits_for_the_device() -> None:
    assert steps(DeviceStep("bob", "phone", T + 3, None, False)) == [
        Step(Mark.DONE, T + 3, "Sent to a device", "bob, device phone"),
        Step(Mark.OPEN, None, "The device has not acknowledged it yet", "bob, device phone"),
    ]


def test_a_message_to_a_device_that_is_away_waits() -> None:
    assert steps(DeviceStep("bob", "phone", None, None, False)) == [
        Step(Mark.OPEN, None, "Waits for the device to come online", "bob, device phone")
    ]


def test_what_was_long_ago_is_done_without_a_time() -> None:
    assert steps(DeviceStep("bob", "phone", None, None, True)) == [
        Step(Mark.DONE, None, "Acknowledged by the device", "bob, device phone")
    ]


def test_somebody_without_a_device_is_named() -> None:
    assert steps() == [Step(Mark.OPEN, None, "bob has no device yet")]


def test_a_group_has_no_one_to_wait_for() -> None:
    assert steps(kind=Kind.GROUP) == []


def test_steps_are_in_the_order_of_time_and_what_is_to_come_is_last() -> None:
    found = steps(
        DeviceStep("bob", "away", None, None, False),
        DeviceStep("bob", "long-ago", None, None, True),
        DeviceStep("bob", "slow", T + 50, T + 60, True),
        DeviceStep("bob", "quick", T + 10, T + 20, True),
        callbacks=(event(CallbackState.DEAD, 4),),
    )

    assert [step.at_ms for step in found] == [T + 10, T + 20, T + 50, T + 60, T + 900, None, None]
    assert [step.mark for step in found[-3:]] == [Mark.BAD, Mark.DONE, Mark.OPEN]


def test_callbacks_say_how_often_they_were_tried() -> None:
    device = DeviceStep("bob", "phone", None, None, True)

    waiting, failing, dead = (
        steps(device, callbacks=(each,))
        for each in (
            event(CallbackState.WAITING, 0),
            event(CallbackState.WAITING, 1),
            event(CallbackState.DEAD, 4),
        )
    )

    assert waiting[-1] == Step(Mark.OPEN, None, "Offline callback: waits to be sent")
    assert failing[-1] == Step(
        Mark.OPEN, None, "Offline callback: tries again after 1 attempt", "HTTP status 500"
    )
    assert dead[0] == Step(Mark.BAD, T + 900, "Offline callback: given up after 4 attempts", "HTTP status 500")


def test_attempts_at_callbacks_stand_at_their_times() -> None:
    failed = CallbackAttempt(CallbackKind.OFFLINE_P2P, T + 5, is_delivered=False, error="HTTP status 500")
    taken = CallbackAttempt(CallbackKind.OFFLINE_P2P, T + 9, is_delivered=True, error="")
    life = MessageLife(message(), T + 2, (DeviceStep("bob", "phone", T + 7, None, False),), (), (failed, taken))
    assert [(step.mark, step.at_ms, step.what, step.detail) for step in steps_of(ENGLISH, life)[2:5]] == [
        (Mark.BAD, T + 5, "Offline callback: attempt failed", "HTTP status 500"),
        (Mark.DONE, T + 7, "Sent to a device", "bob, device phone"),
        (Mark.DONE, T + 9, "Offline callback: taken by the app's server", ""),
    ]
