"""Short words for what the suites do over and over."""

from __future__ import annotations

import asyncio

from openmimc.domain.ports import MessageStore, Store, SweepCursor
from openmimc.errors import DomainError, Unavailable
from openmimc.model.app import Account, App, AppSettings
from openmimc.model.group import GroupChange
from openmimc.model.ids import AppId, Position, TopicId, UserId
from openmimc.model.message import CallbackWish, Commit, Delivery, Draft, Kind, Sender

APP = AppId(2_882_303_761_517_479_657)
OTHER_APP = AppId(2_882_303_761_517_479_658)

INSTANT = CallbackWish(instant=True)
OFFLINE = CallbackWish(offline=True)
BOTH = CallbackWish(instant=True, offline=True)

Outcome = Commit | DomainError | Unavailable


def p2p(
    sender: Account,
    to_account: str,
    packet_id: str,
    *,
    resource: str = "phone",
    payload: bytes = b"hello",
    biz_type: str | None = None,
    is_store: bool = True,
    copy_to_sender: bool = True,
    as_app: bool = False,
    callbacks: CallbackWish = CallbackWish(),  # noqa: B008 - frozen
) -> Draft:
    """A one-to-one message."""
    return Draft(
        kind=Kind.P2P,
        sender=Sender(sender.app_id, sender.user_id, sender.name, resource),
        to_account=to_account,
        topic_id=TopicId(0),
        packet_id=packet_id,
        payload=payload,
        biz_type=biz_type,
        is_store=is_store,
        copy_to_sender=copy_to_sender,
        as_app=as_app,
        callbacks=callbacks,
    )


def p2t(
    sender: Account,
    topic_id: TopicId,
    packet_id: str,
    *,
    resource: str = "phone",
    payload: bytes = b"hello all",
    is_store: bool = True,
    copy_to_sender: bool = True,
    as_app: bool = False,
    callbacks: CallbackWish = CallbackWish(),  # noqa: B008 - frozen
) -> Draft:
    """A message to a topic."""
    return Draft(
        kind=Kind.P2T,
        sender=Sender(sender.app_id, sender.user_id, sender.name, resource),
        to_account="",
        topic_id=topic_id,
        packet_id=packet_id,
        payload=payload,
        is_store=is_store,
        copy_to_sender=copy_to_sender,
        as_app=as_app,
        callbacks=callbacks,
    )


def uc(
    sender: Account,
    group_id: TopicId,
    packet_id: str,
    *,
    resource: str = "phone",
    payload: bytes = b"hello group",
    is_store: bool = True,
    as_app: bool = False,
) -> Draft:
    """A message to an unlimited group."""
    return Draft(
        kind=Kind.GROUP,
        sender=Sender(sender.app_id, sender.user_id, sender.name, resource),
        to_account="",
        topic_id=group_id,
        packet_id=packet_id,
        payload=payload,
        is_store=is_store,
        copy_to_sender=False,
        as_app=as_app,
    )


def ignore(_change: GroupChange) -> None:
    """Hear of a change of a group's members, and do nothing."""


async def group_of(store: Store, owner: Account, *others: Account) -> TopicId:
    """Create an unlimited group with these members."""
    group = await store.create_group(owner.app_id, owner.user_id, name="n", extra="", on_change=ignore)
    for other in others:
        await store.join_group(group.group_id, other.user_id, owner.app_id, ignore)
    return group.group_id


def app(app_id: AppId = APP, *, settings: AppSettings | None = None, name: str = "demo") -> App:
    """An app."""
    return App(
        app_id=app_id,
        name=name,
        package="com.example.demo",
        key="5111747984657",
        secret_hash=bytes(range(32)),
        key_generation=1,
        created_ms=1_700_000_000_000,
        settings=settings or AppSettings(),
    )


def start_append(store: MessageStore, draft: Draft) -> asyncio.Future[Outcome]:
    """Append now; what it came to is the future's result, errors included."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    store.append(draft, future.set_result)
    return future


async def append(store: MessageStore, *drafts: Draft) -> list[Outcome]:
    """Append without waiting in between and return what each came to."""
    return await asyncio.gather(*[start_append(store, draft) for draft in drafts])


async def append_one(store: MessageStore, draft: Draft) -> Commit:
    """Append one message that is expected to be accepted."""
    (outcome,) = await append(store, draft)
    assert isinstance(outcome, Commit), outcome
    return outcome


async def inbox_of(store: MessageStore, user_id: UserId, after: int = 0) -> tuple[Delivery, ...]:
    """Everything in a user's inbox."""
    page = await store.read_inbox(
        user_id, Position(after), not_before_ms=0, max_messages=10_000, max_bytes=2**40
    )
    assert not page.has_more
    return page.deliveries


async def packets_of(store: MessageStore, user_id: UserId, after: int = 0) -> list[str]:
    """Packet ids of everything in a user's inbox."""
    return [delivery.message.packet_id for delivery in await inbox_of(store, user_id, after)]


async def sweep_round(store: Store, limit: int = 3) -> int:
    """Sweep one whole round; return how many rows went."""
    cursor = await store.sweep(SweepCursor(), limit)
    deleted = cursor.deleted
    while not cursor.is_done:
        cursor = await store.sweep(cursor, limit)
        deleted += cursor.deleted
    return deleted
