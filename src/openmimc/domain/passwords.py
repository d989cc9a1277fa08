"""Passwords of operators: what may be one, and what is stored of it."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

import argon2

from openmimc.errors import BadPassword, TooManyAttempts

PASSWORD_MIN_CHARACTERS = 10
PASSWORD_MAX_CHARACTERS = 1000
HASHING_AT_ONCE = 2
"""Each takes 64 MiB and some 50 ms of up to four cores."""
WAITING_MAX = 32
"""Who would wait behind so many is sent away: that is an attack, not a team of operators."""

BUSY_S = 2

P = ParamSpec("P")
T = TypeVar("T")


class Hasher(Protocol):
    """A slow, salted password hash. May be asked from any thread."""

    def hash(self, password: str) -> str:
        """What to store: the hash, with its salt and parameters."""

    def verify(self, stored: str, password: str) -> bool:
        """Whether this is the password; takes as long when it is not."""


class Argon2:
    """Argon2id.

    Args:
        parameters: How much work and memory a hash takes. RFC 9106's choice for machines with little memory.
    """

    def __init__(self, parameters: argon2.Parameters = argon2.profiles.RFC_9106_LOW_MEMORY) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)

    def hash(self, password: str) -> str:
        """See ``Hasher.hash``."""
        return self._hasher.hash(password)

    def verify(self, stored: str, password: str) -> bool:
        """See ``Hasher.verify``."""
        try:
            return self._hasher.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False


class Passwords:
    """Hashes and checks passwords beside the event loop, few at a time."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher
        self._slots = asyncio.Semaphore(HASHING_AT_ONCE)
        self._waiting = 0
        self._decoy = ""

    async def hash(self, password: str) -> str:
        """What to store of a new password.

        Raises:
            BadPassword: It is too short, too long, or no text.
            TooManyAttempts: Too many passwords are being looked at.
        """
        check_password(password)
        return await self._slowly(self._hasher.hash, normalized(password))

    async def is_right(self, stored: str | None, password: str) -> bool:
        """Whether a password is the one stored.

        Args:
            stored: None where there is none to compare with: then it is not, after as much work.
            password: Any text.

        Raises:
            TooManyAttempts: Too many passwords are being looked at.
        """
        if not self._decoy:
            # Whoever comes first pays for it, with a name that exists or without.
            self._decoy = await self._slowly(self._hasher.hash, "nobody's password")
        # Texts that can be no password are replaced by one that can, which is the wrong one.
        tried = normalized(password) if _is_text(password) else ""
        is_equal = await self._slowly(self._hasher.verify, stored or self._decoy, tried)
        return is_equal and stored is not None

    async def _slowly(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= WAITING_MAX:
            raise TooManyAttempts(BUSY_S)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work, *args, **kwargs)
        finally:
            self._waiting -= 1


def check_password(password: str) -> None:
    """Check that a text may become a password.

    Only its length is looked at: long passwords resist guessing, rules about signs and digits make people
    choose predictable ones.

    Raises:
        BadPassword: It is too short, too long, or no text.
    """
    if not (_is_text(password) and PASSWORD_MIN_CHARACTERS <= len(password) <= PASSWORD_MAX_CHARACTERS):
        raise BadPassword


def normalized(text: str) -> str:
    """The text in Unicode's form C: keyboards type one accented letter in several ways."""
    return unicodedata.normalize("NFC", text)


def _is_text(password: str) -> bool:
    # Halves of surrogate pairs, from a terminal with another encoding, have no bytes to hash.
    return not any("\ud800" <= character <= "\udfff" for character in password)
