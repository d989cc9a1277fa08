"""The recommended messages: round trips, the manual's examples, and what other apps make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.client import NotAFormat
from openmimc.client.formats import (
    FORMATS,
    AudioFile,
    BinaryFile,
    Format,
    PictureFile,
    Ping,
    Pong,
    Text,
    TextRead,
    TextRecall,
    decode,
    find_format,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
formats = st.builds(
    lambda kind, content, msg_id, timestamp_ms, version: kind(
        content, msg_id=msg_id, timestamp_ms=timestamp_ms, version=version
    ),
    st.sampled_from(list(FORMATS.values())),
    texts,
    texts,
    st.integers(0, 2**53),
    st.integers(0, 100),
)


@given(formats, st.sampled_from(["msgType", "type"]))
def test_what_is_encoded_is_decoded_alike(message: Format, type_key: Any) -> None:
    assert decode(message.encode(type_key=type_key)) == message


@given(formats)
def test_other_apps_find_the_members_that_the_manual_names(message: Format) -> None:
    document = json.loads(message.encode())

    assert list(document) == ["version", "msgId", "msgType", "timestamp", "payload"]
    assert document["msgType"] == message.TYPE
    assert document["timestamp"] == str(message.timestamp_ms)


def test_all_words_of_the_manual_are_known() -> None:
    media = ["TEXT", "PIC_FILE", "AUDIO_FILE", "BIN_FILE"]

    assert set(FORMATS) == {
        "PING",
        "PONG",
        *media,
        *(f"{word}_RECALL" for word in media),
        *(f"{word}_READ" for word in media),
    }


def test_each_message_has_an_id_and_a_time_of_its_own() -> None:
    first, second = Text("hello"), Text("hello")

    assert first.msg_id != second.msg_id
    assert first.timestamp_ms > 1_600_000_000_000


EXAMPLES: list[tuple[str, Any, Format]] = [
    ("PING", "appAccount_A", Ping("appAccount_A", msg_id="PING_12345", timestamp_ms=1516763973000)),
    ("PONG", "appAccount_B", Pong("appAccount_B", msg_id="PONG_12345", timestamp_ms=1516763973000)),
    ("TEXT", "Welcome", Text("Welcome", msg_id="TEXT_12345", timestamp_ms=1516763973000)),
    (
        "PIC_FILE",
        "https://x/y.jpg",
        PictureFile("https://x/y.jpg", msg_id="PIC_FILE_12345", timestamp_ms=1516763973000),
    ),
    (
        "AUDIO_FILE",
        "https://x/y",
        AudioFile("https://x/y", msg_id="AUDIO_FILE_12345", timestamp_ms=1516763973000),
    ),
    ("BIN_FILE", "https://x/y", BinaryFile("https://x/y", msg_id="BIN_FILE_12345", timestamp_ms=1516763973000)),
    (
        "TEXT_RECALL",
        {"recall_msgId": "TEXT_12345"},
        TextRecall("TEXT_12345", msg_id="TEXT_RECALL_12345", timestamp_ms=1516763973000),
    ),
    (
        "TEXT_READ",
        {"read_msgId": "TEXT_12345"},
        TextRead("TEXT_12345", msg_id="TEXT_READ_12345", timestamp_ms=1516763973000),
    ),
]


@pytest.mark.parametrize("type_key", ["msgType", "type"])
@pytest.mark.parametrize("timestamp", ["1516763973000", 1516763973000])
@pytest.mark.parametrize("version", [0, "0"])
@pytest.mark.parametrize(("word", "payload", "expected"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_the_manuals_examples_are_read_in_either_edition(
    word: str, payload: Any, expected: Format, version: Any, timestamp: Any, type_key: str
) -> None:
    document = {
        "version": version,
        "msgId": f"{word}_12345",
        type_key: word,
        "timestamp": timestamp,
        "payload": payload,
    }

    assert decode(json.dumps(document)) == expected
    assert decode(json.dumps(document).encode()) == expected


def test_the_payload_of_a_recall_may_be_json_text() -> None:
    document = {"type": "TEXT_RECALL", "payload": '{"recall_msgId": "TEXT_1"}'}

    assert decode(json.dumps(document)) == TextRecall("TEXT_1", msg_id="", timestamp_ms=0)


def test_unknown_members_are_passed_over() -> None:
    document = {"msgType": "TEXT", "payload": "hi", "msgId": "1", "timestamp": 1, "colour": [1, {}]}

    assert decode(json.dumps(document)) == Text("hi", msg_id="1", timestamp_ms=1)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"17",
        b"[]",
        b"{}",
        b'{"msgType": "VIDEO_CALL", "payload": ""}',
        b'{"msgType": "TEXT"}',
        b'{"msgType": "TEXT", "payload": 5}',
        b'{"msgType": "TEXT", "payload": "x", "timestamp": "soon"}',
        b'{"msgType": "TEXT_READ", "payload": "no json"}',
        b'{"msgType": "TEXT_READ", "payload": ["x"]}',
        b'{"msgType": "TEXT_READ", "payload": {"recall_msgId": "x"}}',
        b'{"msgType": "TEXT_READ", "payload": {"read_msgId": 5}}',
        b"[" * 100_000,
    ],
    ids=lambda payload: payload[:60].decode(errors="replace"),
)
def test_everything_else_is_refused(payload: bytes) -> None:
    with pytest.raises(NotAFormat):
        decode(payload)
    assert find_format(payload) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda children: st.lists(children) | st.dictionaries(texts, children),
    max_leaves=5,
)


@given(
    st.binary()
    | texts
    | st.fixed_dictionaries(
        {"msgType": st.sampled_from(list(FORMATS)) | json_values, "payload": json_values},
        optional={"msgId": json_values, "timestamp": json_values, "version": json_values, "type": json_values},
    ).map(json.dumps)
)
def test_whatever_comes_is_read_or_refused(payload: bytes | str) -> None:
    try:
        message = decode(payload)
    except NotAFormat:
        return
    assert decode(message.encode()) == message


def test_an_error_does_not_repeat_what_was_said() -> None:
    with pytest.raises(NotAFormat) as caught:
        decode(b'{"msgType": "our secret"}')

    assert "secret" not in str(caught.value)
