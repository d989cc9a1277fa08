"""Reading requests."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadRequest, MissingField, NoSuchTopic, UnknownApp
from openmimc.rest.requests import (
    MAX_ID,
    ApiRequest,
    ClientGone,
    parse_app_id,
    parse_json,
    parse_topic_id,
    parse_user_id,
    require,
    split_accounts,
    while_connected,
)


@given(st.integers(min_value=1, max_value=MAX_ID))
def test_ids_are_read_from_numbers_and_their_texts(number: int) -> None:
    for value in (number, str(number)):
        ids: list[int] = [parse_app_id(value), parse_topic_id(value), parse_user_id("ownerUuid", value)]
        assert ids == [number] * 3


@pytest.mark.parametrize(
    "value", [0, -1, MAX_ID + 1, "", "0", "-1", "+1", " 1", "1_0", "01", "1.0", "\u0661", "\u00b2", "9" * 99]
)
def test_what_is_no_id_names_nothing(value: int | str) -> None:
    with pytest.raises(UnknownApp):
        parse_app_id(value)
    with pytest.raises(NoSuchTopic):
        parse_topic_id(value)
    with pytest.raises(BadRequest, match="ownerUuid"):
        parse_user_id("ownerUuid", value)


@pytest.mark.parametrize(
    ("accounts", "names"),
    [
        (None, []),
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        (" a b ,c", ["a b", "c"]),
        (["a,b", " c ", ""], ["a,b", " c ", ""]),
    ],
)
def test_lists_of_accounts_are_split(accounts: str | list[str] | None, names: list[str]) -> None:
    assert split_accounts(accounts) == names


@given(st.lists(st.text().filter(lambda name: name.strip() == name != "" and "," not in name)))
def test_joined_names_are_split_again(names: list[str]) -> None:
    assert split_accounts(" , ".join(names)) == names


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (5, "5"), (0, "0"), (" ", " ")])
def test_a_required_field_is_text(value: int | str, text: str) -> None:
    assert require("field", value) == text


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_required_field_is_missing(value: str | None) -> None:
    with pytest.raises(MissingField, match="missing field: appKey"):
        require("appKey", value)


@given(st.one_of(st.binary(), st.binary().map(lambda inner: b'{"a":"' + inner + b'"}')))
def test_bytes_are_json_or_a_bad_request(body: bytes) -> None:
    """What comes out can be worked with; nothing but ``BadRequest`` is raised."""
    with suppress(BadRequest):
        assert isinstance(parse_json(body, dict[str, str]), dict)


# ------------------------------------------------------------------ clients that may hang up


class Client:
    """One who has sent a request and may hang up.

    Attributes:
        request: The request, as a handler gets it.
    """

    def __init__(self) -> None:
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._events.put_nowait({"type": "http.request", "body": b"x", "more_body": True})
        self._events.put_nowait({"type": "http.request", "body": b"x", "more_body": False})
        scope: Any = {"type": "http", "path": "/", "headers": [], "query_string": b""}
        self.request: ApiRequest = ApiRequest(scope, self._events.get)

    def hang_up(self) -> None:
        self._events.put_nowait({"type": "http.disconnect"})


class Work:
    """Something that takes until it is told to end."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.was_cancelled = False

    async def run(self) -> str:
        try:
            return await self.outcome
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_work_for_a_client_who_stays_is_done() -> None:
    client, work = Client(), Work()
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(while_connected(client.request, work.run()))
    await settle()

    work.outcome.set_result("done")

    assert await waiting == "done"
    assert asyncio.all_tasks() == before


async def test_work_for_a_client_who_stays_may_fail() -> None:
    client, work = Client(), Work()
    waiting = asyncio.create_task(while_connected(client.request, work.run()))
    await settle()

    work.outcome.set_exception(NoSuchTopic())

    with pytest.raises(NoSuchTopic):
        await waiting


async def test_work_for_a_client_who_hangs_up_is_given_up() -> None:
    client, work = Client(), Work()
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(while_connected(client.request, work.run()))
    await settle()

    client.hang_up()

    with pytest.raises(ClientGone):
        await waiting
    assert work.was_cancelled
    assert asyncio.all_tasks() == before


async def test_work_of_a_request_that_is_cancelled_is_given_up() -> None:
    client, work = Client(), Work()
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(while_connected(client.request, work.run()))
    await settle()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.was_cancelled
    assert asyncio.all_tasks() == before
