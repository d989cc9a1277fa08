"""What can not be undone: a new secret, and the end of an app."""

from __future__ import annotations

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from openmimc.admin.desk import Desk, Visit
from openmimc.admin.flashes import Secret
from openmimc.domain.apps import Apps
from openmimc.model.app import App

KEYS = "/console/apps/{app_id:str}/keys"
ROTATE = "/console/apps/{app_id:str}/keys/rotate"
DELETE = "/console/apps/{app_id:str}/keys/delete"


def keys_pages(desk: Desk, apps: Apps) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def show(visit: Visit) -> Response[str]:
        return _render(visit, await apps.get_app(visit.app_id), {})

    async def rotate(visit: Visit) -> Response[str]:
        _ = visit.text
        app = await apps.get_app(visit.app_id)
        if "sure" not in visit.form:
            return _render(visit, app, {"sure": _("Tick this if you mean it; nothing was changed.")})
        app, secret = await apps.rotate_secret(app.app_id)
        visit.note("app_secret_rotated", app_id=app.app_id)
        advice = _("Keep it where your app's server finds it: it is shown this once.")
        return visit.go(
            f"/console/apps/{app.app_id}/keys",
            _("The app has a new secret. The old one and all tokens are void, and sessions end."),
            Secret(_("App secret"), secret, advice),
        )

    async def delete(visit: Visit) -> Response[str]:
        _ = visit.text
        app = await apps.get_app(visit.app_id)
        if visit.form.get("name", "").strip() != app.name.strip():
            return _render(visit, app, {"name": _("This is not the app's name; nothing was deleted.")})
        await apps.delete_app(app.app_id)
        visit.note("app_deleted", app_id=app.app_id)
        return visit.go("/console/apps", _("The app {name} is deleted, with everything in it.", name=app.name))

    return [desk.page(KEYS, show), desk.deed(ROTATE, rotate), desk.deed(DELETE, delete)]


def _render(visit: Visit, app: App, wrong: dict[str, str]) -> Response[str]:
    return visit.render("keys.html", status_code=422 if wrong else 200, app=app, tab="keys", wrong=wrong)
