"""Accounts, for those who answer for an app: looking at them, banning them, ending what tokens are good for."""

from __future__ import annotations

from typing import Protocol

import structlog

from openmimc.domain.ports import AccountStore, Bus, DevicePresence, DeviceStore
from openmimc.errors import BadRequest, NoSuchAccount
from openmimc.model.app import Account
from openmimc.model.ids import AppId
from openmimc.model.insight import ConnectionInfo, Device, Revocation

log = structlog.get_logger(__name__)

PAGE_MAX = 200
"""Most accounts on one page."""


class AccountsStore(AccountStore, DeviceStore, Protocol):
    """What looking at accounts and changing them needs of a store."""


class Accounts:
    """The accounts of every app.

    Args:
        presence: Knows this node's connections.
        bus: Tells the nodes whose sessions have to end. Where it does not reach, another process, say, they end
            within about a second.
    """

    def __init__(self, store: AccountsStore, presence: DevicePresence, bus: Bus) -> None:
        self._store = store
        self._presence = presence
        self._bus = bus

    async def search(
        self, app_id: AppId, prefix: str = "", after: str = "", limit: int = PAGE_MAX
    ) -> tuple[Account, ...]:
        """An app's accounts by name, in the order of the names' bytes.

        Args:
            app_id: Whose; an app that does not exist has none.
            prefix: What the names begin with; "" for all.
            after: Name of the last account of the page before; "" for the first page.
            limit: Most to return, 1 to ``PAGE_MAX`` + 1; one more than are shown tells whether there are more.

        Raises:
            BadRequest: ``limit`` is out of range.
        """
        if not 1 <= limit <= PAGE_MAX + 1:
            raise BadRequest(f"limit must be from 1 to {PAGE_MAX + 1}")
        return await self._store.search_accounts(app_id, prefix, after=after, limit=limit)

    async def devices(
        self, app_id: AppId, name: str
    ) -> tuple[Account, tuple[Device, ...], tuple[ConnectionInfo, ...]]:
        """An account, its devices, the one seen last first, and its connections to this node, oldest first.

        Raises:
            NoSuchAccount: The app has no such account.
        """
        account = await self._get(app_id, name)
        devices = await self._store.devices_of(account.user_id)
        return account, devices, self._presence.connections_of(account.user_id)

    def is_online(self, account: Account) -> bool:
        """Whether a device of the account is connected to this node."""
        return bool(self._presence.connections_of(account.user_id))

    async def set_banned(self, app_id: AppId, name: str, is_banned: bool) -> Account:
        """Ban an account, or let it in again; banning ends its sessions. What it is already, it stays.

        Raises:
            NoSuchAccount: The app has no such account.
        """
        account = await self._change(app_id, name, is_banned=is_banned)
        if is_banned:
            self._tell(account)
        return account

    async def revoke_tokens(self, app_id: AppId, name: str) -> Account:
        """Make all tokens that were given for an account void, and end its sessions; new tokens are good.

        Raises:
            NoSuchAccount: The app has no such account.
        """
        account = await self._change(app_id, name, revoke_tokens=True)
        self._tell(account)
        return account

    async def _get(self, app_id: AppId, name: str) -> Account:
        account = await self._store.find_account(app_id, name)
        if account is None:
            raise NoSuchAccount
        return account

    async def _change(
        self, app_id: AppId, name: str, *, is_banned: bool | None = None, revoke_tokens: bool = False
    ) -> Account:
        account = await self._get(app_id, name)
        changed = await self._store.change_account(
            account.user_id, is_banned=is_banned, revoke_tokens=revoke_tokens
        )
        if changed is None:
            raise NoSuchAccount  # Removed in between.
        return changed

    def _tell(self, account: Account) -> None:
        try:
            self._bus.publish(Revocation(account.user_id))
        except Exception:
            # It is on disk all the same, and every node looks there once a second.
            log.exception("publish_failed", user_id=account.user_id)
