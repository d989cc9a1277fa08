"""Recent contacts: with whom, or where, a user talked last."""

from __future__ import annotations

from openmimc.domain.auth import Principal
from openmimc.domain.names import check_account
from openmimc.domain.ports import AccountStore, Clock, ContactStore
from openmimc.errors import Forbidden
from openmimc.model.contact import Contact
from openmimc.model.history import Conversation
from openmimc.model.ids import TopicId

MAX_CONTACTS = 500
"""Most contacts of one answer: what somebody can look through, and what fits into memory with its payloads."""

DAY_MS = 24 * 3600 * 1000


class Contacts:
    """The rules of recent contacts.

    Source: protocol reference, 9.5.
    """

    def __init__(self, store: ContactStore, accounts: AccountStore, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    async def list_mine(self, caller: Principal) -> tuple[Contact, ...]:
        """The caller's conversations of the last ``contactExpireTime`` days, newest first.

        Returns:
            At most ``MAX_CONTACTS``; older ones come up when newer ones are deleted.

        Raises:
            Forbidden: The app has no recent contacts.
        """
        _check_enabled(caller)
        settings = caller.app.settings
        # Neither a contact nor its last message outlives the history it is taken from.
        days = min(settings.contactExpireTime, settings.msgStorageTime)
        not_before_ms = self._clock.now_ms() - days * DAY_MS
        return await self._store.contacts_of(
            caller.account.user_id, not_before_ms=not_before_ms, limit=MAX_CONTACTS
        )

    async def delete_user(self, caller: Principal, name: str) -> tuple[Contact, ...]:
        """Take a user off the caller's contacts until one of the two writes to the other again.

        The messages stay. A user who is no contact, or does not exist, is fine, and is not created.

        Returns:
            The remaining contacts.

        Raises:
            MissingField, TooBig, BadRequest: The name can not be an account's.
            Forbidden: The app has no recent contacts.
        """
        _check_enabled(caller)
        check_account(name, "member")
        other = await self._accounts.find_account(caller.app.app_id, name)
        if other is not None:
            conversation = Conversation.between(caller.account.user_id, other.user_id)
            await self._store.delete_contact(caller.account.user_id, conversation)
        return await self.list_mine(caller)

    async def delete_topic(self, caller: Principal, topic_id: TopicId) -> tuple[Contact, ...]:
        """Take a topic off the caller's contacts until somebody writes to it; the caller stays a member.

        Returns:
            The remaining contacts. A topic that is no contact of the caller's is fine.

        Raises:
            Forbidden: The app has no recent contacts.
        """
        _check_enabled(caller)
        await self._store.delete_contact(caller.account.user_id, Conversation.of_topic(topic_id))
        return await self.list_mine(caller)


def _check_enabled(caller: Principal) -> None:
    if not caller.app.settings.enableContacts:
        raise Forbidden("this app has no recent contacts (enableContacts)")
