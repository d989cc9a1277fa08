"""The one table from what went wrong to the answer a client gets.

Under ``/api/`` and ``/gslb/`` the HTTP status is 200 whatever the ``code``, since the SDKs take any other for a
transport failure (protocol reference, 9.1 and 2.2); elsewhere the status is the code.
"""

from __future__ import annotations

import structlog
from litestar import Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from openmimc.errors import DomainError, Unavailable
from openmimc.rest.answers import Answer
from openmimc.rest.paths import is_sdk_path
from openmimc.rest.requests import MAX_BODY_BYTES, ApiRequest, ClientGone

CLIENT_GONE_CODE = 499
"""Never seen by anybody; the number that proxies log for it."""

INTERNAL_ERROR = (500, "internal error")

FRAMEWORK_TEXTS = {
    400: "bad request",
    404: "no such path",
    405: "method not allowed",
    413: f"the body is larger than {MAX_BODY_BYTES} bytes",
}
"""What the web framework refuses by itself. Its own texts may quote the request, so they stay inside."""

log = structlog.get_logger(__name__)


def code_and_message(exc: Exception) -> tuple[int, str]:
    """What a client is told of an exception; (500, "internal error") of one that nobody expected."""
    match exc:
        case DomainError() | Unavailable():
            return exc.code, exc.text
        case ClientGone():
            return CLIENT_GONE_CODE, "the request did not arrive"
        case HTTPException() if exc.status_code in FRAMEWORK_TEXTS:
            return exc.status_code, FRAMEWORK_TEXTS[exc.status_code]
        case _:
            return INTERNAL_ERROR


def answer_error(request: ApiRequest, exc: Exception) -> Response[Answer[None]]:
    """Answer a request that failed; log it if nobody expected that.

    Logged are method, path and traceback: no query, headers or body, which hold accounts and secrets.
    """
    code, message = code_and_message(exc)
    if (code, message) == INTERNAL_ERROR:
        log.error("unexpected_error", method=request.method, path=request.scope["path"], exc_info=exc)
    elif isinstance(exc, Unavailable):
        log.warning("unavailable", method=request.method, path=request.scope["path"], reason=str(exc))
    headers = exc.headers if isinstance(exc, HTTPException) and exc.headers else {}
    return Response(
        Answer(code, message, None),
        status_code=200 if is_sdk_path(request.scope["path"]) else code,
        headers=headers,
        media_type=MediaType.JSON,
    )


def exception_handlers() -> ExceptionHandlersMap:
    """Litestar's setting that sends every exception to ``answer_error``."""
    return {Exception: answer_error}
