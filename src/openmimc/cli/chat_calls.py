"""Calls of the server's REST API with the token of the user who is chatting.

Source: protocol reference, 9.1.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from openmimc.errors import ImError

Shape = TypeVar("Shape")

TIMEOUT_S = 5.0
_SUCCESS = 200


class _Answer(Struct):
    code: int
    message: str = ""
    data: Any = None


class GroupsUnavailable(ImError):
    """The server refused, or could not be asked; the text says which."""


class UserCalls:
    """Makes calls for one user, on connections that are kept.

    Args:
        base_url: The server's HTTP address, without a path.
        get_token: Gives the user's current token.
        verify: For ``https``: whom to trust, True for the system's authorities.
    """

    def __init__(
        self, base_url: str, get_token: Callable[[], str | None], *, verify: ssl.SSLContext | bool = True
    ) -> None:
        self._get_token = get_token
        self._http = httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_S, verify=verify)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        shape: type[Shape],
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Shape:
        """Make a call and decode the ``data`` of its answer.

        Raises:
            GroupsUnavailable: it gave none.
        """
        try:
            response = await self._http.request(
                method, path, json=body, headers={"token": self._get_token() or ""} | dict(headers or {})
            )
            answer = msgspec.json.decode(response.content, type=_Answer, strict=False)
            if answer.code != _SUCCESS:
                raise GroupsUnavailable(f"{answer.code} {answer.message}")
            return msgspec.convert(answer.data, shape, strict=False)
        except httpx.HTTPError as error:
            raise GroupsUnavailable(f"the server cannot be asked: {type(error).__name__}") from error
        except msgspec.MsgspecError as error:
            raise GroupsUnavailable("the server's answer is of an unknown form") from error
