"""The page about callbacks, held against the code that makes them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from openmimc.model.callback import CallbackKind, EventId
from openmimc.webhook.body import P2PBody, P2TBody
from openmimc.webhook.retry import RETRY_DELAYS_MS
from openmimc.webhook.signature import EVENT_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, signed_headers
from tests.integration.docs.markdown import ROOT, blocks_of, rows_of

PAGE = ROOT / "docs" / "reference" / "callbacks.md"
SECRET = "a-secret-of-the-app"


@pytest.fixture
def is_genuine() -> Callable[[str, str, str, bytes], bool]:
    """The page's own program."""
    (program,) = (block for block in blocks_of(PAGE) if block.language == "python")
    names: dict[str, Any] = {}
    exec(program.text, names)  # noqa: S102 - our own page
    verify: Callable[[str, str, str, bytes], bool] = names["is_genuine"]
    return verify


def signed(timestamp_s: int) -> tuple[str, str]:
    headers = signed_headers(SECRET, EventId(1), timestamp_s, b"{}")
    return headers[TIMESTAMP_HEADER], headers[SIGNATURE_HEADER]


def test_the_shown_program_believes_what_the_server_signs(
    is_genuine: Callable[[str, str, str, bytes], bool],
) -> None:
    now_s = int(time.time())

    assert is_genuine(SECRET, *signed(now_s), b"{}")
    assert not is_genuine(SECRET, *signed(now_s), b"{ }")
    assert not is_genuine("another secret", *signed(now_s), b"{}")
    assert not is_genuine(SECRET, str(now_s + 1), signed(now_s)[1], b"{}")
    assert not is_genuine(SECRET, *signed(now_s - 301), b"{}")
    assert not is_genuine(SECRET, *signed(now_s + 302), b"{}")


def test_the_shown_bodies_have_the_fields_that_are_sent() -> None:
    one, topic = (json.loads(block.text) for block in blocks_of(PAGE) if block.language == "json")

    assert tuple(one) == P2PBody.__struct_encode_fields__
    assert tuple(topic) == P2TBody.__struct_encode_fields__


def test_every_kind_and_header_is_listed() -> None:
    listed = {row[0].strip("`") for row in rows_of(PAGE)}

    assert {kind.value for kind in CallbackKind} <= listed
    assert {EVENT_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER} <= listed


def test_the_listed_attempts_are_those_that_are_made() -> None:
    attempts = [row[1] for row in rows_of(PAGE) if row[0].isdigit()]

    assert attempts == [
        "at once",
        "5 seconds after the first failed",
        "30 seconds after the second failed",
        "5 minutes after the third failed",
    ]
    assert RETRY_DELAYS_MS == (5_000, 30_000, 300_000)
