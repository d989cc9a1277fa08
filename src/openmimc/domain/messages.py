"""Sending: what may be sent, and what happens to it.

Commit first, then tell the sender, then tell the recipients' nodes. Whatever door a message comes through
(a socket, the REST API), it passes here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Protocol, TypeVar

import structlog
from msgspec import Struct

from openmimc.domain.apps import Apps
from openmimc.domain.clock import SystemClock
from openmimc.domain.names import (
    BIZ_TYPE_MAX_BYTES,
    RESOURCE_MAX_BYTES,
    check_account,
    check_text,
)
from openmimc.domain.ports import AccountStore, BlacklistStore, Bus, Clock, MessageStore, Webhooks
from openmimc.domain.rates import Rates
from openmimc.errors import (
    AccountBanned,
    BadRequest,
    DomainError,
    ForeignApp,
    MissingField,
    SenderBlocked,
    TooBig,
    Unavailable,
    UnknownApp,
)
from openmimc.model.app import App, AppSettings
from openmimc.model.ids import AppId, TopicId, UserId
from openmimc.model.message import CallbackWish, Commit, Draft, Kind, Sender

log = structlog.get_logger(__name__)

T = TypeVar("T")

Reply = Callable[[Commit | DomainError | Unavailable], None]
"""Told what became of a message, once, after it is on disk or refused."""

PUSH_MAX_TARGETS = 500
"""Most recipients or topics of one push: what one transaction can take without making others wait."""

DEFAULT_PUSH_RESOURCE = "push"
"""The sending device of a push that names none; no SDK calls itself so."""

PACKET_ID_PREFIX_BYTES = 8
"""Enough that no two processes, and no SDK, ever have the same prefix."""

_MAX_TOPIC_ID = 2**63 - 1
_NO_TOPIC = TopicId(0)
_MAX_PUSH_ATTEMPTS = 4
_NO_CALLBACKS = CallbackWish()


class SendingStore(MessageStore, AccountStore, BlacklistStore, Protocol):
    """What sending needs of a store."""


class Pushed(Struct, frozen=True):
    """What a push came to.

    Attributes:
        packet_ids: One per message stored, in the order of the recipients or topics.
        blocked: The accounts that were left out because they have the sender on their blacklist, in order.
    """

    packet_ids: tuple[str, ...]
    blocked: tuple[str, ...] = ()


class Messages:
    """Checks messages, stores them and has them delivered.

    Args:
        clock: For rates; the machine's when None.
        webhooks: Woken when a message causes callbacks; None when nobody sends them.
        rates: To be shared with others who send; its own when None.
    """

    def __init__(
        self,
        store: SendingStore,
        apps: Apps,
        bus: Bus,
        *,
        clock: Clock | None = None,
        webhooks: Webhooks | None = None,
        rates: Rates | None = None,
    ) -> None:
        self._store = store
        self._apps = apps
        self._webhooks = webhooks
        self._rates = rates or Rates(clock or SystemClock())
        self._bus = bus
        self._packet_id_prefix = secrets.token_hex(PACKET_ID_PREFIX_BYTES)
        self._packet_numbers = count(1)

    # -------------------------------------------------------------- from a user's device

    def send_p2p(
        self,
        sender: Sender,
        *,
        to_app_id: int | None,
        to_account: str,
        packet_id: str,
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
        conversation: bool = False,
        reply: Reply,
    ) -> None:
        """Send to one account, which is created if need be.

        ``reply`` gets the commit, ``Unavailable``, or ``SenderBlocked``, which only the store can see. A
        repeated ``packet_id`` gets the first message's commit. With ``conversation`` the message is numbered
        in its conversation.

        Raises:
            ForeignApp: ``to_app_id`` is given and not the sender's.
            MissingField, TooBig, BadRequest: The account or the payload cannot be accepted.
            RateLimited: The app sends more than its ``p2pMaxQps``.
            UnknownApp: The app was deleted. Whatever is raised, nothing was stored and ``reply`` stays silent.
        """
        settings = self._check_settings(sender, to_app_id, payload)
        check_account(to_account)
        self._rates.check(sender.app_id, Kind.P2P, 1, settings.p2pMaxQps)
        draft = Draft(
            Kind.P2P,
            sender,
            to_account,
            _NO_TOPIC,
            packet_id,
            payload,
            biz_type,
            is_store,
            settings.copyToSender,
            callbacks=_wish_of(settings),
            wants_index=conversation,
        )
        self._append(draft, reply)

    def send_p2t(
        self,
        sender: Sender,
        *,
        to_app_id: int | None,
        topic_id: int,
        packet_id: str,
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
        conversation: bool = False,
        reply: Reply,
    ) -> None:
        """Send to a topic that the sender is a member of.

        ``reply`` may get ``NoSuchTopic`` or ``NotAMember``, but not ``SenderBlocked``; the rate is the app's
        ``p2tMaxQps``; otherwise as ``send_p2p``.
        """
        settings = self._check_settings(sender, to_app_id, payload)
        if not 0 < topic_id <= _MAX_TOPIC_ID:
            raise BadRequest("topicId is out of range")
        self._rates.check(sender.app_id, Kind.P2T, 1, settings.p2tMaxQps)
        draft = Draft(
            Kind.P2T,
            sender,
            "",
            TopicId(topic_id),
            packet_id,
            payload,
            biz_type,
            is_store,
            settings.copyToSender,
            callbacks=_wish_of(settings),
            wants_index=conversation,
        )
        self._append(draft, reply)

    def send_group(
        self,
        sender: Sender,
        *,
        to_app_id: int | None,
        group_id: int,
        packet_id: str,
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
        reply: Reply,
    ) -> None:
        """Send to an unlimited group that the sender is a member of.

        ``reply`` may get ``NoSuchTopic``, ``NotAMember`` or ``Muted``; the rate is the app's ``ucMaxQps``;
        otherwise as ``send_p2t``.
        """
        settings = self._check_settings(sender, to_app_id, payload)
        if not 0 < group_id <= _MAX_TOPIC_ID:
            raise BadRequest("topicId is out of range")
        self._rates.check(sender.app_id, Kind.GROUP, 1, settings.ucMaxQps)
        draft = Draft(
            Kind.GROUP,
            sender,
            "",
            TopicId(group_id),
            packet_id,
            payload,
            biz_type,
            is_store,
            copy_to_sender=False,
            callbacks=_NO_CALLBACKS,
        )
        self._append(draft, reply)

    def _check_settings(self, sender: Sender, to_app_id: int | None, payload: bytes) -> AppSettings:
        app = self._apps.find(sender.app_id)
        if app is None:
            raise UnknownApp
        if to_app_id is not None and to_app_id != sender.app_id:
            raise ForeignApp
        check_payload(payload, app.settings)
        return app.settings

    def _append(self, draft: Draft, reply: Reply) -> None:
        has_callbacks = draft.callbacks is not _NO_CALLBACKS
        self._store.append(draft, partial(self._on_commit, reply, has_callbacks))

    def _on_commit(self, reply: Reply, has_callbacks: bool, result: Commit | DomainError | Unavailable) -> None:
        # One sender's broken connection must not keep the recipients from hearing of the message.
        try:
            reply(result)
        except Exception:
            log.exception("reply_failed")
        if isinstance(result, Commit):
            self._announce(has_callbacks, result)

    def _announce(self, has_callbacks: bool, commit: Commit) -> None:
        """Tell of a commit, in the order of the commits; that it cannot be told must not hold up the next."""
        try:
            if commit.recipients or (commit.message.kind is Kind.GROUP and not commit.is_repeat):
                self._bus.publish(commit)
            if has_callbacks and self._webhooks is not None:
                self._webhooks.wake()
        except Exception:
            log.exception("publish_failed", sequence=commit.message.sequence)

    # -------------------------------------------------------------- from an app's own server

    async def push_p2p(
        self,
        app: App,
        *,
        from_account: str,
        from_resource: str,
        to_accounts: Iterable[str],
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
    ) -> Pushed:
        """Send to each of these accounts in a user's name; all accounts are created if need be.

        Returns after the commit, which is one for all. It goes through even if the caller is cancelled.
        Recipients who have the sender on their blacklist are left out, unless nobody else is left.

        Args:
            app: Has proved itself.
            from_account: The user in whose name it is sent.
            from_resource: The device it seems to come from; "" for ``DEFAULT_PUSH_RESOURCE``. The user's other
                devices get copies where the app has them.
            to_accounts: 1 to ``PUSH_MAX_TARGETS``; whoever is named again is passed over.
            payload: The same for all.
            biz_type: The app's own label, None for none.
            is_store: Whether history keeps the messages.

        Raises:
            MissingField, TooBig, BadRequest: An argument is not as described.
            AccountBanned: The sender may not use the server.
            RateLimited: The app sends more than its ``p2pMaxQps``; each recipient counts.
            SenderBlocked: All the recipients have the sender on their blacklist.
            Unavailable: It is not known whether the messages were stored. Whatever else is raised, none was;
                the sender's account may have been created.
        """
        _check_push(from_account, from_resource, payload, biz_type, app.settings)
        accounts = _distinct("toAccount", to_accounts)
        for account in accounts:
            check_account(account, "toAccount")
        self._rates.check(app.app_id, Kind.P2P, len(accounts), app.settings.p2pMaxQps)
        sender = await self._sender_of(app, from_account, from_resource)
        drafts = [
            self._draft_of_push(
                app, sender, payload, biz_type, kind=Kind.P2P, is_store=is_store, to_account=account
            )
            for account in accounts
        ]
        return await self._push_unblocked(sender, drafts)

    async def push_p2t(
        self,
        app: App,
        *,
        from_account: str,
        from_resource: str,
        topic_ids: Iterable[TopicId],
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
    ) -> Pushed:
        """Send to each of these topics in a user's name, who need not be a member.

        ``topic_ids`` are 1 to ``PUSH_MAX_TARGETS``; repeats are passed over. Otherwise as ``push_p2p``.

        Raises:
            MissingField, TooBig, BadRequest, AccountBanned, Unavailable: As for ``push_p2p``.
            NoSuchTopic: One of them is no topic of the app; nothing was sent to any.
            RateLimited: The app sends more than its ``p2tMaxQps``; each topic counts.
        """
        _check_push(from_account, from_resource, payload, biz_type, app.settings)
        topics = _distinct("topicId", topic_ids)
        self._rates.check(app.app_id, Kind.P2T, len(topics), app.settings.p2tMaxQps)
        sender = await self._sender_of(app, from_account, from_resource)
        drafts = [
            self._draft_of_push(
                app, sender, payload, biz_type, kind=Kind.P2T, is_store=is_store, topic_id=topic_id
            )
            for topic_id in topics
        ]
        await self._store_together(tuple(drafts))
        return Pushed(tuple(draft.packet_id for draft in drafts))

    async def push_group(
        self,
        app: App,
        *,
        from_account: str,
        from_resource: str,
        group_ids: Iterable[TopicId],
        payload: bytes,
        biz_type: str | None,
        is_store: bool,
    ) -> Pushed:
        """Send to each of these unlimited groups in a user's name, who need not be a member.

        ``group_ids`` are 1 to ``PUSH_MAX_TARGETS``; repeats are passed over. Otherwise as ``push_p2p``.

        Raises:
            MissingField, TooBig, BadRequest, AccountBanned, Unavailable: As for ``push_p2p``.
            NoSuchTopic: One of them is no group of the app; nothing was sent to any.
            RateLimited: The app sends more than its ``ucMaxQps``; each group counts.
        """
        _check_push(from_account, from_resource, payload, biz_type, app.settings)
        groups = _distinct("topicId", group_ids)
        self._rates.check(app.app_id, Kind.GROUP, len(groups), app.settings.ucMaxQps)
        sender = await self._sender_of(app, from_account, from_resource)
        drafts = [
            self._draft_of_push(
                app, sender, payload, biz_type, kind=Kind.GROUP, is_store=is_store, topic_id=group_id
            )
            for group_id in groups
        ]
        await self._store_together(tuple(drafts))
        return Pushed(tuple(draft.packet_id for draft in drafts))

    async def _sender_of(self, app: App, account_name: str, resource: str) -> Sender:
        (account,) = await self._store.ensure_accounts(app.app_id, (account_name,))
        if account.is_banned:
            raise AccountBanned
        return Sender(app.app_id, account.user_id, account.name, resource or DEFAULT_PUSH_RESOURCE)

    def _draft_of_push(
        self,
        app: App,
        sender: Sender,
        payload: bytes,
        biz_type: str | None,
        *,
        kind: Kind,
        is_store: bool,
        to_account: str = "",
        topic_id: TopicId = _NO_TOPIC,
    ) -> Draft:
        is_group = kind is Kind.GROUP
        return Draft(
            kind,
            sender,
            to_account,
            topic_id,
            f"{self._packet_id_prefix}_{next(self._packet_numbers)}",
            payload,
            biz_type,
            is_store,
            app.settings.copyToSender and not is_group,
            as_app=True,
            callbacks=_NO_CALLBACKS if is_group else _wish_of(app.settings, is_push=True),
        )

    async def _push_unblocked(self, sender: Sender, drafts: list[Draft]) -> Pushed:
        """Send to everybody, or if that is refused, to those who do not block the sender."""
        blocked: list[str] = []
        # Somebody may block the sender between the question and the sending: then it starts over.
        for _ in range(_MAX_PUSH_ATTEMPTS):
            try:
                await self._store_together(tuple(drafts))
            except SenderBlocked:
                refusing = [
                    draft.to_account
                    for draft in drafts
                    if await self._is_blocked_by(sender.app_id, draft.to_account, sender.user_id)
                ]
                blocked += refusing
                left_out = frozenset(refusing)
                drafts = [draft for draft in drafts if draft.to_account not in left_out]
                if not drafts:
                    raise
            else:
                return Pushed(tuple(draft.packet_id for draft in drafts), tuple(blocked))
        raise Unavailable

    async def _is_blocked_by(self, app_id: AppId, account_name: str, sender_id: UserId) -> bool:
        account = await self._store.find_account(app_id, account_name)
        return account is not None and await self._store.is_blocked(account.user_id, sender_id)

    async def _store_together(self, drafts: tuple[Draft, ...]) -> None:
        has_callbacks = drafts[0].callbacks is not _NO_CALLBACKS
        await self._store.append_together(drafts, partial(self._announce, has_callbacks))


def check_payload(payload: bytes, settings: AppSettings) -> None:
    """Check a message's payload against the app's ``payloadMaxBytes``; ``TooBig`` if it is larger."""
    if len(payload) > settings.payloadMaxBytes:
        raise TooBig(f"payload is larger than {settings.payloadMaxBytes} bytes")


def _check_push(
    from_account: str, from_resource: str, payload: bytes, biz_type: str | None, settings: AppSettings
) -> None:
    check_account(from_account, "fromAccount")
    check_text("fromResource", from_resource, max_bytes=RESOURCE_MAX_BYTES, may_be_empty=True)
    check_text("bizType", biz_type or "", max_bytes=BIZ_TYPE_MAX_BYTES, may_be_empty=True)
    check_payload(payload, settings)


def _wish_of(settings: AppSettings, *, is_push: bool = False) -> CallbackWish:
    """Which callbacks a message causes; the very object ``_NO_CALLBACKS`` when none."""
    instant = settings.instant_callback_url != "" and (settings.callbackOnPush or not is_push)
    offline = settings.offline_callback_url != ""
    return CallbackWish(instant, offline) if instant or offline else _NO_CALLBACKS


def _distinct(field: str, targets: Iterable[T]) -> tuple[T, ...]:
    """The targets of a push in order, each once.

    Raises:
        MissingField: There is none.
        TooBig: There are more than ``PUSH_MAX_TARGETS``, repeats included.
    """
    listed = tuple(targets)
    if not listed:
        raise MissingField(f"{field}s")
    if len(listed) > PUSH_MAX_TARGETS:
        raise TooBig(f"{field}s has more than {PUSH_MAX_TARGETS} entries")
    return tuple(dict.fromkeys(listed))
