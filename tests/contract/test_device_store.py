"""``DeviceStore``: devices and cursors."""

from __future__ import annotations

import asyncio

from openmimc.domain.ports import Store
from openmimc.model.ids import Position
from openmimc.model.insight import Device
from tests.contract.drafts import APP, append, p2p
from tests.fakes.clock import FakeClock


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


async def test_devices_are_listed_with_the_one_seen_last_first(store: Store, clock: FakeClock) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(bob.user_id, "laptop")
    start_ms = clock.now_ms()
    for resource in ("watch", "phone", "tablet"):
        await store.open_device(alice.user_id, resource)
        clock.advance(1_000)
    store.move_cursor(alice.user_id, "phone", Position(7))

    await store.check_ready()  # Behind it, the move is on disk.
    devices = await store.devices_of(alice.user_id)
    clock.advance(1_000)
    store.move_cursor(alice.user_id, "tablet", Position(7))
    store.move_cursor(alice.user_id, "watch", Position(0))
    await store.check_ready()
    later = await store.devices_of(alice.user_id)

    assert devices == (
        Device("phone", Position(7), start_ms + 3_000),
        Device("tablet", Position(0), start_ms + 2_000),
        Device("watch", Position(0), start_ms),
    )
    assert later == (Device("tablet", Position(7), start_ms + 4_000), devices[0], devices[2])


async def test_devices_seen_at_the_same_time_are_listed_by_name(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    for resource in ("b", "a", "c"):
        await store.open_device(alice.user_id, resource)

    assert [device.resource for device in await store.devices_of(alice.user_id)] == ["a", "b", "c"]


async def test_whoever_never_logged_in_has_no_devices(store: Store) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    assert await store.devices_of(alice.user_id) == ()
