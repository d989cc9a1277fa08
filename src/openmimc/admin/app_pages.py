"""Apps: the list, making one, and what one looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from openmimc.admin.desk import Desk, Visit, parse_id
from openmimc.admin.flashes import Secret
from openmimc.admin.plots import DAY_MS, HOUR_MS, Slot, draw_bars, fill_slots, last_spans
from openmimc.admin.refusals import explain
from openmimc.admin.texts import Translator
from openmimc.domain.apps import Apps
from openmimc.domain.callbacks import Callbacks
from openmimc.domain.counts import MessageCounts
from openmimc.domain.ports import Clock
from openmimc.errors import BadRequest, DomainError
from openmimc.model.app import Credentials
from openmimc.model.callback import CallbackState
from openmimc.model.ids import AppId
from openmimc.model.insight import HourCount
from openmimc.model.message import Kind

APPS = "/console/apps"
NEW = "/console/apps/new"
APP = "/console/apps/{app_id:str}"

APPS_PER_PAGE = 25
HOURS = 24
DAYS = 30


def app_pages(
    desk: Desk, apps: Apps, counts: MessageCounts, callbacks: Callbacks, clock: Clock
) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def list_apps(visit: Visit) -> Response[str]:
        every = await apps.list_apps()
        start = visit.query_number("from")
        shown = every[start : start + APPS_PER_PAGE]
        today = {app.app_id: sum_by_kind(await counts.last_days(app.app_id, 1)) for app in shown}
        return visit.render(
            "apps.html",
            apps=shown,
            today=today,
            kinds=kind_names(visit.text),
            total=len(every),
            next_page=f"?from={start + APPS_PER_PAGE}" if start + APPS_PER_PAGE < len(every) else "",
            is_first=start == 0,
        )

    async def ask_for_app(visit: Visit) -> Response[str]:
        return visit.render("app_new.html", values={}, wrong={})

    async def create_app(visit: Visit) -> Response[str]:
        _ = visit.text
        try:
            brought = _read_credentials(_, visit.form)
            app, secret = await apps.create_app(
                visit.form.get("name", "").strip(),
                visit.form.get("package", "").strip(),
                credentials=brought,
            )
        except _Wrong as exc:
            return visit.render("app_new.html", status_code=422, values=visit.form, wrong={exc.field: exc.text})
        except DomainError as exc:
            wrong = {_field_of(exc): explain(_, exc)}
            return visit.render("app_new.html", status_code=422, values=visit.form, wrong=wrong)
        visit.note("app_created", app_id=app.app_id)
        advice = _("Keep it where your app's server finds it: it is shown this once.")
        return visit.go(
            f"{APPS}/{app.app_id}",
            _("The app {name} is made.", name=app.name),
            # Who has just typed it knows it, and need not have it on the screen.
            *([] if brought else [Secret(_("App secret"), secret, advice)]),
        )

    async def show_app(visit: Visit) -> Response[str]:
        _ = visit.text
        app = await apps.get_app(visit.app_id)
        now_ms = clock.now_ms()
        hours = _hour_slots(await counts.last_hours(app.app_id, HOURS), now_ms)
        days = _day_slots(await counts.last_days(app.app_id, DAYS), now_ms)
        dead = await callbacks.list_callbacks(app.app_id, CallbackState.DEAD, limit=1)
        names = kind_names(_)
        return visit.render(
            "app.html",
            app=app,
            tab="overview",
            kinds=names,
            hours=hours,
            days=days,
            hour_plot=draw_bars(hours, names, _("Messages per hour, last 24 hours")),
            day_plot=draw_bars(days, names, _("Messages per day, last 30 days")),
            sums={span: _sum_slots(slots) for span, slots in (("hours", hours), ("days", days))},
            has_dead=bool(dead.events),
        )

    return [
        desk.page(APPS, list_apps),
        desk.page(NEW, ask_for_app),
        desk.deed(APPS, create_app),
        desk.page(APP, show_app),
    ]


def kind_names(_: Translator) -> dict[Kind, str]:
    """The kinds of messages, for people."""
    return {Kind.P2P: _("One-to-one"), Kind.P2T: _("Topics"), Kind.GROUP: _("Unlimited groups")}


def sum_by_kind(counts: tuple[HourCount, ...]) -> Counter[Kind]:
    """Messages of each kind, whenever they came."""
    sums: Counter[Kind] = Counter()
    for count in counts:
        sums[count.kind] += count.messages
    return sums


class _Wrong(BadRequest):
    """What was typed into one field can not be used."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def _read_credentials(_: Translator, form: Mapping[str, str]) -> Credentials | None:
    """The credentials brought along from another server, if any part of them was."""
    app_id, key, secret = (form.get(name, "").strip() for name in ("app_id", "app_key", "app_secret"))
    if not (app_id or key or secret):
        return None
    number = parse_id(app_id)
    if number is None:
        raise _Wrong("app_id", _("An app id is a number from 1 to 9223372036854775807."))
    return Credentials(AppId(number), key, secret)


def _field_of(exc: DomainError) -> str:
    """The field of the form that a refusal speaks of."""
    fields = {"package": "package", "appKey": "app_key", "appSecret": "app_secret", "appId": "app_id"}
    if exc.text.startswith("there is an app"):
        return "app_id"
    return next((field for word, field in fields.items() if word in exc.text), "name")


def _sum_slots(slots: list[Slot]) -> Counter[Kind]:
    sums: Counter[Kind] = Counter()
    for slot in slots:
        sums.update(slot.counts)
    return sums


def _hour_slots(counts: tuple[HourCount, ...], now_ms: int) -> list[Slot]:
    starts = last_spans(now_ms, HOUR_MS, HOURS)
    return [
        Slot(start, f"{_hour(start)} - {_hour(start + HOUR_MS)}", _hour(start) if place % 6 == 5 else "", sums)
        for place, (start, sums) in enumerate(zip(starts, fill_slots(counts, starts, HOUR_MS), strict=True))
    ]


def _day_slots(counts: tuple[HourCount, ...], now_ms: int) -> list[Slot]:
    starts = last_spans(now_ms, DAY_MS, DAYS)
    return [
        Slot(start, _date(start), _date(start)[5:] if place % 7 == 1 else "", sums)
        for place, (start, sums) in enumerate(zip(starts, fill_slots(counts, starts, DAY_MS), strict=True))
    ]


def _hour(timestamp_ms: int) -> str:
    return f"{timestamp_ms // HOUR_MS % 24:02}:00"


def _date(timestamp_ms: int) -> str:
    return f"{datetime.fromtimestamp(timestamp_ms / 1000, UTC):%Y-%m-%d}"
