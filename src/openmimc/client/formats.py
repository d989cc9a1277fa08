"""The message formats that the operation manual recommends to apps, as typed values.

To the server every payload is opaque bytes; these formats let apps that follow the manual understand each
other. Each is a JSON object:

    {"version": 0, "msgId": "TEXT_12345", "msgType": "TEXT", "timestamp": "1516763973000", "payload": "Hello"}

Newer editions of the manual say ``type`` instead of ``msgType``. Decoding takes either, as it takes the
timestamp and the version as numbers or strings, and the payload of a recall or a read mark as an object or as
the JSON text of one. Encoding writes ``msgType`` and the timestamp as a string, as the examples have it, unless
told otherwise.

Source: operation manual, "Recommended Message Format"; protocol reference, 9.8.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, cast

import msgspec
from msgspec import Struct, field

from openmimc.client.errors import NotAFormat

TypeKey = Literal["msgType", "type"]
"""Which edition's name the kind of message is written under."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_msg_id() -> str:
    return secrets.token_hex(8)


class Format(Struct, frozen=True, kw_only=True):
    """What all formats have.

    Attributes:
        TYPE: Word under which the manual lists the format.
        msg_id: The app's own name of the message; recalls and read marks refer to it. A new one by default.
        timestamp_ms: The sender's time, UTC epoch milliseconds. Now by default.
        version: Of the format; the manual reserves it for later and writes 0.
    """

    TYPE: ClassVar[str] = ""

    msg_id: str = field(default_factory=_new_msg_id)
    timestamp_ms: int = field(default_factory=_now_ms)
    version: int = 0

    def encode(self, *, type_key: TypeKey = "msgType") -> bytes:
        """Make the payload to send."""
        return msgspec.json.encode(
            {
                "version": self.version,
                "msgId": self.msg_id,
                type_key: self.TYPE,
                "timestamp": str(self.timestamp_ms),
                "payload": self._payload(),
            }
        )

    def _payload(self) -> str | Mapping[str, str]:
        raise AssertionError("each format has its own")

    @classmethod
    def _from_payload(cls, payload: object, envelope: dict[str, Any]) -> Self:
        raise AssertionError("each format has its own")


class _Presence(Format, frozen=True):
    """A question or answer about being online.

    Attributes:
        account: Who asks, or answers.
    """

    account: str

    def _payload(self) -> str:
        return self.account

    @classmethod
    def _from_payload(cls, payload: object, envelope: dict[str, Any]) -> Self:
        return cls(_text(payload), **envelope)


class Ping(_Presence, frozen=True):
    """Are you there? To be answered with a ``Pong``."""

    TYPE = "PING"


class Pong(_Presence, frozen=True):
    """Here I am."""

    TYPE = "PONG"


class Text(Format, frozen=True):
    """Plain text."""

    TYPE = "TEXT"
    text: str

    def _payload(self) -> str:
        return self.text

    @classmethod
    def _from_payload(cls, payload: object, envelope: dict[str, Any]) -> Self:
        return cls(_text(payload), **envelope)


class _File(Format, frozen=True):
    """A file that was uploaded somewhere.

    Attributes:
        url: Where to download it. Comes from the sender: treat it with the care any link deserves.
    """

    url: str

    def _payload(self) -> str:
        return self.url

    @classmethod
    def _from_payload(cls, payload: object, envelope: dict[str, Any]) -> Self:
        return cls(_text(payload), **envelope)


class PictureFile(_File, frozen=True):
    """A picture."""

    TYPE = "PIC_FILE"


class AudioFile(_File, frozen=True):
    """A sound."""

    TYPE = "AUDIO_FILE"


class BinaryFile(_File, frozen=True):
    """Any other file."""

    TYPE = "BIN_FILE"


class _Recall(Format, frozen=True):
    """A wish to delete a message that was sent before.

    Attributes:
        recalled_msg_id: That message's ``msg_id``.
    """

    recalled_msg_id: str

    def _payload(self) -> Mapping[str, str]:
        return {"recall_msgId": self.recalled_msg_id}

    @classmethod
    def _from_payload(cls, payload: object, envelope: dict[str, Any]) -> Self:
        return cls(_member(payload, "recall_msgId"), **envelope)


