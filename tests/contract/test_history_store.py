"""``HistoryStore``: pages of conversations."""

from __future__ import annotations

import pytest

from openmimc.domain.ports import Store
from openmimc.model.history import Conversation, HistoryPage
from openmimc.model.ids import Sequence
from tests.contract.drafts import APP, OTHER_APP, append_one, group_of, p2p, p2t, uc

END = Sequence(2**62)


async def read(
    store: Store,
    conversation: Conversation,
    start: int = 0,
    stop: int = END,
    *,
    limit: int = 100,
    newest: bool = False,
) -> HistoryPage:
    return await store.read_history(
        conversation, start=Sequence(start), stop=Sequence(stop), limit=limit, newest=newest
    )


def packets(page: HistoryPage) -> list[str]:
    return [message.packet_id for message in page.messages]


async def test_a_conversation_of_two_has_both_directions_and_nothing_else(store: Store) -> None:
    alice, bob, carol = await store.ensure_accounts(APP, ("alice", "bob", "carol"))
    (stranger,) = await store.ensure_accounts(OTHER_APP, ("alice",))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    first = await append_one(store, p2p(alice, "bob", "1", payload=b"\x00\xff", biz_type="b"))
    second = await append_one(store, p2p(bob, "alice", "2"))
    await append_one(store, p2p(alice, "carol", "3"))
    await append_one(store, p2t(alice, topic.topic_id, "4"))
    await append_one(store, p2p(stranger, "bob", "5"))
    await append_one(store, p2p(alice, "alice", "6"))
    await append_one(store, p2p(bob, "alice", "7", is_store=False))

    page = await read(store, Conversation.between(bob.user_id, alice.user_id))

    assert page == HistoryPage((first.message, second.message), has_more=False)
    assert packets(await read(store, Conversation.between(alice.user_id, alice.user_id))) == ["6"]
    assert packets(await read(store, Conversation.between(bob.user_id, carol.user_id))) == []


async def test_a_topics_history_is_the_topics_own(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    other = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    await append_one(store, p2p(alice, "bob", "1"))
    message = (await append_one(store, p2t(bob, topic.topic_id, "2"))).message
    await append_one(store, p2t(bob, other.topic_id, "3"))
    await append_one(store, p2t(bob, topic.topic_id, "4", is_store=False))

    page = await read(store, Conversation.of_topic(topic.topic_id))

    assert page == HistoryPage((message,), has_more=False)


async def test_a_groups_history_is_the_groups_own(store: Store) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    group_id, other = await group_of(store, alice, bob), await group_of(store, alice, bob)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    message = (await append_one(store, uc(bob, group_id, "1"))).message
    await append_one(store, uc(bob, other, "2"))
    await append_one(store, uc(bob, group_id, "3", is_store=False))
    await append_one(store, p2t(bob, topic.topic_id, "4"))

    page = await read(store, Conversation.of_group(group_id))

    assert page == HistoryPage((message,), has_more=False)
    assert packets(await read(store, Conversation.of_topic(group_id))) == []
    assert packets(await read(store, Conversation.of_group(topic.topic_id))) == []


@pytest.mark.parametrize("place", ["pair", "topic", "group"])
@pytest.mark.parametrize(
    ("first", "last", "limit", "newest", "expected", "has_more"),
    [
        (0, 6, 6, False, "012345", False),
        (0, 6, 5, False, "01234", True),
        (0, 6, 5, True, "12345", True),
        (0, 6, 6, True, "012345", False),
        (2, 5, 3, False, "234", False),
        (2, 5, 2, False, "23", True),
        (2, 5, 2, True, "34", True),
        (3, 3, 5, False, "", False),
        (4, 2, 5, True, "", False),
    ],
)
async def test_a_page_is_half_open_and_says_whether_there_is_more(
    store: Store,
    place: str,
    first: int,
    last: int,
    limit: int,
    newest: bool,
    expected: str,
    has_more: bool,
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    group_id = await group_of(store, alice)
    conversation = {
        "pair": Conversation.between(alice.user_id, bob.user_id),
        "topic": Conversation.of_topic(topic.topic_id),
        "group": Conversation.of_group(group_id),
    }[place]
    sequences: list[int] = []
    for number in range(6):
        draft = {
            "pair": p2p(alice, "bob", str(number)),
            "topic": p2t(alice, topic.topic_id, str(number)),
            "group": uc(alice, group_id, str(number)),
        }[place]
        sequences.append((await append_one(store, draft)).message.sequence)
        await append_one(store, p2p(bob, "carol", f"other-{number}"))
    sequences.append(END)

    page = await read(store, conversation, sequences[first], sequences[last], limit=limit, newest=newest)

    assert packets(page) == list(expected)
    assert page.has_more is has_more
