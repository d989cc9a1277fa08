"""Operators: the people who run the server and use its console."""

from __future__ import annotations

from msgspec import Struct


class Operator(Struct, frozen=True):
    """One person who may use the console.

    Attributes:
        name: 1 to 64 characters; what they log in with.
        password_hash: As argon2 writes it, parameters included.
    """

    name: str
    password_hash: str
    created_ms: int


class OperatorSession(Struct, frozen=True):
    """One login of an operator in one browser.

    Attributes:
        token_hash: SHA-256 of the cookie's value, which is stored nowhere.
        operator: Their name.
        expires_ms: UTC epoch milliseconds; void from then on.
    """

    token_hash: bytes
    operator: str
    created_ms: int
    expires_ms: int
