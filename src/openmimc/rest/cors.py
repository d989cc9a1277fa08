"""Lets web pages of any origin call the API.

Pages authenticate with a header, never with a cookie, so every origin may be let in. Preflights are answered
for every path, known or not, so that a page reads the API's own answer even to a wrong path.

Source: protocol reference, 2.4 and 11.
"""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from openmimc.rest.paths import is_api_path

ALLOWED_METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS")
ALLOWED_HEADERS = (
    "content-type",
    "token",
    "topicId",
    "startUuid",
    "appKey",
    "appSecret",
    "appAccount",
    "appId",
    "appAccountEncode",
)
PREFLIGHT_MAX_AGE_S = 86_400

_ANY_ORIGIN = (b"access-control-allow-origin", b"*")
_PREFLIGHT_HEADERS = [
    _ANY_ORIGIN,
    (b"access-control-allow-methods", ", ".join(ALLOWED_METHODS).encode()),
    (b"access-control-allow-headers", ", ".join(ALLOWED_HEADERS).encode()),
    (b"access-control-max-age", str(PREFLIGHT_MAX_AGE_S).encode()),
    (b"content-length", b"0"),
]


class AnyOrigin:
    """ASGI middleware: answers preflights under ``/api/`` and marks every answer there as readable by all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with a tidy path."""
        if scope["type"] != ScopeType.HTTP or not is_api_path(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 200, "headers": _PREFLIGHT_HEADERS})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:

            async def send_readable(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], _ANY_ORIGIN]
                await send(message)

            await self._app(scope, receive, send_readable)
