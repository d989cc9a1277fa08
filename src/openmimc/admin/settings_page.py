"""An app's settings and limits, its callbacks, and the lifetime of its accounts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.admin.desk import Desk, Visit
from openmimc.admin.flashes import Secret
from openmimc.admin.refusals import explain
from openmimc.admin.texts import Translator, mark
from openmimc.domain.apps import SETTING_RANGES, Apps, parse_settings
from openmimc.errors import DomainError
from openmimc.model.app import App, AppSettings

SETTINGS = "/console/apps/{app_id:str}/settings"
CALLBACK_SECRET = "/console/apps/{app_id:str}/settings/callback-secret"  # noqa: S105 - an address


class Setting(Struct, frozen=True):
    """How one setting is shown.

    Attributes:
        name: As in ``AppSettings``.
        label: For people.
        hint: What it does, where the label does not say it all.
        unit: Of a number.
        zero: What 0 means, where it means no number.
    """

    name: str
    label: str
    hint: str = ""
    unit: str = ""
    zero: str = ""


class SettingGroup(Struct, frozen=True):
    """Settings that belong together."""

    title: str
    settings: tuple[Setting, ...]


GROUPS = (
    SettingGroup(
        mark("Callbacks"),
        (
            Setting(
                "instant_callback_url",
                mark("Instant callback address"),
                mark("Your app's server is told there of every message. Empty for none."),
            ),
            Setting(
                "offline_callback_url",
                mark("Offline callback address"),
                mark("Your app's server is told there of messages that reached no device. Empty for none."),
            ),
            Setting(
                "callback_secret",
                mark("Callback secret of your own"),
                mark(
                    "Signs callbacks; 16 to 256 characters. Empty leaves it as it is; one is made if need be."
                ),
            ),
            Setting(
                "callbackOnPush",
                mark("Instant callbacks for pushes"),
                mark("Messages that your app's server sends itself cause instant callbacks too."),
            ),
        ),
    ),
    SettingGroup(
        mark("Accounts and tokens"),
        (
            Setting(
                "uuidTTL",
                mark("Account lifetime"),
                mark("After this time an account is removed and its name is free again."),
                mark("seconds"),
                mark("0 keeps it for ever."),
            ),
            Setting(
                "tokenLifetime",
                mark("Token lifetime"),
                mark("How long a token is good for; clients then ask for a new one."),
                mark("seconds"),
            ),
            Setting("userMaxConnections", mark("Connections of one user"), "", mark("at a time")),
        ),
    ),
    SettingGroup(
        mark("Delivery and history"),
        (
            Setting(
                "inboxTime",
                mark("Undelivered messages wait"),
                mark("How long a message waits for a device that is away."),
                mark("days"),
            ),
            Setting("msgStorageTime", mark("History is kept"), "", mark("days")),
            Setting(
                "offlineMsgMaxCount",
                mark("Largest backlog sent unasked"),
                mark("With more waiting, a device whose SDK can fetch them is told so and sent none."),
                mark("messages"),
                mark("0 sends them all."),
            ),
            Setting(
                "copyToSender",
                mark("Copies for the sender's other devices"),
                mark("A user's devices then all show the whole conversation."),
            ),
        ),
    ),
    SettingGroup(
        mark("Sizes and rates"),
        (
            Setting("payloadMaxBytes", mark("Largest payload"), "", mark("bytes")),
            Setting(
                "topicMemberCount", mark("Members of a topic"), mark("The owner included."), mark("at most")
            ),
            Setting(
                "p2pMaxQps",
                mark("One-to-one messages"),
                mark("In the whole app, pushes included."),
                mark("per second"),
                mark("0 sets no limit."),
            ),
            Setting(
                "p2tMaxQps",
                mark("Topic messages"),
                mark("In the whole app, pushes included."),
                mark("per second"),
                mark("0 sets no limit."),
            ),
            Setting(
                "ucMaxQps",
                mark("Messages to unlimited groups"),
                mark("In the whole app, pushes included."),
                mark("per second"),
                mark("0 sets no limit."),
            ),
        ),
    ),
    SettingGroup(
        mark("Contacts and blacklist"),
        (
            Setting(
                "enableContacts", mark("Recent contacts"), mark("Users can ask with whom they talked last.")
            ),
            Setting(
                "contactExpireTime",
                mark("Contacts stay recent"),
                mark("Counted from the last message."),
                mark("days"),
            ),
            Setting("enableBlacklist", mark("Blacklist"), mark("Users can block others.")),
        ),
    ),
)
"""Every setting, in the order of the page."""

DEFAULTS = AppSettings()


def settings_pages(desk: Desk, apps: Apps) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def show(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        return _render(visit, app, values_of(app.settings), {})

    async def save(visit: Visit) -> Response[str]:
        _ = visit.text
        app = await apps.get_app(visit.app_id)
        values = _read(visit.form, app.settings)
        changes = {name: value for name, value in values.items() if value != values_of(app.settings)[name]}
        wrong = find_wrong(_, app.settings, changes)
        if wrong:
            return _render(visit, app, values, wrong, status_code=422)
        path = f"/console/apps/{app.app_id}/settings"
        if not changes:
            return visit.go(path, _("Nothing was changed: all values are as they were."))
        changed = await apps.change_settings(app.app_id, changes)
        visit.note("app_settings_changed", app_id=app.app_id, settings=sorted(changes))
        made = changed.settings.callback_secret
        is_made = made not in (app.settings.callback_secret, changes.get("callback_secret"))
        return visit.go(
            path,
            _("Saved: {names}.", names=_list_labels(_, changes)),
            *([_callback_secret(_, made)] if is_made else []),
        )

    async def make_callback_secret(visit: Visit) -> Response[str]:
        _ = visit.text
        # Setting none where there are addresses makes a new one.
        changed = await apps.change_settings(visit.app_id, {"callback_secret": ""})
        visit.note("callback_secret_made", app_id=changed.app_id)
        path = f"/console/apps/{changed.app_id}/settings"
        if not (made := changed.settings.callback_secret):
            return visit.go(path, _("There is no callback address, so there is no secret."))
        return visit.go(
            path, _("Callbacks are signed with a new secret from now on."), _callback_secret(_, made)
        )

    return [
        desk.page(SETTINGS, show),
        desk.deed(SETTINGS, save),
        desk.deed(CALLBACK_SECRET, make_callback_secret),
    ]


def values_of(settings: AppSettings) -> dict[str, str]:
    """All settings as the texts that a form shows and sends; the secret as ""."""
    values = {name: str(value) for name, value in msgspec.structs.asdict(settings).items()}
    for name, value in values.items():
        if value in ("True", "False"):
            values[name] = value.lower()
    return values | {"callback_secret": ""}


def is_switch(name: str) -> bool:
    """Whether a setting is on or off."""
    return isinstance(getattr(DEFAULTS, name), bool)


def find_wrong(_: Translator, settings: AppSettings, changes: Mapping[str, str]) -> dict[str, str]:
    """For every change that will not do, why."""
    wrong = {}
    for name, value in changes.items():
        try:
            parse_settings(settings, {name: value})
        except DomainError as exc:
            wrong[name] = explain(_, exc)
    return wrong


def _read(form: Mapping[str, str], settings: AppSettings) -> dict[str, str]:
    """What the form asks for; a switch that is not sent is off, any other field that is not sent stays."""
    values = values_of(settings)
    for name in values:
        if is_switch(name):
            values[name] = "true" if name in form else "false"
        elif name in form:
            values[name] = form[name] if name == "callback_secret" else form[name].strip()
    return values


def _list_labels(_: Translator, changes: Mapping[str, str]) -> str:
    labels = [_(setting.label) for group in GROUPS for setting in group.settings if setting.name in changes]
    return _(", ").join(labels)


def _callback_secret(_: Translator, value: str) -> Secret:
    advice = _("Your app's server checks the signatures of callbacks with it: it is shown this once.")
    return Secret(_("Callback secret"), value, advice)


def _render(
    visit: Visit, app: App, values: Mapping[str, str], wrong: Mapping[str, str], *, status_code: int = 200
) -> Response[str]:
    return visit.render(
        "settings.html",
        status_code=status_code,
        app=app,
        tab="settings",
        groups=GROUPS,
        values=values,
        wrong=wrong,
        ranges=SETTING_RANGES,
        defaults=values_of(DEFAULTS),
        is_switch=is_switch,
        has_callback_secret=bool(app.settings.callback_secret),
        has_address=bool(app.settings.instant_callback_url or app.settings.offline_callback_url),
    )
