from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from openmimc.app.logs import configure_logs, redact

HIDDEN = "hush-hush"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_elsewhere_than_on_a_terminal_each_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    configure_logs(log_format="auto", level="info", stream=stream)

    structlog.get_logger("openmimc.test").info("bind_refused", peer="127.0.0.1:1", user_id=2**53)

    (line,) = lines_of(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "bind_refused", "level": "info", "peer": "127.0.0.1:1", "user_id": 2**53}


def test_on_a_terminal_events_are_for_people() -> None:
    stream = Terminal()
    configure_logs(log_format="auto", level="info", stream=stream)

    structlog.get_logger("openmimc.test").info("ready", tcp="127.0.0.1:1")

    assert "\x1b[" in stream.getvalue()
    assert "ready" in stream.getvalue()


def test_the_form_can_be_chosen() -> None:
    human, machine = io.StringIO(), Terminal()
    configure_logs(log_format="human", level="info", stream=human)
    structlog.get_logger("openmimc.test").info("ready")
    configure_logs(log_format="json", level="info", stream=machine)
    structlog.get_logger("openmimc.test").info("ready")

    assert "{" not in human.getvalue()
    assert "\x1b[" not in human.getvalue()
    assert lines_of(machine)[0]["event"] == "ready"


def test_less_severe_events_are_left_out() -> None:
    stream = io.StringIO()
    configure_logs(log_format="json", level="warning", stream=stream)

    structlog.get_logger("openmimc.test").info("quiet")
    logging.getLogger("some.library").info("quiet")
    structlog.get_logger("openmimc.test").warning("loud")
    logging.getLogger("some.library").warning("loud too")

    assert [line["event"] for line in lines_of(stream)] == ["loud", "loud too"]


def test_what_libraries_log_comes_the_same_way() -> None:
    stream = io.StringIO()
    configure_logs(log_format="json", level="info", stream=stream)

    logging.getLogger("uvicorn.error").warning("Invalid %s request", "HTTP")

    (line,) = lines_of(stream)
    assert (line["event"], line["level"], line["logger"]) == (
        "Invalid HTTP request",
        "warning",
        "uvicorn.error",
    )


def test_what_libraries_say_when_nothing_is_wrong_is_left_out_at_any_level() -> None:
    stream = io.StringIO()
    configure_logs(log_format="json", level="debug", stream=stream)

    logging.getLogger("websockets.server").debug("< BINARY %s", HIDDEN)
    logging.getLogger("uvicorn.error").info("Started")
    structlog.get_logger("openmimc.test").debug("shown")

    assert [line["event"] for line in lines_of(stream)] == ["shown"]


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_tracebacks_show_no_local_variables(log_format: Any) -> None:
    stream = io.StringIO()
    configure_logs(log_format=log_format, level="info", stream=stream)

    def fail() -> None:
        handed_over = HIDDEN + "!"
        raise ValueError(len(handed_over))

    try:
        fail()
    except ValueError:
        structlog.get_logger("openmimc.test").exception("failed")
        logging.getLogger("asyncio").exception("failed too")

    assert stream.getvalue().count("ValueError") >= 2
    assert HIDDEN + "!" not in stream.getvalue().replace('HIDDEN + "!"', "")


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "app_secret",
        "appSecret",
        "server_key",
        "security_key",
        "Payload",
        "password",
        "KEY",
        "authToken",
    ],
)
def test_fields_that_speak_of_secrets_are_hidden(name: str) -> None:
    event = redact(None, "info", {"event": "x", name: HIDDEN, "request": {"headers": {name: HIDDEN}}})

    assert HIDDEN not in repr(event)
    assert event[name] == "[redacted]"


@pytest.mark.parametrize("name", ["monkey", "tokenizer", "user_id", "keyboard", "reason"])
def test_other_fields_are_shown(name: str) -> None:
    assert redact(None, "info", {"event": "x", name: 1})[name] == 1


def test_values_without_a_form_in_json_are_named_by_their_type() -> None:
    class Grant:
        def __repr__(self) -> str:
            return HIDDEN

    stream = io.StringIO()
    configure_logs(log_format="json", level="info", stream=stream)

    structlog.get_logger("openmimc.test").info("granted", grant=Grant(), error=ValueError("why"))

    (line,) = lines_of(stream)
    assert (line["grant"], line["error"]) == ("<Grant>", "why")
