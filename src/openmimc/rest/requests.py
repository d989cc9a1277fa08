"""Reading what clients send: JSON bodies whatever they are declared as, header texts, query strings, ids.

Bodies are JSON even when the content type says otherwise: ``curl -d`` and several demos announce a form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from openmimc.errors import BadRequest, ImError, MissingField, NoSuchTopic, UnknownApp
from openmimc.model.ids import AppId, TopicId, UserId

MAX_BODY_BYTES = 1 << 20
"""Largest body: many times the longest list of members, small enough to hold in memory per request."""

MAX_ID = (1 << 63) - 1

ApiRequest: TypeAlias = Request[Any, Any, Any]

Id: TypeAlias = int | str
"""A 64-bit id in a request: many clients can not hold it in a number, some send one all the same."""

T = TypeVar("T")


class ClientGone(ImError):
    """The client hung up before its request was complete: nobody waits for an answer."""


async def read_json(request: ApiRequest, shape: type[T]) -> T:
    """Read the body as JSON of a given shape; unknown fields are ignored.

    Raises:
        BadRequest: It is no JSON, or a field has the wrong type. The text never quotes values.
        ClientGone: It did not arrive.
        litestar.exceptions.http_exceptions.RequestEntityTooLarge: It is larger than the app takes.
    """
    try:
        body = await request.body()
    except InternalServerException as exc:
        # The one thing Litestar means by it while it reads.
        raise ClientGone from exc
    return parse_json(body, shape)


def parse_json(body: bytes, shape: type[T]) -> T:
    """Parse JSON of a given shape; raises BadRequest as ``read_json``."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as exc:
        raise BadRequest(f"wrong type in the body: {exc}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadRequest("the body is not JSON") from exc
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply") from exc


def require(field: str, value: Id | None) -> str:
    """The text of a required field.

    Raises:
        MissingField: It is absent, null or empty.
    """
    if value is None or value == "":
        raise MissingField(field)
    return str(value)


def header_text(request: ApiRequest, name: str) -> str:
    """A header's text, "" when absent.

    Headers carry bytes. Clients put UTF-8 into them, servers hand them out as Latin-1.
    """
    text = request.headers.get(name, "")
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text


def query_values(request: ApiRequest, key: str) -> list[str]:
    """All values of one key of the query string, in order.

    Raises:
        BadRequest: The query string is no UTF-8, escaped or raw.
    """
    query: bytes = request.scope["query_string"]
    try:
        pairs = parse_qsl(query.decode(), errors="strict")
    except UnicodeDecodeError as exc:
        raise BadRequest("the query is not UTF-8") from exc
    return [value for name, value in pairs if name == key]


def query_value(request: ApiRequest, key: str) -> str:
    """The one value of a key of the query string, "" when absent.

    Raises:
        BadRequest: There are several, or the query string is no UTF-8.
    """
    values = query_values(request, key)
    if len(values) > 1:
        raise BadRequest(f"{key} is given more than once")
    return values[0] if values else ""


def header_or_query(request: ApiRequest, name: str) -> str:
    """What a header or, in its place, the query string says under one name; "" when neither does.

    Raises:
        BadRequest: They contradict each other, or the query is malformed; see ``query_value``.
    """
    in_header, in_query = header_text(request, name), query_value(request, name)
    if in_header and in_query and in_header != in_query:
        raise BadRequest(f"the header {name} and the query contradict each other")
    return in_header or in_query


async def while_connected(request: ApiRequest, work: Coroutine[Any, Any, T]) -> T:
    """Do what may take long, only for as long as the client waits for it.

    What is left of the request's body is passed over.

    Raises:
        ClientGone: The client hung up; the work was cancelled.
    """
    tasks = asyncio.create_task(work), asyncio.create_task(_hang_up_of(request))
    working, _ = tasks
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hang_up_of(request: ApiRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def split_accounts(accounts: str | list[str] | None) -> list[str]:
    """The names in a list of accounts: JSON strings as they are, or one text separated by commas.

    In the text, blanks around names and empty parts are dropped. Nothing gives no names.
    """
    if accounts is None:
        return []
    if isinstance(accounts, list):
        return accounts
    return [name for part in accounts.split(",") if (name := part.strip())]


def parse_app_id(value: Id) -> AppId:
    """An app's id; raises UnknownApp for what can not be one."""
    number = _parse_id(value)
    if number is None:
        raise UnknownApp
    return AppId(number)


def parse_topic_id(value: Id) -> TopicId:
    """A topic's id; raises NoSuchTopic for what can not be one."""
    number = _parse_id(value)
    if number is None:
        raise NoSuchTopic
    return TopicId(number)


def parse_user_id(field: str, value: Id) -> UserId:
    """A user's id; raises BadRequest, naming the field, for what can not be one."""
    number = _parse_id(value)
    if number is None:
        raise BadRequest(f"{field} is no id")
    return UserId(number)


def parse_number(field: str, value: Id) -> int:
    """A time, count or sequence, 0 to 2**63 - 1, as a number or in decimal digits.

    Raises:
        BadRequest: It is no such number; the text names the field.
    """
    # int() takes blanks, signs, underscores and other scripts' digits; a number has digits alone.
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MAX_ID)):
        value = int(value)
    if isinstance(value, str) or not 0 <= value <= MAX_ID:
        raise BadRequest(f"{field} is no whole number from 0 to {MAX_ID}")
    return value


def _parse_id(value: Id) -> int | None:
    if isinstance(value, str):
        # int() takes blanks, signs, underscores and other scripts' digits; an id has one spelling.
        if not (value.isascii() and value.isdigit() and len(value) <= len(str(MAX_ID)) and value[0] != "0"):
            return None
        value = int(value)
    return value if 0 < value <= MAX_ID else None
