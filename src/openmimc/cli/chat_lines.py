"""How the chat writes lines: messages by their meaning, and nothing that could command the terminal."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from rich.text import Text

from openmimc.client import formats

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def readable(payload: bytes) -> str:
    """Say what a payload is, for people: recommended messages by their meaning, everything else as text."""
    match formats.find_format(payload):
        case formats.Text(text=text):
            return text
        case formats.PictureFile(url=url):
            return f"[picture] {url}"
        case formats.AudioFile(url=url):
            return f"[audio] {url}"
        case formats.BinaryFile(url=url):
            return f"[file] {url}"
        case formats.Ping(account=account):
            return f"[ping from {account}]"
        case formats.Pong(account=account):
            return f"[pong from {account}]"
        case (
            formats.TextRecall(recalled_msg_id=msg_id)
            | formats.PictureFileRecall(recalled_msg_id=msg_id)
            | formats.AudioFileRecall(recalled_msg_id=msg_id)
            | formats.BinaryFileRecall(recalled_msg_id=msg_id)
        ):
            return f"[recalls {msg_id}]"
        case (
            formats.TextRead(read_msg_id=msg_id)
            | formats.PictureFileRead(read_msg_id=msg_id)
            | formats.AudioFileRead(read_msg_id=msg_id)
            | formats.BinaryFileRead(read_msg_id=msg_id)
        ):
            return f"[has read {msg_id}]"
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return f"[{len(payload)} bytes]"


def clean(text: str) -> str:
    """Text from elsewhere without the characters that command a terminal or turn lines around."""
    return "".join(
        "\ufffd" if unicodedata.category(char) == "Cc" and char != "\n" else char
        for char in text.expandtabs()
        if char not in _BIDI_CONTROLS
    )


def line_of(when: datetime, where: str, text: str, style: str) -> Text:
    """One message, with the time and who says it to whom."""
    body = clean(text).replace("\n", "\n       ")
    return Text.assemble((f"{when:%H:%M}  ", "dim"), (clean(where).replace("\n", " "), style), "  ", body)


def marked(line: Text, mark: str, remark: str, style: str) -> Text:
    """A sent line with what became of it."""
    return Text.assemble(line, "  ", (mark, style), (f" {clean(remark)}" if remark else "", "dim"))
