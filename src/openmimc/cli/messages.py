"""``openmimc message``: where messages are, and how many. Works beside a running server, and without one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer

from openmimc.app.toolbox import DAYS_MAX, HOURS_MAX, Toolbox
from openmimc.cli.apps import with_toolbox
from openmimc.cli.callbacks import describe as describe_callback
from openmimc.cli.output import fail, print_fields, print_json, print_table
from openmimc.cli.places import DEFAULT_DATA_DIR, AppArgument, DataDirOption, JsonOption
from openmimc.errors import BadRequest
from openmimc.model.callback import CallbackState
from openmimc.model.ids import AppId
from openmimc.model.insight import DeviceStep, HourCount, MessageLife
from openmimc.model.message import Kind, Message

TIMES_ARE_ELSEWHERE = (
    "When it was pushed to a device and acknowledged only the running server remembers: see its console."
)

messages_command = typer.Typer(help="See where a message is, and how many there were.", no_args_is_help=True)


@messages_command.command("find")
def find_message(
    app_id: AppArgument,
    sequence: Annotated[
        int | None, typer.Option("--sequence", metavar="N", min=1, help="The server's number of the message.")
    ] = None,
    packet_id: Annotated[
        str, typer.Option("--packet-id", metavar="ID", help="The sender's name of the message.")
    ] = "",
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Show who has a message, and which callbacks of it have not arrived. Its payload is not shown.

    A packet id is looked for in the app's newest 200,000 messages.
    """
    if (sequence is None) == (not packet_id):
        raise BadRequest("give either --sequence or --packet-id")
    lives = with_toolbox(data_dir, lambda tools: _find(tools, app_id, sequence, packet_id))
    if not lives:
        fail("the app has no such message; it may have been deleted when its time was over")
    if as_json:
        print_json([describe(life) for life in lives])
        return
    for life in lives:
        show(life)
    typer.echo(TIMES_ARE_ELSEWHERE, err=True)


@messages_command.command("count")
def count_messages(
    app_id: AppArgument,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=DAYS_MAX, help="Days, today included.")
    ] = 30,
    hours: Annotated[
        int | None,
        typer.Option(
            "--hours", metavar="N", min=1, max=HOURS_MAX, help="By the hour, the present one included."
        ),
    ] = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Show how many messages an app stored, by day or by hour (UTC). Those without a message are left out."""

    async def read(tools: Toolbox) -> tuple[HourCount, ...]:
        await tools.apps.get_app(app_id)
        counts = tools.counts
        return await (counts.last_days(app_id, days) if hours is None else counts.last_hours(app_id, hours))

    by_time: dict[int, Counter[Kind]] = {}
    for count in with_toolbox(data_dir, read):
        by_time.setdefault(count.hour_ms, Counter())[count.kind] += count.messages
    rows = [
        {
            "from": datetime.fromtimestamp(from_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M"),
            "p2p": kinds[Kind.P2P],
            "p2t": kinds[Kind.P2T],
            "p2u": kinds[Kind.GROUP],
        }
        for from_ms, kinds in sorted(by_time.items())
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("FROM (UTC)", "ONE-TO-ONE", "TOPICS", "UNLIMITED GROUPS"),
        [tuple(row.values()) for row in rows],
        empty="There were no messages.",
    )


async def _find(tools: Toolbox, app_id: AppId, sequence: int | None, packet_id: str) -> tuple[MessageLife, ...]:
    await tools.apps.get_app(app_id)
    if sequence is None:
        return await tools.lives.by_packet_id(app_id, packet_id)
    life = await tools.lives.by_sequence(app_id, sequence)
    return () if life is None else (life,)


def describe(life: MessageLife) -> dict[str, object]:
    """The life of a message as JSON, ids and sequences as texts; times in UTC epoch milliseconds."""
    message = life.message
    target = (
        {"toAccount": message.to_account} if message.kind is Kind.P2P else {"topicId": str(message.topic_id)}
    )
    return {
        "sequence": str(message.sequence),
        "packetId": message.packet_id,
        "kind": message.kind.name,
        "timestamp": message.timestamp_ms,
        "fromAccount": message.sender.account,
        "fromResource": message.sender.resource,
        **target,
        "bizType": message.biz_type or "",
        "isStore": message.is_store,
        "payloadBytes": len(message.payload),
        "devices": [
            {"appAccount": step.account, "resource": step.resource, "isAcknowledged": step.is_acknowledged}
            for step in life.devices
        ],
        "callbacks": [describe_callback(event) for event in life.callbacks],
    }


def show(life: MessageLife) -> None:
    """Show one life for people."""
    message = life.message
    print_fields(
        {
            "sequence": message.sequence,
            "packetId": message.packet_id,
            "accepted": _date(message.timestamp_ms),
            "from": f"{message.sender.account} ({message.sender.resource})",
            "to": _target(message),
            "payload": f"{len(message.payload)} bytes",
            "history": "kept" if message.is_store else "not kept",
        }
    )
    if message.kind is not Kind.GROUP:
        print_table(
            ("ACCOUNT", "DEVICE", "HAS IT"),
            [(step.account, step.resource, _state(step)) for step in life.devices],
            empty="It lies in the inbox of no device.",
        )
    if life.callbacks:
        print_table(
            ("EVENT", "TYPE", "STATE", "ATTEMPTS", "NEXT", "LAST ERROR"),
            [
                (
                    event.event_id,
                    event.kind.value,
                    event.state.value,
                    event.attempts,
                    "" if event.state is CallbackState.DEAD else _date(event.next_attempt_ms),
                    event.last_error,
                )
                for event in life.callbacks
            ],
            empty="",
        )


def _state(step: DeviceStep) -> str:
    return "yes" if step.is_acknowledged else "waiting"


def _target(message: Message) -> str:
    if message.kind is Kind.P2P:
        return message.to_account
    return f"{'topic' if message.kind is Kind.P2T else 'unlimited group'} {message.topic_id}"


def _date(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
