"""Calls of the REST API in the name of an app: credentials out, decoded answers in.

Source: protocol reference, 9.1.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from typing import Generic, Literal, TypeVar

import httpx
import msgspec
from msgspec import Struct

from openmimc.client.errors import ApiError, ConnectionLost, UnexpectedAnswer

Method = Literal["GET", "POST", "PUT", "DELETE"]

T = TypeVar("T")

_SUCCESS = 200


class _Head(Struct, frozen=True):
    code: int
    message: str


class _Answer(Struct, Generic[T], frozen=True):
    data: T


class ApiCalls:
    """Makes calls with one app's credentials, on connections that are kept and shared.

    Attributes:
        app_id: The app.
    """

    def __init__(
        self,
        base_url: str,
        app_id: str,
        app_key: str,
        app_secret: str,
        *,
        ssl_context: ssl.SSLContext | None,
        timeout_s: float,
    ) -> None:
        self.app_id = app_id
        self._app_key = app_key
        self._app_secret = app_secret
        self._http = httpx.AsyncClient(
            base_url=base_url, verify=True if ssl_context is None else ssl_context, timeout=timeout_s
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def token(self, account: str) -> bytes:
        """Get a token answer, as it came; raises as ``call``."""
        body = self.credentials | {"appAccount": account}
        answer = await self._exchange("POST", "/api/account/token", body=body)
        _check(answer)
        return answer

    async def call(
        self,
        method: Method,
        path: str,
        shape: type[T],
        *,
        account: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> T:
        """Make a call and decode the ``data`` of its answer.

        Args:
            method: HTTP's.
            path: The page.
            shape: What ``data`` is; ids in it may be strings or numbers.
            account: Speak for this account, by headers; None if the body has the credentials.
            query: For the query string.
            body: To be sent as JSON.

        Raises:
            ApiError, ConnectionLost, UnexpectedAnswer: See ``AppServer``.
        """
        headers = None if account is None else self._headers(account)
        answer = await self._exchange(method, path, headers=headers, query=query, body=body)
        _check(answer)
        return _decode(answer, _whole(shape)).data

    async def _exchange(
        self,
        method: Method,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._http.request(method, path, headers=headers, params=query, content=content)
        except httpx.TransportError as error:
            raise ConnectionLost(f"no answer: {type(error).__name__}") from error
        if answer.status_code != _SUCCESS:
            raise UnexpectedAnswer(f"HTTP status {answer.status_code}")
        return answer.content

    @property
    def credentials(self) -> dict[str, object]:
        """The fields by which a body proves that the app's server sends it."""
        return {"appId": self.app_id, "appKey": self._app_key, "appSecret": self._app_secret}

    def _headers(self, account: str) -> dict[str, str]:
        return {
            "appId": self.app_id,
            "appKey": self._app_key,
            "appSecret": self._app_secret,
            # Headers are no place for blanks at the ends and for what is not ASCII.
            "appAccount": base64.b64encode(account.encode()).decode(),
            "appAccountEncode": "base64",
        }


def _check(answer: bytes) -> None:
    head = _decode(answer, _Head)
    if head.code != _SUCCESS:
        raise ApiError(head.code, head.message)


def _whole(shape: type[T]) -> type[_Answer[T]]:
    return _Answer[shape]  # type: ignore[valid-type] # A type that is known when the program runs.


def _decode(answer: bytes, shape: type[T]) -> T:
    try:
        # Ids are strings in JSON.
        return msgspec.json.decode(answer, type=shape, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer("the answer is not the API's") from error
