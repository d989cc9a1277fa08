"""Looking at accounts, banning them, revoking their tokens."""

from __future__ import annotations

import pytest

from openmimc.domain.accounts import PAGE_MAX, Accounts
from openmimc.errors import BadRequest, NoSuchAccount, Unavailable
from openmimc.model.ids import UserId
from openmimc.model.insight import ConnectionInfo, Revocation
from tests.contract.drafts import APP, OTHER_APP
from tests.fakes.bus import RecordingBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

CONNECTION = ConnectionInfo("phone", "tcp", "go", "127.0.0.1:5", 7)


class Connected:
    """Presence with one user's connection."""

    def __init__(self) -> None:
        self.user_id = UserId(0)

    def connections_of(self, user_id: UserId) -> tuple[ConnectionInfo, ...]:
        return (CONNECTION,) if user_id == self.user_id else ()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FakeClock())


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture
def connected() -> Connected:
    return Connected()


@pytest.fixture
def accounts(store: MemoryStore, connected: Connected, bus: RecordingBus) -> Accounts:
    return Accounts(store, connected, bus)


async def test_accounts_are_found_page_by_page(store: MemoryStore, accounts: Accounts) -> None:
    await store.ensure_accounts(APP, ("ann", "anna", "bob", "an"))

    first = await accounts.search(APP, "an", limit=2)
    rest = await accounts.search(APP, "an", first[-1].name, 2)

    assert [account.name for account in first + rest] == ["an", "ann", "anna"]
    assert await accounts.search(OTHER_APP) == ()


@pytest.mark.parametrize("limit", [0, -1, PAGE_MAX + 2])
async def test_a_page_has_its_bounds(accounts: Accounts, limit: int) -> None:
    with pytest.raises(BadRequest):
        await accounts.search(APP, limit=limit)


async def test_one_more_than_a_page_can_be_asked_for(store: MemoryStore, accounts: Accounts) -> None:
    await store.ensure_accounts(APP, tuple(f"user-{number:03}" for number in range(PAGE_MAX + 5)))

    assert len(await accounts.search(APP, limit=PAGE_MAX + 1)) == PAGE_MAX + 1


async def test_devices_come_with_the_account_and_its_connections(
    store: MemoryStore, accounts: Accounts, connected: Connected
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(alice.user_id, "phone")
    await store.open_device(bob.user_id, "tablet")
    connected.user_id = alice.user_id

    account, devices, connections = await accounts.devices(APP, "alice")
    _, others, no_connections = await accounts.devices(APP, "bob")

    assert account == alice
    assert [device.resource for device in devices] == ["phone"]
    assert connections == (CONNECTION,)
    assert [device.resource for device in others] == ["tablet"]
    assert no_connections == ()


async def test_a_ban_is_kept_and_told(store: MemoryStore, accounts: Accounts, bus: RecordingBus) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    banned = await accounts.set_banned(APP, "alice", True)

    assert banned.is_banned
    assert await store.find_account(APP, "alice") == banned
    assert bus.published == [Revocation(alice.user_id)]


async def test_letting_in_again_ends_no_session(
    store: MemoryStore, accounts: Accounts, bus: RecordingBus
) -> None:
    await store.ensure_accounts(APP, ("alice",))
    await accounts.set_banned(APP, "alice", True)
    bus.published.clear()

    account = await accounts.set_banned(APP, "alice", False)

    assert not account.is_banned
    assert bus.published == []


async def test_a_revocation_is_kept_and_told(store: MemoryStore, accounts: Accounts, bus: RecordingBus) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    account = await accounts.revoke_tokens(APP, "alice")

    assert (account.token_generation, account.is_banned) == (1, False)
    assert bus.published == [Revocation(alice.user_id)]


async def test_a_bus_that_fails_takes_nothing_back(store: MemoryStore, connected: Connected) -> None:
    await store.ensure_accounts(APP, ("alice",))
    accounts = Accounts(store, connected, RecordingBus(failures=1))

    assert (await accounts.set_banned(APP, "alice", True)).is_banned


async def test_what_was_not_changed_is_not_told(
    store: MemoryStore, accounts: Accounts, bus: RecordingBus
) -> None:
    await store.ensure_accounts(APP, ("alice",))
    store.fail_next()

    with pytest.raises(Unavailable):
        await accounts.set_banned(APP, "alice", True)
    assert bus.published == []


async def test_another_apps_account_is_none(store: MemoryStore, accounts: Accounts) -> None:
    await store.ensure_accounts(OTHER_APP, ("alice",))

    with pytest.raises(NoSuchAccount):
        await accounts.devices(APP, "alice")
    with pytest.raises(NoSuchAccount):
        await accounts.set_banned(APP, "alice", True)
    with pytest.raises(NoSuchAccount):
        await accounts.revoke_tokens(APP, "alice")
    assert await store.revoked_since(0) == (0, ())
