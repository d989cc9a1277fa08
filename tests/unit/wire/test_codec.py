"""Which codec serves: what the environment asks for, or the best there is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from openmimc.model.ids import AppId, Sequence, TopicId, UserId
from openmimc.model.message import Kind, Message, Sender
from openmimc.wire.codec import (
    CODEC_VARIABLE,
    choose_codec,
    codec_name,
    new_codec,
    serialize_group_message,
    serialize_message,
)
from openmimc.wire.framing import Framing, Role

NO_NATIVE = (
    # Not there at all, or nothing but the folder with its sources.
    "import sys; sys.modules['openmimc.wire._native'] = None\n",
    "import sys, types; sys.modules['openmimc.wire._native'] = types.ModuleType('folder')\n",
)
NAME = "from openmimc.wire.codec import codec_name; print(codec_name())"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = codec_name()
    yield
    choose_codec(before)


def run(code: str, wanted: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != CODEC_VARIABLE}
    if wanted is not None:
        environment[CODEC_VARIABLE] = wanted
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("wanted", "serves"),
    [(None, "native"), ("", "native"), ("auto", "native"), ("native", "native"), ("python", "python")],
)
def test_the_environment_says_which_codec_serves(wanted: str | None, serves: str) -> None:
    assert run(NAME, wanted).stdout.strip() == serves


@pytest.mark.parametrize("no_native", NO_NATIVE)
def test_without_the_native_codec_python_serves(no_native: str) -> None:
    assert run(no_native + NAME, None).stdout.strip() == "python"


@pytest.mark.parametrize("no_native", NO_NATIVE)
def test_the_native_codec_is_not_replaced_where_it_was_asked_for(no_native: str) -> None:
    result = run(no_native + NAME, "native")

    assert result.returncode == 1
    assert "the native codec was not built" in result.stderr


def test_a_codec_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'rust'"):
        choose_codec("rust")


@pytest.mark.parametrize("wanted", ["native", "python"])
def test_connections_from_here_on_have_the_codec_chosen(wanted: str) -> None:
    choose_codec(wanted)

    assert type(new_codec(Role.SERVER, Framing.TCP, 1000)).__name__ == f"{wanted.title()}Codec"
    assert codec_name() == wanted


def test_stored_messages_are_written_by_the_codec_chosen() -> None:
    message = Message(
        Sequence(1),
        Kind.P2P,
        Sender(AppId(1), UserId(2), "a", "r"),
        UserId(3),
        "b",
        TopicId(0),
        "p",
        b"x",
        None,
        True,
    )
    written = []

    for name in ("native", "python"):
        choose_codec(name)
        written.append((serialize_message(message, "com.example"), serialize_group_message(message)))

    assert written[0] == written[1]
