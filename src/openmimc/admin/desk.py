"""Where every page of the console is asked for: who is it, may they, and what do they get if it goes wrong.

A page is a coroutine that takes a ``Visit`` and returns an answer; a deed is one that changes something. Since
only ``Desk`` makes route handlers of them, none can be reached without being signed in, and no deed can be done
by another site's form.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import structlog
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from openmimc.admin.flashes import NOTHING, Flash, Flashes, Secret
from openmimc.admin.forms import read_form
from openmimc.admin.guard import Guard
from openmimc.admin.refusals import explain
from openmimc.admin.render import PageRequest, Pages, page_headers, translator_for
from openmimc.admin.texts import Translator
from openmimc.domain.operators import SignedIn
from openmimc.errors import DomainError, NoSuchAccount, UnknownApp
from openmimc.model.ids import AppId

REFRESH_HEADER = "x-refresh"
"""Set by the script that renews parts of a page; such a request uses up nothing that is shown once."""

MAX_ID = (1 << 63) - 1

log = structlog.get_logger(__name__)


class Visit:
    """One request of an operator who is signed in.

    Attributes:
        form: The fields of the form that was sent, known to be ours; empty for a page.
        signed: Who.
    """

    def __init__(
        self, request: PageRequest, signed: SignedIn, form: Mapping[str, str], pages: Pages, flashes: Flashes
    ) -> None:
        self.request = request
        self.signed = signed
        self.form = form
        self._pages = pages
        self._flashes = flashes

    @property
    def text(self) -> Translator:
        """The console's texts in the operator's language."""
        return translator_for(self.request)

    @property
    def app_id(self) -> AppId:
        """The app that the address names.

        Raises:
            UnknownApp: It names none.
        """
        number = parse_id(self.request.path_params["app_id"])
        if not number:
            raise UnknownApp
        return AppId(number)

    def query(self, name: str) -> str:
        """A value of the address, "" when absent; of repeated ones the last."""
        values: list[str] = self.request.query_params.getall(name, [])
        return values[-1] if values else ""

    def query_number(self, name: str) -> int:
        """A number of the address; 0 when it is absent or none."""
        return parse_id(self.query(name)) or 0

    def render(self, template: str, *, status_code: int = 200, **context: Any) -> Response[str]:
        """Answer with a page, and with what it is to show once."""
        is_refresh = REFRESH_HEADER in self.request.headers
        path = self.request.scope["path"]
        flash = NOTHING if is_refresh else self._flashes.take(self.signed.csrf, path)
        return self._pages.render(
            self.request,
            template,
            status_code=status_code,
            signed=self.signed,
            notices=flash.notices,
            secrets=flash.secrets,
            **context,
        )

    def go(self, path: str, notice: str, *secrets: Secret, query: str = "") -> Redirect:
        """Lead to a page that says what was done.

        Args:
            path: Its address without a query.
            notice: What was done.
            secrets: To be shown there this once.
            query: Of the address, without the question mark.
        """
        self._flashes.put(self.signed.csrf, path, Flash((notice,), secrets))
        return Redirect(f"{path}?{query}" if query else path, status_code=303, headers=page_headers())

    def note(self, deed: str, **details: object) -> None:
        """Log what the operator did."""
        log.info(deed, operator=self.signed.name, **details)


Page: TypeAlias = Callable[[Visit], Awaitable[Response[Any]]]


class Desk:
    """Makes route handlers of pages and deeds."""

    def __init__(self, guard: Guard, pages: Pages, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._guard = guard
        self._pages = pages
        self._flashes = Flashes(monotonic)

    def page(self, path: str, page: Page) -> HTTPRouteHandler:
        """Serve a page to operators."""

        @get(path, include_in_schema=False)
        async def show(request: PageRequest) -> Response[Any]:
            signed = await self._guard.require(request)
            return await self._serve(Visit(request, signed, {}, self._pages, self._flashes), page)

        return show

    def deed(self, path: str, deed: Page) -> HTTPRouteHandler:
        """Let operators do something by a form of one of these pages."""

        @post(path, include_in_schema=False, status_code=200)
        async def do(request: PageRequest) -> Response[Any]:
            signed = await self._guard.require(request)
            form = await read_form(request)
            self._guard.check_csrf(request, form)
            return await self._serve(Visit(request, signed, form, self._pages, self._flashes), deed)

        return do

    async def _serve(self, visit: Visit, page: Page) -> Response[Any]:
        """Answer a visit; what nobody expects is left to the pages' error handler."""
        try:
            return await page(visit)
        except (UnknownApp, NoSuchAccount) as exc:
            status, sentence = 404, explain(visit.text, exc)
        except DomainError as exc:
            status, sentence = 400, explain(visit.text, exc)
        return visit.render("failure.html", status_code=status, status=status, sentence=sentence)


def parse_id(text: str) -> int | None:
    """A number from 1 to 2**63 - 1 in decimal digits; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID))):
        return None
    number = int(text)
    return number if 0 < number <= MAX_ID else None
