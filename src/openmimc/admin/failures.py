"""What people see when a page can not be had: words where the API would answer JSON."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from openmimc.admin.guard import ForeignForm, Guard, SignInNeeded
from openmimc.admin.render import PageRequest, Pages, translator_for
from openmimc.admin.sign_in import go
from openmimc.admin.texts import mark
from openmimc.errors import DomainError, Unavailable

_OLD_FORM = mark("This form is old, or another site sent it. Load the page again and repeat what you did.")
_TOO_MUCH = mark("The form is too large.")
_LATER = mark("The server could not do this just now. Try again in a moment.")

TOO_LARGE = 413

log = structlog.get_logger(__name__)


def page_failures(pages: Pages) -> ExceptionHandlersMap:
    """Litestar's setting that answers every exception of the pages with a page."""

    def answer(request: PageRequest, exc: Exception) -> Response[Any]:
        _ = translator_for(request)
        match exc:
            case SignInNeeded():
                return go(exc.location)
            case ForeignForm():
                log.warning("foreign_form", path=request.scope["path"])
                status, sentence = exc.code, _(_OLD_FORM)
            case Unavailable():
                log.warning("unavailable", path=request.scope["path"], reason=str(exc))
                status, sentence = exc.code, _(_LATER)
            case DomainError():
                status, sentence = exc.code, exc.text
            case HTTPException(status_code=code) if code < 500:
                status, sentence = code, _(_TOO_MUCH) if code == TOO_LARGE else ""
            case _:
                # No query, headers or body, which hold accounts and secrets.
                log.error("unexpected_error", method=request.method, path=request.scope["path"], exc_info=exc)
                status, sentence = 500, ""
        try:
            return pages.render(request, "failure.html", status_code=status, status=status, sentence=sentence)
        except Exception:
            # What broke the page may well break this one.
            log.exception("unexpected_error", method=request.method, path=request.scope["path"])
            return Response("Something went wrong.\n", status_code=500, media_type=MediaType.TEXT)

    return {Exception: answer}


def missing_pages(guard: Guard) -> list[HTTPRouteHandler]:
    """Everything below ``/console`` that is no page; who is not signed in does not learn even that."""

    async def missing(request: PageRequest) -> Response[str]:
        await guard.require(request)
        raise NotFoundException

    path = "/console/{rest:path}"
    return [get(path, include_in_schema=False)(missing), post(path, include_in_schema=False)(missing)]
