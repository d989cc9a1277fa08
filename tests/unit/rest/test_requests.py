"""Reading requests."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.errors import BadRequest, MissingField, NoSuchTopic, UnknownApp
from openmimc.rest.requests import (
    MAX_ID,
    parse_app_id,
    parse_json,
    parse_topic_id,
    parse_user_id,
    require,
    split_accounts,
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
