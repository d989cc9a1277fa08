"""Where is my message? Its life, step by step."""

from __future__ import annotations

from enum import StrEnum

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.admin.app_pages import kind_names
from openmimc.admin.desk import Desk, Visit, parse_id
from openmimc.admin.texts import Translator
from openmimc.domain.apps import Apps
from openmimc.domain.message_life import MessageLives
from openmimc.model.callback import CallbackEvent, CallbackKind, CallbackState
from openmimc.model.ids import AppId
from openmimc.model.insight import CallbackAttempt, DeviceStep, MessageLife
from openmimc.model.message import Kind

MESSAGES = "/console/apps/{app_id:str}/messages"


class Mark(StrEnum):
    """How a step looks; values are style classes."""

    DONE = "done"
    OPEN = "open"
    BAD = "bad"


class Step(Struct, frozen=True):
    """One step in a message's life.

    Attributes:
        at_ms: When, UTC epoch milliseconds; None when it has not come, or nobody remembers.
        what: What happened, or is going to.
        detail: More of it, "" for nothing.
    """

    mark: Mark
    at_ms: int | None
    what: str
    detail: str = ""


class LifeView(Struct, frozen=True):
    """A message's life as it is shown."""

    life: MessageLife
    steps: tuple[Step, ...]


def message_pages(desk: Desk, apps: Apps, lives: MessageLives) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def show(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        wanted = visit.query("find").strip()
        found = await find_lives(lives, app.app_id, wanted) if wanted else ()
        return visit.render(
            "messages.html",
            app=app,
            tab="messages",
            wanted=wanted,
            views=[LifeView(life, steps_of(visit.text, life)) for life in found],
            kinds=kind_names(visit.text),
            p2p=Kind.P2P,
        )

    return [desk.page(MESSAGES, show)]


async def find_lives(lives: MessageLives, app_id: AppId, wanted: str) -> tuple[MessageLife, ...]:
    """The lives of the messages whose sequence or packet id this is."""
    number = parse_id(wanted)
    by_sequence = await lives.by_sequence(app_id, number) if number else None
    found = await lives.by_packet_id(app_id, wanted)
    return ((by_sequence,) if by_sequence else ()) + found


def steps_of(_: Translator, life: MessageLife) -> tuple[Step, ...]:
    """The steps of a life: by their times, then those whose time is forgotten, then those to come."""
    message = life.message
    steps = [
        Step(Mark.DONE, message.timestamp_ms, _("Accepted from {name}", name=message.sender.account)),
        Step(Mark.DONE, life.committed_ms, _("On disk")),
    ]
    for device in life.devices:
        steps += _device_steps(_, device)
    if message.kind is Kind.P2P and not life.devices:
        steps.append(Step(Mark.OPEN, None, _("{name} has no device yet", name=message.to_account)))
    steps += [_attempt_step(_, attempt) for attempt in life.attempts]
    steps += [_callback_step(_, event) for event in life.callbacks]
    timed = sorted((step for step in steps if step.at_ms is not None), key=lambda step: step.at_ms or 0)
    # What is remembered without a time comes before what is still to come.
    untimed = sorted(
        (step for step in steps if step.at_ms is None), key=lambda step: step.mark is not Mark.DONE
    )
    return (*timed, *untimed)


def _device_steps(_: Translator, step: DeviceStep) -> list[Step]:
    names = {"account": step.account, "resource": step.resource}
    device = _("{account}, device {resource}", **names)
    steps = []
    if step.pushed_ms is not None:
        steps.append(Step(Mark.DONE, step.pushed_ms, _("Sent to a device"), device))
    if step.is_acknowledged:
        steps.append(Step(Mark.DONE, step.acknowledged_ms, _("Acknowledged by the device"), device))
    elif step.pushed_ms is not None:
        steps.append(Step(Mark.OPEN, None, _("The device has not acknowledged it yet"), device))
    else:
        steps.append(Step(Mark.OPEN, None, _("Waits for the device to come online"), device))
    return steps


def _attempt_step(_: Translator, attempt: CallbackAttempt) -> Step:
    name = _callback_name(_, attempt.kind)
    if attempt.is_delivered:
        return Step(Mark.DONE, attempt.at_ms, _("{callback}: taken by the app's server", callback=name))
    return Step(Mark.BAD, attempt.at_ms, _("{callback}: attempt failed", callback=name), attempt.error)


def _callback_name(_: Translator, kind: CallbackKind) -> str:
    return _("Offline callback") if kind.is_offline else _("Instant callback")


def _callback_step(_: Translator, event: CallbackEvent) -> Step:
    name = _callback_name(_, event.kind)
    attempts = _.count("after {n} attempt", "after {n} attempts", event.attempts)
    error = event.last_error
    if event.state is CallbackState.DEAD:
        # Its time is when it was given up.
        what = _("{callback}: given up {attempts}", callback=name, attempts=attempts)
        return Step(Mark.BAD, event.next_attempt_ms, what, error)
    if event.attempts:
        return Step(
            Mark.OPEN, None, _("{callback}: tries again {attempts}", callback=name, attempts=attempts), error
        )
    return Step(Mark.OPEN, None, _("{callback}: waits to be sent", callback=name))
