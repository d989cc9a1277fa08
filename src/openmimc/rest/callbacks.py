"""``/api/callback/{appId}``: what an app's own server was told in vain, and telling it anew.

The app's server proves itself with the headers ``appKey`` and ``appSecret``; there is no account in it.
"""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Struct, UnsetType

from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import FIRST, PAGE_MAX, CallbackPage, Callbacks
from openmimc.errors import BadRequest, MissingField
from openmimc.model.callback import CallbackEvent, CallbackState, EventId
from openmimc.model.ids import AppId
from openmimc.model.message import Kind
from openmimc.rest.answers import Answer, success
from openmimc.rest.documentation import Caller, Query, documented
from openmimc.rest.requests import (
    ApiRequest,
    Id,
    header_text,
    parse_app_id,
    parse_number,
    query_value,
    read_json,
)

CALLBACK = "/api/callback/{app_id:str}"

PAGE = "Callbacks"
EXAMPLE = {
    "eventId": "1",
    "msgType": "OFFLINE_MSG",
    "state": "dead",
    "attempts": 4,
    "nextAttempt": 0,
    "lastError": "HTTP status 500",
    "fromAccount": "bob",
    "packetId": "h2Jv0aQe7Kc-1",
    "sequence": "17660036001230001",
    "timestamp": 1766003600123,
    "toAccount": "alice",
}


class ReplayRequest(Struct, frozen=True, rename="camel"):
    """Which dead callbacks to send anew: some by their ids, or ``all``.

    Attributes:
        event_ids: At most 500.
    """

    event_ids: list[Id] | None = None
    all: bool = False


class CallbackInfo(Struct, frozen=True, rename="camel"):
    """A callback that has not arrived. Its message's payload is left out.

    Attributes:
        msg_type: As in the callback's body.
        attempts: Made so far.
        next_attempt: Not before this time, UTC epoch milliseconds; 0 for a dead one.
        last_error: Why the last attempt failed; "" before the first.
        timestamp: When the server took the message, UTC epoch milliseconds.
        to_account: Of a one-to-one message.
        topic_id: Of a topic's message.
        to_accounts: Of a topic's message.
    """

    event_id: str
    msg_type: str
    state: str
    attempts: int
    next_attempt: int
    last_error: str
    from_account: str
    packet_id: str
    sequence: str
    timestamp: int
    to_account: str | UnsetType = UNSET
    topic_id: str | UnsetType = UNSET
    to_accounts: tuple[str, ...] | UnsetType = UNSET


class CallbackListData(Struct, frozen=True, rename="camel"):
    """A page of callbacks, in the order of their events.

    Attributes:
        has_more: Whether there are more: ask again with ``after`` as the last ``eventId``.
    """

    callbacks: list[CallbackInfo]
    has_more: bool


class ReplayData(Struct, frozen=True):
    """How many callbacks are going to be sent anew."""

    replayed: int


def callback_info(event: CallbackEvent) -> CallbackInfo:
    """Spell a callback."""
    message = event.message
    is_p2t = message.kind is Kind.P2T
    return CallbackInfo(
        event_id=str(event.event_id),
        msg_type=event.kind,
        state=event.state,
        attempts=event.attempts,
        next_attempt=0 if event.state is CallbackState.DEAD else event.next_attempt_ms,
        last_error=event.last_error,
        from_account=message.sender.account,
        packet_id=message.packet_id,
        sequence=str(message.sequence),
        timestamp=message.timestamp_ms,
        to_account=UNSET if is_p2t else message.to_account,
        topic_id=str(message.topic_id) if is_p2t else UNSET,
        to_accounts=event.to_accounts if is_p2t else UNSET,
    )


def list_data(page: CallbackPage) -> CallbackListData:
    """Spell a page."""
    return CallbackListData([callback_info(event) for event in page.events], page.has_more)


def callback_pages(apps: Apps, callbacks: Callbacks) -> list[HTTPRouteHandler]:
    """The pages by which an app's operator looks after its callbacks."""

    @documented(
        PAGE,
        "List callbacks that have not arrived",
        caller=Caller.APP,
        query=(
            Query("state", "`dead` or `waiting`; `dead` unless given.", "dead", is_required=False),
            Query("after", "Event id of the last one seen before.", "0", is_required=False),
            Query("limit", f"1 to {PAGE_MAX}; {PAGE_MAX} unless given.", "100", is_required=False),
        ),
        data_example={"callbacks": [EXAMPLE], "hasMore": False},
    )
    @get(CALLBACK)
    async def list_callbacks(request: ApiRequest, app_id: FromPath[str]) -> Answer[CallbackListData]:
        state = _parse_state(query_value(request, "state") or CallbackState.DEAD)
        after = parse_number("after", query_value(request, "after") or FIRST)
        limit = parse_number("limit", query_value(request, "limit") or PAGE_MAX)
        number = await _check_app(apps, request, app_id)
        page = await callbacks.list_callbacks(number, state, after=EventId(after), limit=limit)
        return success(list_data(page))

    @documented(
        PAGE,
        "Send dead callbacks anew",
        caller=Caller.APP,
        body=ReplayRequest,
        body_example={"eventIds": ["1"]},
        data_example={"replayed": 1},
        errors=(MissingField,),
    )
    @post(CALLBACK + "/replay", status_code=200)
    async def replay(request: ApiRequest, app_id: FromPath[str]) -> Answer[ReplayData]:
        asked = await read_json(request, ReplayRequest)
        event_ids = None
        if asked.all:
            if asked.event_ids:
                raise BadRequest("eventIds and all exclude each other")
        elif not asked.event_ids:
            raise MissingField("eventIds")
        else:
            event_ids = tuple(EventId(parse_number("eventIds", value)) for value in asked.event_ids)
        number = await _check_app(apps, request, app_id)
        return success(ReplayData(await callbacks.replay(number, event_ids)))

    return [list_callbacks, replay]


async def _check_app(apps: Apps, request: ApiRequest, app_id: str) -> AppId:
    """The app whose server asks."""
    number = parse_app_id(app_id)
    await apps.check_credentials(number, header_text(request, "appKey"), header_text(request, "appSecret"))
    return number


def _parse_state(text: str) -> CallbackState:
    try:
        return CallbackState(text)
    except ValueError as exc:
        raise BadRequest(f"state must be one of {', '.join(CallbackState)}") from exc
