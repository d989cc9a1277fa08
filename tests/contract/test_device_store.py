"""``DeviceStore``: devices and cursors."""

from __future__ import annotations

import asyncio

from openmimc.domain.ports import Store
from openmimc.model.ids import Position
from tests.contract.drafts import APP, append, p2p


async def test_the_first_device_starts_at_zero(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    assert await store.open_device(alice.user_id, "phone") == 0


async def test_a_cursor_moves_forward_only(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await store.open_device(alice.user_id, "phone")

    store.move_cursor(alice.user_id, "phone", Position(17_000_000_000_000_005))
    store.move_cursor(alice.user_id, "phone", Position(17_000_000_000_000_003))
    together = await store.open_device(alice.user_id, "phone")
    store.move_cursor(alice.user_id, "phone", Position(17_000_000_000_000_004))
    apart = await store.open_device(alice.user_id, "phone")

    assert together == apart == 17_000_000_000_000_005


async def test_a_new_device_starts_where_the_most_advanced_one_stands(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    for resource, position in (("phone", 7), ("tablet", 9), ("watch", 8)):
        await store.open_device(alice.user_id, resource)
        store.move_cursor(alice.user_id, resource, Position(position))

    assert await store.open_device(alice.user_id, "laptop") == 9
    assert await store.open_device(alice.user_id, "phone") == 7


async def test_devices_of_other_users_do_not_count(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "phone")
    store.move_cursor(alice.user_id, "phone", Position(7))

    assert await store.open_device(bob.user_id, "phone") == 0


async def test_moving_an_unknown_devices_cursor_does_not_make_it_known(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))

    store.move_cursor(alice.user_id, "ghost", Position(7))
    position = await store.open_device(alice.user_id, "phone")
    (outcome,) = await append(store, p2p(alice, bob.name, "a-1", resource="phone"))

    assert position == 0
    assert [user_id for user_id, _ in outcome.recipients] == [bob.user_id]  # type: ignore[union-attr]  # A commit.


async def test_a_move_counts_for_what_is_called_after_it(store: Store) -> None:
    """Nothing is awaited between the calls."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    await store.open_device(alice.user_id, "phone")

    before = asyncio.ensure_future(store.open_device(alice.user_id, "phone"))
    await asyncio.sleep(0)
    store.move_cursor(alice.user_id, "phone", Position(7))
    after = asyncio.ensure_future(store.open_device(alice.user_id, "tablet"))

    assert (await before, await after) == (0, 7)
