"""``/demo``: two users of one app side by side, and the packets that pass between them and the server.

The page talks to the server as any app would, over the JavaScript SDK and the REST API. The one thing it gets
here is what else an app's own server gives: tokens, for users of the demo app and of no other. So everybody who
can open the page can be any user of the demo app; the app's secret stays with the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.admin.render import PAGE_POLICY, PageRequest, Pages
from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth, TokenGrant
from openmimc.errors import BadRequest, DomainError, Forbidden, UnknownApp
from openmimc.model.app import App
from openmimc.model.ids import AppId

REQUEST_MAX_BYTES = 4096
"""A name has 256 bytes at the most, six characters of JSON for each."""


_HOST = re.compile(r"[a-zA-Z0-9.:\[\]-]+")


class TokenWish(Struct, frozen=True):
    """Body of ``POST /demo/token``."""

    account: str


def demo_pages(
    pages: Pages,
    auth: Auth,
    apps: Apps,
    *,
    find_demo_app: Callable[[], str | None],
    answer_token: Callable[[TokenGrant], object],
    needs_demo_app: bool,
) -> list[HTTPRouteHandler]:
    """The page and its token service.

    Args:
        pages: Renders it.
        auth: Mints the tokens.
        apps: Knows whether the demo app still exists.
        find_demo_app: The demo app's id, None while there is none.
        answer_token: Spells a token the way the SDKs read it.
        needs_demo_app: Whether there is no page (404) without the demo app. If not, the page then asks for the
            keys of another.
    """

    async def current_app() -> App | None:
        await apps.refresh()
        app_id = find_demo_app()
        return apps.find(AppId(int(app_id))) if app_id else None

    @get("/demo", include_in_schema=False)
    async def demo(request: PageRequest) -> Response[str]:
        app = await current_app()
        if app is None and needs_demo_app:
            raise NotFoundException
        return pages.render(request, "demo.html", app=app, brand_href="/demo", policy=_policy(request))

    @post(
        "/demo/token",
        status_code=200,
        include_in_schema=False,
        request_max_body_size=REQUEST_MAX_BYTES,
        exception_handlers={DomainError: _refuse},
    )
    async def demo_token(request: PageRequest) -> Response[bytes]:
        check_same_origin(request)
        try:
            wish = msgspec.json.decode(await request.body(), type=TokenWish)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise BadRequest('the body must be {"account": ...}') from exc
        app = await current_app()
        if app is None:
            raise UnknownApp
        grant = await auth.mint_token(app, wish.account)
        return _answer(answer_token(grant))

    return [demo, demo_token]


def check_same_origin(request: PageRequest) -> None:
    """Check that a page of this server asks.

    Raises:
        Forbidden: Another site's page does, or no browser that says which.
    """
    if site := request.headers.get("sec-fetch-site"):
        is_ours = site == "same-origin"
    else:
        # Browsers send this one only to hosts they trust; Origin they send with every POST.
        is_ours = urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host", "-")
    if not is_ours:
        raise Forbidden("only pages of this server may ask for this")


def _policy(request: PageRequest) -> str:
    """The pages' policy, with WebSockets to this server: not every browser takes them for 'self'."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return PAGE_POLICY
    return PAGE_POLICY.replace("connect-src 'self'", f"connect-src 'self' ws://{host} wss://{host}")


def _answer(answer: object) -> Response[bytes]:
    return Response(
        msgspec.json.encode(answer),
        media_type=MediaType.JSON,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def _refuse(_: PageRequest, exc: DomainError) -> Response[bytes]:
    """Refuse as the token service does: the code is in the body, the HTTP status is 200."""
    return _answer({"code": exc.code, "message": exc.text, "data": None})
