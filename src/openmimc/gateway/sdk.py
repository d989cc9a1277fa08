"""Which SDK is at the other end, by what its first packet says.

Source: protocol reference, 2.5.
"""

from __future__ import annotations

from enum import StrEnum

from openmimc.wire.events import Conn

PYTHON_SDK_OS = "openmimc-python"
"""What our own SDK for Python says of itself."""

JAVASCRIPT_SDK_OS = "openmimc-js"
"""What our own SDK for JavaScript says of itself; in the rest it greets as WebJS does."""

_CPP_UDID_CHARS = 10


class Sdk(StrEnum):
    """An SDK family. Values are labels of the metrics."""

    WEBJS = "webjs"
    GO = "go"
    CSHARP = "csharp"
    CPP = "cpp"
    JAVA = "java"
    PYTHON = "python"
    JAVASCRIPT = "javascript"
    OTHER = "other"


KNOW_OVERFLOW = frozenset({Sdk.WEBJS, Sdk.JAVA, Sdk.CPP, Sdk.PYTHON, Sdk.JAVASCRIPT})
"""Those that ask the app what to do when too many messages wait. Go acknowledges unasked, and so loses them; C#
does not react. Of WebJS only 1.0.3 belongs here, see ``overflow.Probe``. Source: protocol reference, 6.6.
"""


def recognise(conn: Conn) -> Sdk:
    """Name the SDK that sent this packet."""
    if conn.os == PYTHON_SDK_OS:
        return Sdk.PYTHON
    if conn.os == JAVASCRIPT_SDK_OS:
        return Sdk.JAVASCRIPT
    if conn.udid == "websocket":
        return Sdk.WEBJS
    if conn.os == "macOS" and conn.sdk is None:
        return Sdk.CSHARP
    if conn.os == "macOs":
        return Sdk.GO
    if conn.os == "" and conn.sdk == 33:
        return Sdk.CPP if len(conn.udid) == _CPP_UDID_CHARS else Sdk.JAVA
    return Sdk.OTHER
