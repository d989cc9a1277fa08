"""The two codecs side by side: whatever is done to one is done to the other, and must come to the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from openmimc.wire._native import NativeCodec
from openmimc.wire.codec_python import PythonCodec
from openmimc.wire.framing import Framing, Role
from openmimc.wire.identity import Identity

Outcome = tuple[str, object]

MAX_BODY_BYTES = 4096
"""Small, so that what is too big is cheap to make."""


def outcome_of(call: Callable[..., object], *args: Any, **keywords: Any) -> Outcome:
    """What a call came to, in a form that tells 1 from True: its result, or its error's class and text."""
    try:
        result = call(*args, **keywords)
    except Exception as error:  # Any: the twins agree on our own mistakes, too.
        return type(error).__name__, str(error)
    return repr(result), result


class Twins:
    """One codec of each kind. Every method asserts that both do the same, and returns what they did."""

    def __init__(
        self,
        role: Role,
        framing: Framing,
        *,
        body_key: bytes | None = None,
        identity: Identity | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self.native = NativeCodec(role, framing, max_body_bytes)
        self.python = PythonCodec(role, framing, max_body_bytes)
        for codec in (self.native, self.python):
            if body_key is not None:
                codec.set_body_key(body_key)
            codec.set_identity(identity)

    def do(self, method: str, *args: Any, **keywords: Any) -> Outcome:
        """Call a method of both."""
        native = outcome_of(getattr(self.native, method), *args, **keywords)
        python = outcome_of(getattr(self.python, method), *args, **keywords)
        assert native == python
        return native

    def read(self, chunks: Iterable[bytes]) -> list[Outcome]:
        """Feed chunks, reading after each all that is there; goes on after errors, as no connection does."""
        outcomes = []
        for chunk in chunks:
            self.do("feed", chunk)
            outcomes += self._read_all()
        return outcomes

    def _read_all(self) -> list[Outcome]:
        outcomes: list[Outcome] = []
        # The same error twice means that the stream is stuck: both then stay where they are.
        while len(outcomes) < 2 or outcomes[-1] != outcomes[-2]:
            outcomes.append(self.do("next_packet"))
            if outcomes[-1] == ("None", None):
                break
        return outcomes
