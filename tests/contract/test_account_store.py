"""``AccountStore``."""

from __future__ import annotations

import asyncio

import pytest

from openmimc.domain.ports import Store
from openmimc.model.app import Account
from openmimc.model.ids import UserId
from tests.contract.drafts import APP, OTHER_APP, app, sweep_round
from tests.fakes.clock import DAY_MS, FakeClock


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


# ------------------------------------------------------------------ search


async def names_of(store: Store, prefix: str = "", *, after: str = "", limit: int = 100) -> list[str]:
    return [account.name for account in await store.search_accounts(APP, prefix, after=after, limit=limit)]


async def test_a_search_gives_accounts_as_they_are(store: Store) -> None:
    alice, _ = await store.ensure_accounts(APP, ("alice", "bob"))
    banned = await store.change_account(alice.user_id, is_banned=True, revoke_tokens=True)

    assert await store.search_accounts(APP, "al", after="", limit=5) == (banned,)


async def test_names_are_ordered_by_their_bytes(store: Store) -> None:
    names = ("b", "B", "a", "\u00e9", "\uff5e", "\U0001f600", "z", "10", "9", " ", "a b", "ab")
    await store.ensure_accounts(APP, names)

    assert await names_of(store) == sorted(names, key=str.encode)


async def test_a_search_finds_names_that_begin_with_its_text_alone(store: Store) -> None:
    await store.ensure_accounts(APP, ("anna", "ann", "Ann", "an", "ao", "joann", "a%", "a_"))

    assert await names_of(store, "ann") == ["ann", "anna"]
    assert await names_of(store, "a%") == ["a%"]
    assert await names_of(store, "a_") == ["a_"]
    assert await names_of(store, "anne") == []


@pytest.mark.parametrize(
    "prefix", ["\ud7ff", "x\ud7ff", "\U0010ffff", "x\U0010ffff", "\U0010ffff\U0010ffff", "\ue000", "x"]
)
async def test_the_ends_of_the_alphabet_are_no_ends_of_a_search(store: Store, prefix: str) -> None:
    beginning = (prefix, prefix + "a", prefix + "\U0010ffff")
    others = ("a", "y", "\ue001", "y\U0010ffff")
    await store.ensure_accounts(APP, (*others, *beginning))

    assert await names_of(store, prefix) == list(beginning)


async def test_a_search_goes_on_behind_a_name(store: Store) -> None:
    await store.ensure_accounts(APP, ("aa", "ab", "ac", "ad", "b"))

    assert await names_of(store, "a", limit=2) == ["aa", "ab"]
    assert await names_of(store, "a", after="ab", limit=2) == ["ac", "ad"]
    assert await names_of(store, "a", after="ad", limit=2) == []
    assert await names_of(store, "a", after="A", limit=1) == ["aa"]
    assert await names_of(store, after="aa\x00", limit=1) == ["ab"]


async def test_a_search_sees_no_other_apps_accounts(store: Store) -> None:
    await store.ensure_accounts(OTHER_APP, ("alice",))

    assert await names_of(store) == []


# ------------------------------------------------------------------ bans and revocations that others hear of


async def test_bans_and_revocations_are_told_in_their_order(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    start, _ = await store.revoked_since(-1)

    await store.change_account(bob.user_id, is_banned=True)
    await store.change_account(alice.user_id, revoke_tokens=True)
    middle, first = await store.revoked_since(start)
    await store.change_account(carol.user_id, is_banned=True, revoke_tokens=True)
    await store.change_account(bob.user_id, is_banned=True)
    end, second = await store.revoked_since(middle)

    assert first == (bob.user_id, alice.user_id)
    assert second == (carol.user_id, bob.user_id)
    assert await store.revoked_since(end) == (end, ())
    assert await store.revoked_since(start) == (end, first + second)


async def test_what_voids_no_token_is_not_told(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await store.change_account(alice.user_id, is_banned=True)
    start, _ = await store.revoked_since(-1)

    await store.change_account(alice.user_id, is_banned=False)
    await store.change_account(alice.user_id)
    await store.change_account(UserId(1), is_banned=True, revoke_tokens=True)

    assert await store.revoked_since(start) == (start, ())


async def test_after_a_day_what_was_told_is_forgotten_but_no_number_comes_twice(
    store: Store, clock: FakeClock
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.save_app(app())
    await store.change_account(alice.user_id, is_banned=True)
    before, told = await store.revoked_since(0)
    clock.advance(DAY_MS + 1)
    await sweep_round(store)
    forgotten = await store.revoked_since(0)

    await store.change_account(bob.user_id, is_banned=True)

    assert told == (alice.user_id,)
    assert forgotten == (before, ())
    assert (await store.revoked_since(before))[1] == (bob.user_id,)


async def test_asking_for_the_present_number_tells_of_nobody(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    before = await store.revoked_since(-1)
    await store.change_account(alice.user_id, is_banned=True)

    number, user_ids = await store.revoked_since(-1)

    assert before[1] == user_ids == ()
    assert number > before[0]
