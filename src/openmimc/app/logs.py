"""Logs: events with keys and values on stderr, for people on a terminal and as JSON lines elsewhere.

The rooms log through structlog, libraries through ``logging``; both end in one handler. No room logs payloads,
tokens or keys; the redaction here is the second line of defence.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_WORDS = frozenset({"token", "secret", "key", "payload", "password"})
"""Words that, in a field's name, mark its value as nobody's business."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_STRUCTLOG_FIELDS = {"_record", "_from_structlog"}


def configure_logs(
    *,
    log_format: Literal["auto", "human", "json"],
    level: Literal["debug", "info", "warning", "error"],
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged in this process to ``stream``, standard error when None."""
    stream = stream or sys.stderr
    is_human = log_format == "human" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(is_human, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Of libraries only what is wrong: their notes are noise beside ours, and at "debug" some show what they
    # carry.
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    logging.getLogger("openmimc").setLevel(level.upper())


def _renderers(is_human: bool, stream: TextIO) -> list[Processor]:
    # Neither form of a traceback may show local variables: they hold tokens and payloads.
    if is_human:
        tracebacks = structlog.dev.RichTracebackFormatter(show_locals=False)
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=tracebacks)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=_name_of)]


def _name_of(value: object) -> str:
    """What JSON shows of values it has no form for: of our own the type alone, for they hold secrets."""
    return str(value) if isinstance(value, Path | BaseException) else f"<{type(value).__name__}>"


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: hide the values of fields whose names speak of secrets, at any depth."""
    return {
        name: value if name in _STRUCTLOG_FIELDS else _redacted(name, value) for name, value in event.items()
    }


def _redacted(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _redacted(str(key), inner) for key, inner in value.items()}
    if any(word.lower() in SECRET_WORDS for word in _WORD.findall(name)):
        return "[redacted]"
    return value
