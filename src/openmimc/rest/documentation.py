"""What a call's documentation says beyond its code; stands above each handler.

The rest of ``/openapi.json`` is read off the code: paths, methods, the shapes of bodies and answers with their
docstrings, the texts of errors. See ``openmimc.rest.openapi``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.errors import (
    AccountBanned,
    BadRequest,
    DomainError,
    ForeignApp,
    InvalidToken,
    MissingField,
    TokenExpired,
    TooBig,
    Unauthenticated,
    UnknownApp,
    WrongAppKey,
    WrongAppSecret,
)

OPTION = "documentation"
"""Under this name a handler's options hold its ``Call``."""

HandlerT = TypeVar("HandlerT", bound=HTTPRouteHandler)

_CREDENTIALS = (MissingField, UnknownApp, WrongAppKey, WrongAppSecret)
_USER = (
    *(BadRequest, Unauthenticated, ForeignApp, TooBig),
    *_CREDENTIALS,
    *(InvalidToken, TokenExpired, AccountBanned),
)


class Caller(Enum):
    """How callers prove who they are: alternatives of headers, and the errors of doing it wrong."""

    ANYBODY = ((), ())
    """Nothing is asked for."""

    APP_IN_BODY = ((), (BadRequest, *_CREDENTIALS))
    """The app's server, with ``appId``, ``appKey`` and ``appSecret`` in the body."""

    APP = ((("appKey", "appSecret"),), (BadRequest, *_CREDENTIALS))
    """The app's server; the path names the app."""

    USER = ((("token",), ("appKey", "appSecret", "appAccount")), _USER)
    """A user, or the app's server on a user's behalf; path or body name the app."""

    USER_OF_APP = ((("token",), ("appId", "appKey", "appSecret", "appAccount")), _USER)
    """A user, or the app's server on a user's behalf; a header names the app."""

    def __init__(self, headers: tuple[tuple[str, ...], ...], errors: tuple[type[DomainError], ...]) -> None:
        self.headers = headers
        self.errors = errors


class Query(Struct, frozen=True):
    """One parameter of the query string.

    Attributes:
        example: Also says what it may look like.
        or_header: It may stand in a header of this name instead; then neither place alone is required.
        is_required: Whether it may be absent altogether.
    """

    name: str
    text: str
    example: str
    or_header: bool = False
    is_required: bool = True


class Call(Struct, frozen=True):
    """What is said of one call.

    Attributes:
        page: The heading it stands under.
        summary: What it does, in a few words.
        text: What else callers have to know; Markdown, possibly empty.
        body: Shape of the body that is read, None if none is.
        required: Names of the body's fields that may not be absent.
        body_example: A body as callers send it.
        data_example: ``data`` of an answer to it; where the answer is no ``Answer``, all of it.
        message: ``message`` of a success.
        errors: Refusals beyond those that ``caller`` brings along.
        statuses: HTTP statuses besides 200, with an answer of the same shape; none under ``/api/``.
    """

    page: str
    summary: str
    text: str
    caller: Caller
    query: tuple[Query, ...]
    body: type | None
    required: tuple[str, ...]
    body_example: object
    data_example: object
    message: str
    errors: tuple[type[DomainError], ...]
    statuses: tuple[int, ...]

    @property
    def all_errors(self) -> tuple[type[DomainError], ...]:
        """Every refusal the call can answer, by code."""
        found = {*self.caller.errors, *self.errors}
        if self.body is not None:
            found |= {BadRequest, TooBig}
        if self.required or any(query.is_required for query in self.query):
            found |= {MissingField}
        return tuple(sorted(found, key=lambda error: (error.code, error.__name__)))


def documented(
    page: str,
    summary: str,
    *,
    text: str = "",
    caller: Caller = Caller.ANYBODY,
    query: tuple[Query, ...] = (),
    body: type | None = None,
    required: tuple[str, ...] = (),
    body_example: object = None,
    data_example: object = None,
    message: str = "success",
    errors: tuple[type[DomainError], ...] = (),
    statuses: tuple[int, ...] = (),
) -> Callable[[HandlerT], HandlerT]:
    """Document a route handler; stands above the decorator that makes it one. Arguments: see ``Call``."""
    call = Call(
        page,
        summary,
        text,
        caller,
        query,
        body,
        required,
        body_example,
        data_example,
        message,
        errors,
        statuses,
    )

    def attach(handler: HandlerT) -> HandlerT:
        handler.opt[OPTION] = call
        return handler

    return attach
