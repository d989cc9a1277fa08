"""``AccountStore``."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.ports import Store
from openmimc.model.app import Account
from openmimc.model.ids import UserId
from tests.contract.drafts import APP, OTHER_APP


async def test_looking_up_creates_nothing(store: Store) -> None:
    assert await store.find_account(APP, "alice") is None
    assert await store.find_account(APP, "alice") is None


async def test_accounts_are_created_once_and_returned_in_order(store: Store) -> None:
    (bob,) = await store.ensure_accounts(APP, ("bob",))

    alice, again, carol, alice_again = await store.ensure_accounts(APP, ("alice", "bob", "carol", "alice"))

    assert again == bob
    assert alice == alice_again == Account(APP, alice.user_id, "alice")
    assert len({alice.user_id, bob.user_id, carol.user_id}) == 3
    assert await store.find_account(APP, "carol") == carol
    assert all(0 < account.user_id < 2**53 for account in (alice, bob, carol))


async def test_no_names_are_no_accounts(store: Store) -> None:
    assert await store.ensure_accounts(APP, ()) == ()


async def test_accounts_of_different_apps_are_different(store: Store) -> None:
    (here,) = await store.ensure_accounts(APP, ("alice",))
    (there,) = await store.ensure_accounts(OTHER_APP, ("alice",))

    assert here.user_id != there.user_id


@pytest.mark.parametrize(
    "name", ["ALICE", "alice ", "\N{SNOWMAN}\"'", "e\u0301", "\u00e9", "0", "0.0", "x" * 256]
)
async def test_names_are_told_apart_to_the_last_byte(store: Store, name: str) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    (other,) = await store.ensure_accounts(APP, (name,))

    assert other.name == name
    assert other.user_id != alice.user_id
    assert await store.find_account(APP, name) == other


async def test_creating_at_the_same_time_gives_the_same_account(store: Store) -> None:
    results = await asyncio.gather(*[store.ensure_accounts(APP, ("alice", "bob")) for _ in range(10)])

    assert len(set(results)) == 1


async def test_a_thousand_accounts_at_once(store: Store) -> None:
    names = tuple(f"user-{number}" for number in range(1_300))

    accounts = await store.ensure_accounts(APP, names)

    assert tuple(account.name for account in accounts) == names
    assert len({account.user_id for account in accounts}) == len(names)


async def test_bans_and_token_generations_change_apart(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    banned = await store.change_account(alice.user_id, is_banned=True)
    revoked = await store.change_account(alice.user_id, revoke_tokens=True)
    unbanned = await store.change_account(alice.user_id, is_banned=False, revoke_tokens=True)

    assert banned == Account(APP, alice.user_id, "alice", token_generation=0, is_banned=True)
    assert revoked == Account(APP, alice.user_id, "alice", token_generation=1, is_banned=True)
    assert unbanned == Account(APP, alice.user_id, "alice", token_generation=2, is_banned=False)
    assert await store.find_account(APP, "alice") == unbanned
    assert await store.ensure_accounts(APP, ("alice",)) == (unbanned,)


async def test_changing_an_account_that_does_not_exist_changes_nothing(store: Store) -> None:
    assert await store.change_account(UserId(1), is_banned=True) is None
