"""Blacklists: users who want to hear nothing from certain others.

A blocks B: B can not send to A, while A can still send to B; topics are not concerned. The store refuses what
a blocked sender appends, so that no message slips in between.
"""

from __future__ import annotations

from openmimc.domain.auth import Principal
from openmimc.domain.names import check_account
from openmimc.domain.ports import AccountStore, BlacklistStore
from openmimc.errors import BadRequest, Forbidden
from openmimc.model.ids import UserId

FIELD = "blackAccount"
"""The other account's name in a request."""


class Blacklist:
    """The rules of blacklists.

    Source: protocol reference, 9.6.
    """

    def __init__(self, store: BlacklistStore, accounts: AccountStore) -> None:
        self._store = store
        self._accounts = accounts

    async def block(self, caller: Principal, name: str) -> None:
        """Refuse messages from an account from now on; fine if they are refused already.

        An account never seen before is created, as it would be by its first message: who is feared can be
        blocked before they come.

        Raises:
            MissingField, TooBig, BadRequest: The name can not be an account's, or is the caller's own.
            Forbidden: The app has no blacklists.
        """
        if not caller.app.settings.enableBlacklist:
            raise Forbidden("this app has no blacklists (enableBlacklist)")
        check_account(name, FIELD)
        if name == caller.account.name:
            raise BadRequest("nobody can block themselves")
        (blocked,) = await self._accounts.ensure_accounts(caller.app.app_id, (name,))
        await self._store.block(caller.account.user_id, blocked.user_id)

    async def unblock(self, caller: Principal, name: str) -> None:
        """Accept messages from an account again; fine for one that is not blocked or does not exist.

        That works in an app that has no blacklists any more, too: what was blocked before is so still.

        Raises:
            MissingField, TooBig, BadRequest: The name can not be an account's.
        """
        if (blocked := await self._find(caller, name)) is not None:
            await self._store.unblock(caller.account.user_id, blocked)

    async def is_blocked(self, caller: Principal, name: str) -> bool:
        """Whether the caller blocks an account; never one that does not exist.

        Raises:
            As ``unblock``.
        """
        blocked = await self._find(caller, name)
        return blocked is not None and await self._store.is_blocked(caller.account.user_id, blocked)

    async def _find(self, caller: Principal, name: str) -> UserId | None:
        check_account(name, FIELD)
        account = await self._accounts.find_account(caller.app.app_id, name)
        return None if account is None else account.user_id
