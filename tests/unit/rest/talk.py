"""Messages put straight into a world's store."""

from __future__ import annotations

from itertools import count

from openmimc.model.app import Account, App
from openmimc.model.ids import TopicId
from openmimc.model.message import Message
from tests.contract.drafts import append_one, p2p, p2t, uc
from tests.unit.rest.world import World

_packet_ids = count(1)


async def account_of(world: World, name: str, app: App | None = None) -> Account:
    """The account of this name, made if need be."""
    (account,) = await world.store.ensure_accounts((app or world.app).app_id, (name,))
    found: Account = account
    return found


async def say(
    world: World, sender: str, to: str, payload: bytes = b"hello", *, biz_type: str | None = None
) -> Message:
    """Send a message to somebody; returns it as stored."""
    draft = p2p(
        await account_of(world, sender),
        to,
        f"say-{next(_packet_ids)}",
        payload=payload,
        biz_type=biz_type,
    )
    return (await append_one(world.store, draft)).message


async def tell(world: World, sender: str, topic_id: str, payload: bytes = b"hello all") -> Message:
    """Send a message to a topic; returns it as stored."""
    account = await account_of(world, sender)
    draft = p2t(account, TopicId(int(topic_id)), f"tell-{next(_packet_ids)}", payload=payload)
    return (await append_one(world.store, draft)).message


async def call_out(world: World, sender: str, group_id: str, payload: bytes = b"hello stadium") -> Message:
    """Send a message to an unlimited group; returns it as stored."""
    account = await account_of(world, sender)
    draft = uc(account, TopicId(int(group_id)), f"call-{next(_packet_ids)}", payload=payload)
    return (await append_one(world.store, draft)).message
