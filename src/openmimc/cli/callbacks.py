"""``openmimc callbacks``: what apps' own servers were told in vain. Works beside a running server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from openmimc.app.toolbox import CALLBACKS_PAGE_MAX
from openmimc.cli.apps import with_toolbox
from openmimc.cli.output import print_json, print_table
from openmimc.cli.places import DEFAULT_DATA_DIR, AppArgument, DataDirOption, JsonOption
from openmimc.errors import BadRequest
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.message import Kind

EVENT_MAX = 2**63 - 1

callbacks_command = typer.Typer(
    help="Look at callbacks that have not arrived, and send dead ones anew.", no_args_is_help=True
)

StateOption = Annotated[
    CallbackState, typer.Option("--state", help="Still to be sent, or given up after all attempts.")
]
AfterOption = Annotated[
    int, typer.Option("--after", metavar="EVENT", min=0, max=EVENT_MAX, help="Go on beyond this event.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=CALLBACKS_PAGE_MAX, help="Show at most N.")
]


@callbacks_command.command("list")
def list_callbacks(
    app_id: AppArgument,
    state: StateOption = CallbackState.DEAD,
    after: AfterOption = 0,
    limit: LimitOption = CALLBACKS_PAGE_MAX,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """List an app's callbacks in the order of their events; messages' payloads are not shown."""
    page = with_toolbox(
        data_dir,
        lambda tools: tools.callbacks.list_callbacks(app_id, state, after=EventId(after), limit=limit),
    )
    if as_json:
        print_json([describe(event) for event in page.events])
        return
    print_table(
        ("EVENT", "TYPE", "FROM", "TO", "SENT", "ATTEMPTS", "LAST ERROR"),
        [
            (
                event.event_id,
                event.kind.value,
                event.message.sender.account,
                _target(event),
                _date(event.message.timestamp_ms),
                event.attempts,
                event.last_error,
            )
            for event in page.events
        ],
        empty=f"There are no {state.value} callbacks.",
    )
    if page.has_more:
        typer.echo(f"There are more: --after {page.events[-1].event_id}", err=True)


@callbacks_command.command("replay")
def replay_callbacks(
    app_id: AppArgument,
    events: Annotated[
        list[int] | None,
        typer.Option("--event", metavar="ID", min=0, max=EVENT_MAX, help="Which; may be given several times."),
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="All dead ones of the app.")] = False,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Have dead callbacks sent anew, with all attempts. A running server begins within a second."""
    if is_all == bool(events):
        raise BadRequest("give either --all, or --event with an event's id")
    wanted = None if is_all else tuple(map(EventId, events or ()))
    count = with_toolbox(data_dir, lambda tools: tools.callbacks.replay(app_id, wanted))
    if as_json:
        print_json({"replayed": count})
    else:
        typer.echo(f"{count} {'callback' if count == 1 else 'callbacks'} will be sent anew.")


def describe(event: CallbackEvent) -> dict[str, object]:
    """A callback as JSON, ids and sequences as texts; times in UTC epoch milliseconds."""
    message = event.message
    target: dict[str, object]
    if message.kind is Kind.P2T:
        target = {"topicId": str(message.topic_id), "toAccounts": event.to_accounts}
    else:
        target = {"toAccount": message.to_account}
    return {
        "eventId": str(event.event_id),
        "msgType": event.kind,
        "state": event.state,
        "attempts": event.attempts,
        "nextAttempt": 0 if event.state is CallbackState.DEAD else event.next_attempt_ms,
        "lastError": event.last_error,
        "fromAccount": message.sender.account,
        **target,
        "packetId": message.packet_id,
        "sequence": str(message.sequence),
        "timestamp": message.timestamp_ms,
    }


def _target(event: CallbackEvent) -> str:
    message = event.message
    return f"topic {message.topic_id}" if message.kind is Kind.P2T else message.to_account


def _date(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
