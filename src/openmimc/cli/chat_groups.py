"""Topics as the chat needs them, over the server's REST API.

Source: protocol reference, 9.3.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from openmimc.errors import ImError

_Shape = TypeVar("_Shape")

TIMEOUT_S = 5.0
_SUCCESS = 200


class Group(Struct, frozen=True, rename={"topic_id": "topicId", "name": "topicName", "owner": "ownerAccount"}):
    """One topic."""

    topic_id: int
    name: str = ""
    owner: str = ""


class _Topic(Struct, rename={"group": "topicInfo"}):
    group: Group


class _Answer(Struct):
    code: int
    message: str = ""
    data: Any = None


class GroupsUnavailable(ImError):
    """The server refused, or could not be asked; the text says which."""


class Groups:
    """The topics of one user.

    Args:
        base_url: The server's HTTP address, without a path.
        get_token: Gives the user's current token.
        verify: For ``https``: whom to trust, True for the system's authorities.
    """

    def __init__(
        self,
        base_url: str,
        app_id: str,
        get_token: Callable[[], str | None],
        *,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._get_token = get_token
        self._path = f"/api/topic/{quote(app_id, safe='')}"
        self._http = httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT_S, verify=verify)
        self._names: dict[int, str] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def list_mine(self) -> list[Group]:
        """The topics the user is in."""
        return [self._remember(group) for group in await self._call("GET", "/account", list[Group])]

    async def get(self, topic_id: int) -> Group:
        """One topic that the user is in."""
        return self._remember((await self._call("GET", f"/{topic_id}", _Topic)).group)

    async def create(self, name: str, accounts: str) -> Group:
        """Make a topic with the user as its owner and ``accounts`` (comma-separated) as its other members."""
        body = {"topicName": name, "accounts": accounts}
        return self._remember((await self._call("POST", "", _Topic, body)).group)

    async def name_of(self, topic_id: int) -> str:
        """A topic's name, asked for once; its number if the server does not tell."""
        if topic_id not in self._names:
            try:
                await self.get(topic_id)
            except GroupsUnavailable:
                return str(topic_id)
        return self._names[topic_id] or str(topic_id)

    def _remember(self, group: Group) -> Group:
        self._names[group.topic_id] = group.name
        return group

    async def _call(self, method: str, path: str, shape: type[_Shape], body: object = None) -> _Shape:
        try:
            response = await self._http.request(
                method, self._path + path, json=body, headers={"token": self._get_token() or ""}
            )
            answer = msgspec.json.decode(response.content, type=_Answer, strict=False)
            if answer.code != _SUCCESS:
                raise GroupsUnavailable(f"{answer.code} {answer.message}")
            return msgspec.convert(answer.data, shape, strict=False)
        except httpx.HTTPError as error:
            raise GroupsUnavailable(f"the server cannot be asked: {type(error).__name__}") from error
        except msgspec.MsgspecError as error:
            raise GroupsUnavailable("the server's answer is of an unknown form") from error
