"""Callbacks of an app that have not arrived: those that wait, those given up, and sending these anew."""

from __future__ import annotations

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from openmimc.admin.desk import Desk, Visit, parse_id
from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import Callbacks
from openmimc.errors import MissingField
from openmimc.model.callback import CallbackState, EventId

CALLBACKS = "/console/apps/{app_id:str}/callbacks"
REPLAY = "/console/apps/{app_id:str}/callbacks/replay"
REPLAY_ALL = "/console/apps/{app_id:str}/callbacks/replay-all"

CALLBACKS_PER_PAGE = 50


def callback_pages(desk: Desk, apps: Apps, callbacks: Callbacks) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def show(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        state = CallbackState.DEAD if visit.query("state") == CallbackState.DEAD else CallbackState.WAITING
        after = EventId(visit.query_number("after"))
        page = await callbacks.list_callbacks(app.app_id, state, after=after, limit=CALLBACKS_PER_PAGE)
        address = f"?state={state.value}"
        return visit.render(
            "callbacks.html",
            app=app,
            tab="callbacks",
            state=state.value,
            events=page.events,
            has_address=bool(app.settings.instant_callback_url or app.settings.offline_callback_url),
            first_page=address if after else "",
            next_page=f"{address}&after={page.events[-1].event_id}" if page.has_more else "",
        )

    async def replay(visit: Visit) -> Response[str]:
        event_id = parse_id(visit.form.get("event", ""))
        if event_id is None:
            raise MissingField("event")
        return await _replay(visit, (EventId(event_id),))

    async def replay_all(visit: Visit) -> Response[str]:
        return await _replay(visit, None)

    async def _replay(visit: Visit, events: tuple[EventId, ...] | None) -> Response[str]:
        _ = visit.text
        number = await callbacks.replay(visit.app_id, events)
        visit.note("callbacks_replayed", app_id=visit.app_id, number=number)
        sentence = _.count(
            "{n} callback is sent anew, with all its attempts.",
            "{n} callbacks are sent anew, with all their attempts.",
            number,
        )
        if not number:
            sentence = _("Nothing to send anew: it has been sent, or somebody was faster.")
        return visit.go(f"/console/apps/{visit.app_id}/callbacks", sentence, query="state=dead")

    return [desk.page(CALLBACKS, show), desk.deed(REPLAY, replay), desk.deed(REPLAY_ALL, replay_all)]
