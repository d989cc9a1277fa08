"""``OperatorStore``."""

from __future__ import annotations

import asyncio

from openmimc.domain.ports import Store
from openmimc.model.operator import Operator, OperatorSession

ANN = Operator("ann", "$argon2id$ann", 1_000)
BEN = Operator("ben", "$argon2id$ben", 2_000)
ABE = Operator("abe", "$argon2id$abe", 3_000)


def session_of(
    operator: Operator, number: int, *, created_ms: int = 5_000, expires_ms: int = 9_000
) -> OperatorSession:
    return OperatorSession(bytes([number]) * 32, operator.name, created_ms, expires_ms)


async def test_an_operator_comes_back_as_saved(store: Store) -> None:
    await store.save_operator(ANN)

    assert await store.find_operator("ann") == ANN
    assert await store.find_operator("Ann") is None


async def test_operators_are_listed_oldest_first(store: Store) -> None:
    for operator in (ABE, BEN, ANN):
        await store.save_operator(operator)

    assert await store.list_operators() == (ANN, BEN, ABE)


async def test_only_one_operator_is_the_first(store: Store) -> None:
    outcomes = await asyncio.gather(*[store.create_first_operator(operator) for operator in (ANN, BEN, ABE)])

    assert outcomes == [True, False, False]
    assert await store.list_operators() == (ANN,)


async def test_after_the_last_one_is_removed_there_is_a_first_again(store: Store) -> None:
    await store.create_first_operator(ANN)
    await store.delete_operator("ann")

    assert await store.create_first_operator(BEN)
    assert await store.list_operators() == (BEN,)


async def test_replacing_an_operator_ends_their_sessions_alone(store: Store) -> None:
    await store.save_operator(ANN)
    await store.save_operator(BEN)
    for session in (session_of(ANN, 1), session_of(ANN, 2), session_of(BEN, 3)):
        await store.save_operator_session(session)
    changed = Operator("ann", "$argon2id$other", 1_000)

    await store.save_operator(changed)

    assert await store.list_operators() == (changed, BEN)
    assert await store.find_operator_session(bytes([1]) * 32) is None
    assert await store.find_operator_session(bytes([2]) * 32) is None
    assert await store.find_operator_session(bytes([3]) * 32) == session_of(BEN, 3)


async def test_removing_an_operator_ends_their_sessions_and_says_whether_there_was_one(store: Store) -> None:
    await store.save_operator(ANN)
    await store.save_operator(BEN)
    await store.save_operator_session(session_of(ANN, 1))
    await store.save_operator_session(session_of(BEN, 2))

    was_there = [await store.delete_operator("ann"), await store.delete_operator("ann")]

    assert was_there == [True, False]
    assert await store.list_operators() == (BEN,)
    assert await store.find_operator_session(bytes([1]) * 32) is None
    assert await store.find_operator_session(bytes([2]) * 32) is not None


async def test_a_session_is_found_until_a_later_login_finds_it_expired(store: Store) -> None:
    """Whether it has expired is the caller's to judge."""
    await store.save_operator_session(session_of(ANN, 1, created_ms=1_000, expires_ms=4_000))
    await store.save_operator_session(session_of(ANN, 2, created_ms=3_999, expires_ms=8_000))
    before = await store.find_operator_session(bytes([1]) * 32)

    await store.save_operator_session(session_of(BEN, 3, created_ms=4_000, expires_ms=9_000))

    assert before == session_of(ANN, 1, created_ms=1_000, expires_ms=4_000)
    assert await store.find_operator_session(bytes([1]) * 32) is None
    assert await store.find_operator_session(bytes([2]) * 32) is not None


async def test_one_session_is_ended(store: Store) -> None:
    await store.save_operator_session(session_of(ANN, 1))
    await store.save_operator_session(session_of(ANN, 2))

    await store.delete_operator_sessions(token_hash=bytes([1]) * 32)

    assert await store.find_operator_session(bytes([1]) * 32) is None
    assert await store.find_operator_session(bytes([2]) * 32) is not None


async def test_all_sessions_of_an_operator_are_ended(store: Store) -> None:
    await store.save_operator_session(session_of(ANN, 1))
    await store.save_operator_session(session_of(ANN, 2))
    await store.save_operator_session(session_of(BEN, 3))

    await store.delete_operator_sessions(operator="ann")

    assert await store.find_operator_session(bytes([1]) * 32) is None
    assert await store.find_operator_session(bytes([2]) * 32) is None
    assert await store.find_operator_session(bytes([3]) * 32) is not None


async def test_ending_neither_one_nor_anybodys_ends_nothing(store: Store) -> None:
    await store.save_operator_session(session_of(ANN, 1))

    await store.delete_operator_sessions()

    assert await store.find_operator_session(bytes([1]) * 32) is not None
