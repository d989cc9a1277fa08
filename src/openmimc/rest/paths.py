"""Request targets in every form the SDKs and demos send them, brought to one.

Source: protocol reference, 7.3 (doubled slashes), 9.1 (trailing slash), 11 (absolute-form targets).
"""

from __future__ import annotations

import re

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

_ORIGIN = re.compile(r"https?://[^/]*", re.IGNORECASE)
_SLASHES = re.compile(r"//+")


def tidy_path(path: str) -> str:
    """The path without origin, doubled slashes and trailing slash.

    >>> tidy_path("http://proxied.example//api/topic/1/")
    '/api/topic/1'
    """
    if origin := _ORIGIN.match(path):
        path = path[origin.end() :]
    return "/" + _SLASHES.sub("/", path).strip("/")


def is_api_path(path: str) -> bool:
    """Whether a tidy path belongs to the REST API."""
    return path == "/api" or path.startswith("/api/")


def is_sdk_path(path: str) -> bool:
    """Whether SDKs ask for this tidy path: then every answer has HTTP status 200."""
    return path == "/gslb" or is_api_path(path)


class TidyPaths:
    """ASGI middleware: the app inside sees tidy paths only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == ScopeType.HTTP:
            # A copy, because the server goes on using the scope it made.
            scope = scope.copy()
            scope["path"] = tidy_path(scope["path"])
        await self._app(scope, receive, send)
