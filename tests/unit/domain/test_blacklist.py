"""Blacklists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from openmimc.domain.auth import Principal
from openmimc.errors import BadRequest, DomainError, Forbidden, MissingField, SenderBlocked, TooBig
from openmimc.model.app import AppSettings
from tests.contract.drafts import append, append_one, p2p, p2t
from tests.unit.domain.talk import Talk, make_app

Call = Callable[[Principal, str], Awaitable[object]]


@pytest.fixture
async def talk() -> Talk:
    return Talk()


def calls(talk: Talk) -> tuple[Call, Call, Call]:
    return talk.blacklist.block, talk.blacklist.unblock, talk.blacklist.is_blocked


async def test_who_is_blocked_can_not_write_while_the_other_still_can(talk: Talk) -> None:
    alice, bob = await talk.user("alice"), await talk.user("bob")

    await talk.blacklist.block(alice, "bob")
    (outcome,) = await append(talk.store, p2p(bob.account, "alice", "1"))
    await append_one(talk.store, p2p(alice.account, "bob", "2"))

    assert isinstance(outcome, SenderBlocked)
    assert await talk.blacklist.is_blocked(alice, "bob")
    assert not await talk.blacklist.is_blocked(bob, "alice")


async def test_topics_are_not_concerned(talk: Talk) -> None:
    topic_id = await talk.topic("alice", "bob")
    alice, bob = await talk.user("alice"), await talk.user("bob")
    await talk.blacklist.block(alice, "bob")

    commit = await append_one(talk.store, p2t(bob.account, topic_id, "1"))

    assert [user_id for user_id, _ in commit.recipients] == [alice.account.user_id]


async def test_blocking_twice_is_blocking_once(talk: Talk) -> None:
    alice = await talk.user("alice")
    await talk.blacklist.block(alice, "bob")
    await talk.blacklist.block(alice, "bob")

    await talk.blacklist.unblock(alice, "bob")

    assert not await talk.blacklist.is_blocked(alice, "bob")
    assert await talk.say("bob", "alice")


async def test_who_has_never_been_seen_can_be_blocked_beforehand(talk: Talk) -> None:
    alice = await talk.user("alice")

    await talk.blacklist.block(alice, "bob")
    bob = await talk.user("bob")

    assert isinstance((await append(talk.store, p2p(bob.account, "alice", "1")))[0], SenderBlocked)


async def test_asking_and_unblocking_create_nobody(talk: Talk) -> None:
    alice = await talk.user("alice")

    await talk.blacklist.unblock(alice, "nobody")

    assert not await talk.blacklist.is_blocked(alice, "nobody")
    assert not await talk.exists("nobody")


async def test_nobody_blocks_themselves(talk: Talk) -> None:
    alice = await talk.user("alice")

    with pytest.raises(BadRequest):
        await talk.blacklist.block(alice, "alice")

    await talk.blacklist.unblock(alice, "alice")
    assert not await talk.blacklist.is_blocked(alice, "alice")
    assert await talk.say("alice", "alice")


async def test_a_namesake_in_another_app_is_somebody_else(talk: Talk) -> None:
    await talk.blacklist.block(await talk.user("alice"), "bob")
    stranger = await talk.user("alice", talk.other_app)

    assert not await talk.blacklist.is_blocked(stranger, "bob")


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize(("name", "refusal"), [("", MissingField), ("b" * 257, TooBig), ("\0", BadRequest)])
async def test_whom_is_meant_must_be_a_name(
    talk: Talk, number: int, name: str, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        await calls(talk)[number](await talk.user("alice"), name)


async def test_an_app_may_have_no_blacklists() -> None:
    talk = Talk(AppSettings(enableBlacklist=False))

    with pytest.raises(Forbidden, match="enableBlacklist"):
        await talk.blacklist.block(await talk.user("alice"), "bob")

    assert not await talk.exists("bob")


async def test_what_was_blocked_can_be_undone_when_the_app_has_no_blacklists_any_more(talk: Talk) -> None:
    """Nobody is left with a block that they can not take back."""
    await talk.blacklist.block(await talk.user("alice"), "bob")
    alice = await talk.user("alice", make_app(1, AppSettings(enableBlacklist=False)))

    assert await talk.blacklist.is_blocked(alice, "bob")
    await talk.blacklist.unblock(alice, "bob")
    assert not await talk.blacklist.is_blocked(alice, "bob")
    assert await talk.say("bob", "alice")
