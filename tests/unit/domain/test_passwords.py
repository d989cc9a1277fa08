from __future__ import annotations

import asyncio
import threading

import pytest

from openmimc.domain.passwords import (
    HASHING_AT_ONCE,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_CHARACTERS,
    WAITING_MAX,
    Argon2,
    Passwords,
)
from openmimc.errors import BadPassword, TooManyAttempts

GOOD = "correct horse battery"


class SlowHasher:
    """A hasher whose work ends when the test says so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.most_at_once = 0
        self._working = 0
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self._working += 1
            self.most_at_once = max(self.most_at_once, self._working)
        self.go_on.wait(10)
        with self._lock:
            self._working -= 1
        return f"hash of {password}"

    def verify(self, stored: str, password: str) -> bool:
        return stored == f"hash of {password}"


async def test_a_password_is_right_and_any_other_is_not() -> None:
    passwords = Passwords(Argon2())
    stored = await passwords.hash(GOOD)

    assert await passwords.is_right(stored, GOOD)
    assert not await passwords.is_right(stored, GOOD + " ")
    assert not await passwords.is_right(stored, GOOD.upper())
    assert not await passwords.is_right(stored, "")


async def test_what_is_stored_is_argon2id_with_a_salt_of_its_own() -> None:
    passwords = Passwords(Argon2())

    stored = {await passwords.hash(GOOD), await passwords.hash(GOOD)}

    assert len(stored) == 2
    assert all(text.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for text in stored)
    assert all(GOOD not in text for text in stored)


async def test_letters_typed_in_two_ways_are_the_same_password() -> None:
    passwords = Passwords(Argon2())

    stored = await passwords.hash("Zu\u0308richsee 2026")

    assert await passwords.is_right(stored, "Z\u00fcrichsee 2026")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * (PASSWORD_MIN_CHARACTERS - 1),
        "x" * (PASSWORD_MAX_CHARACTERS + 1),
        "half a pair: \ud83d",
    ],
)
async def test_what_can_be_no_password_is_refused(text: str) -> None:
    with pytest.raises(BadPassword):
        await Passwords(Argon2()).hash(text)


@pytest.mark.parametrize(
    "text", ["x" * PASSWORD_MIN_CHARACTERS, "x" * PASSWORD_MAX_CHARACTERS, "密码密码密码密码密码", " " * 10]
)
async def test_length_alone_makes_a_password(text: str) -> None:
    passwords = Passwords(Argon2())

    assert await passwords.is_right(await passwords.hash(text), text)


async def test_a_password_that_can_be_none_is_simply_wrong() -> None:
    passwords = Passwords(Argon2())

    assert not await passwords.is_right(await passwords.hash(GOOD), "half a pair: \ud83d")


async def test_few_are_hashed_at_once_and_an_endless_queue_is_turned_away() -> None:
    hasher = SlowHasher()
    passwords = Passwords(hasher)
    tasks = [asyncio.create_task(passwords.hash(GOOD)) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)

    with pytest.raises(TooManyAttempts) as refused:
        await passwords.hash(GOOD)
    hasher.go_on.set()
    hashes = await asyncio.gather(*tasks)

    assert refused.value.retry_after_s > 0
    assert set(hashes) == {f"hash of {GOOD}"}
    assert hasher.most_at_once == HASHING_AT_ONCE
    assert await passwords.hash(GOOD)  # The queue is empty again.