class TextRecall(_Recall, frozen=True):
    """Recalls a ``Text``."""

    TYPE = "TEXT_RECALL"


class PictureFileRecall(_Recall, frozen=True):
    """Recalls a ``PictureFile``."""

    TYPE = "PIC_FILE_RECALL"


class AudioFileRecall(_Recall, frozen=True):
    """Recalls an ``AudioFile``."""

    TYPE = "AUDIO_FILE_RECALL"


class BinaryFileRecall(_Recall, frozen=True):
    """Recalls a ``BinaryFile``."""

    TYPE = "BIN_FILE_RECALL"


class _Read(Format, frozen=True):
    """A mark that a message was read.

    Attributes:
        read_msg_id: That message's ``msg_id``.
    """

    read_msg_id: str

    def _payload(self) -> Mapping[str, str]:
        return {"read_msgId": self.read_msg_id}

    @classmethod
    def _from_payload(cls, payload: object, envelope: dict[str, Any]) -> Self:
        return cls(_member(payload, "read_msgId"), **envelope)


class TextRead(_Read, frozen=True):
    """Marks a ``Text`` as read."""

    TYPE = "TEXT_READ"


class PictureFileRead(_Read, frozen=True):
    """Marks a ``PictureFile`` as seen."""

    TYPE = "PIC_FILE_READ"


class AudioFileRead(_Read, frozen=True):
    """Marks an ``AudioFile`` as heard."""

    TYPE = "AUDIO_FILE_READ"


class BinaryFileRead(_Read, frozen=True):
    """Marks a ``BinaryFile`` as opened."""

    TYPE = "BIN_FILE_READ"


FORMATS: Mapping[str, type[Format]] = {
    kind.TYPE: kind
    for kind in (
        Ping,
        Pong,
        Text,
        PictureFile,
        AudioFile,
        BinaryFile,
        TextRecall,
        PictureFileRecall,
        AudioFileRecall,
        BinaryFileRecall,
        TextRead,
        PictureFileRead,
        AudioFileRead,
        BinaryFileRead,
    )
}
"""All formats by the manual's word."""


class _Envelope(Struct):
    """The members that all formats share, before their kind is known."""

    msg_type: str | None = field(default=None, name="msgType")
    type: str | None = None
    msg_id: str = field(default="", name="msgId")
    timestamp: int = 0
    version: int = 0
    payload: Any = None


def decode(payload: bytes | str) -> Format:
    """Read a payload that is one of the recommended messages.

    An absent ``msgId`` is read as "", an absent timestamp or version as 0.

    Raises:
        NotAFormat: it is something else, which is nobody's fault: apps may send what they like. The text never
            repeats the payload.
    """
    try:
        envelope = msgspec.convert(msgspec.json.decode(payload), _Envelope, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAFormat(f"not a recommended message: {type(error).__name__}") from error
    kind = FORMATS.get(envelope.msg_type or envelope.type or "")
    if kind is None:
        raise NotAFormat("not a recommended message: no known msgType or type")
    return kind._from_payload(
        envelope.payload,
        {"msg_id": envelope.msg_id, "timestamp_ms": envelope.timestamp, "version": envelope.version},
    )


def find_format(payload: bytes | str) -> Format | None:
    """Read a payload if it is one of the recommended messages; else return None."""
    try:
        return decode(payload)
    except NotAFormat:
        return None


def _text(payload: object) -> str:
    if not isinstance(payload, str):
        raise NotAFormat(f"the payload is no text but {type(payload).__name__}")
    return payload


def _member(payload: object, name: str) -> str:
    if isinstance(payload, str):
        try:
            payload = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise NotAFormat("the payload is no JSON text") from error
    if not isinstance(payload, dict):
        raise NotAFormat(f"the payload is no object but {type(payload).__name__}")
    return _text(cast("dict[str, object]", payload).get(name))
