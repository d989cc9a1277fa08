"""The one shape of every answer under ``/api/``.

Shape: ``{"code": number, "message": string, "data": ...}``. Source: protocol reference, 9.1.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")

SUCCESS_CODE = 200
"""The SDKs compare with this number; some also want the message to be exactly ``success``."""


class Answer(Struct, Generic[T], frozen=True):
    """What a call came to.

    Attributes:
        code: 200, or the ``code`` of an error.
        message: For people.
        data: The result; None when there is none, and with every error.
    """

    code: int
    message: str
    data: T


def success(data: T, message: str = "success") -> Answer[T]:
    """The answer of a call that did what it was asked to."""
    return Answer(SUCCESS_CODE, message, data)
