"""``TopicStore``."""

from __future__ import annotations

import asyncio

import msgspec

from openmimc.domain.ports import Store
from openmimc.model.app import Account
from openmimc.model.ids import TopicId
from openmimc.model.topic import Member, Topic, TopicChange
from tests.contract.drafts import APP, OTHER_APP


async def friends(store: Store) -> tuple[Account, ...]:
    return await store.ensure_accounts(APP, ("alice", "bob", "carol", "dave"))


def members_of(*accounts: Account) -> tuple[Member, ...]:
    return tuple(Member(account.user_id, account.name) for account in accounts)


async def test_a_topic_has_its_owner_first_and_the_members_in_order(store: Store) -> None:
    alice, bob, carol, dave = await friends(store)

    topic = await store.create_topic(
        APP,
        carol.user_id,
        (dave.user_id, carol.user_id, alice.user_id, dave.user_id, bob.user_id),
        name="n",
        extra="e",
    )

    assert topic == Topic(
        topic_id=topic.topic_id,
        app_id=APP,
        owner_id=carol.user_id,
        name="n",
        bulletin="",
        extra="e",
        version=topic.version,
        members=members_of(carol, dave, alice, bob),
    )
    assert 0 < topic.topic_id < 2**53
    assert await store.find_topic(topic.topic_id) == topic


async def test_a_topic_that_is_not_there_is_not_found(store: Store) -> None:
    (alice, *_) = await friends(store)
    topic = await store.create_topic(APP, alice.user_id, (), name="", extra="")

    assert await store.find_topic(TopicId(topic.topic_id + 1)) is None


async def test_a_change_leaves_what_it_does_not_name(store: Store) -> None:
    alice, bob, carol, _ = await friends(store)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="n", extra="e")

    named = await store.change_topic(topic.topic_id, topic.version, TopicChange(name="", bulletin="b"))
    assert named is not None
    grown = await store.change_topic(topic.topic_id, named.version, TopicChange(add=(carol.user_id,)))

    assert grown is not None
    assert (named.name, named.bulletin, named.extra) == ("", "b", "e")
    assert named.members == members_of(alice, bob)
    assert (grown.name, grown.bulletin, grown.extra) == ("", "b", "e")
    assert grown.members == members_of(alice, bob, carol)
    assert [topic.version, named.version, grown.version] == [topic.version + step for step in range(3)]
    assert await store.find_topic(topic.topic_id) == grown


async def test_a_change_decided_on_an_old_version_is_not_made(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="n", extra="e")
    current = await store.change_topic(topic.topic_id, topic.version, TopicChange(name="new"))

    late = await store.change_topic(topic.topic_id, topic.version, TopicChange(remove=(bob.user_id,)))

    assert late is None
    assert await store.find_topic(topic.topic_id) == current


async def test_of_two_changes_at_once_one_is_made(store: Store) -> None:
    alice, bob, carol, _ = await friends(store)
    topic = await store.create_topic(APP, alice.user_id, (), name="n", extra="e")

    outcomes = await asyncio.gather(
        *[
            store.change_topic(topic.topic_id, topic.version, TopicChange(add=(account.user_id,)))
            for account in (bob, carol)
        ]
    )

    assert [outcome is None for outcome in outcomes] == [False, True]


async def test_changing_an_unknown_topic_changes_nothing(store: Store) -> None:
    assert await store.change_topic(TopicId(1), 1, TopicChange(name="n")) is None
    assert await store.delete_topic(TopicId(1), 1) is False


async def test_members_keep_their_places_and_come_back_at_the_end(store: Store) -> None:
    alice, bob, carol, dave = await friends(store)
    topic = await store.create_topic(
        APP, alice.user_id, (bob.user_id, carol.user_id, dave.user_id), name="", extra=""
    )

    # Taking out who is not in and letting in who is are harmless.
    left = await store.change_topic(
        topic.topic_id, topic.version, TopicChange(remove=(bob.user_id, bob.user_id), add=(carol.user_id,))
    )
    assert left is not None
    back = await store.change_topic(
        topic.topic_id,
        left.version,
        TopicChange(add=(bob.user_id, alice.user_id), remove=(topic.topic_id,)),  # type: ignore[arg-type]  # Some number that is no member.
    )

    assert back is not None
    assert left.members == members_of(alice, carol, dave)
    assert back.members == members_of(alice, carol, dave, bob)


async def test_a_new_owner_comes_first_and_the_old_one_returns_to_their_place(store: Store) -> None:
    alice, bob, carol, _ = await friends(store)
    topic = await store.create_topic(APP, alice.user_id, (bob.user_id, carol.user_id), name="", extra="")

    given = await store.change_topic(topic.topic_id, topic.version, TopicChange(owner_id=carol.user_id))

    assert given is not None
    assert given.owner_id == carol.user_id
    assert given.members == members_of(carol, alice, bob)


async def test_a_users_topics_come_in_the_order_of_joining_with_their_owners_alone(store: Store) -> None:
    alice, bob, carol, _ = await friends(store)
    first = await store.create_topic(APP, alice.user_id, (carol.user_id,), name="1", extra="")
    second = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="2", extra="")
    third = await store.create_topic(APP, bob.user_id, (alice.user_id,), name="3", extra="")
    joined = await store.change_topic(first.topic_id, first.version, TopicChange(add=(bob.user_id,)))

    topics = await store.topics_of(bob.user_id)

    assert joined is not None
    assert [topic.topic_id for topic in topics] == [second.topic_id, third.topic_id, first.topic_id]
    assert [topic.members for topic in topics] == [members_of(alice), members_of(bob), members_of(alice)]
    assert topics[2].version == joined.version


async def test_who_leaves_or_is_dismissed_no_longer_lists_the_topic(store: Store) -> None:
    alice, bob, *_ = await friends(store)
    kept = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")
    gone = await store.create_topic(APP, alice.user_id, (bob.user_id,), name="", extra="")

    await store.change_topic(kept.topic_id, kept.version, TopicChange(remove=(bob.user_id,)))
    stale = await store.delete_topic(gone.topic_id, gone.version + 1)
    deleted = await store.delete_topic(gone.topic_id, gone.version)

    assert (stale, deleted) == (False, True)
    assert await store.topics_of(bob.user_id) == ()
    assert [topic.topic_id for topic in await store.topics_of(alice.user_id)] == [kept.topic_id]
    assert await store.find_topic(gone.topic_id) is None


async def test_five_hundred_members_come_back_in_order(store: Store) -> None:
    accounts = await store.ensure_accounts(APP, tuple(f"user-{number}" for number in range(600)))

    topic = await store.create_topic(
        APP, accounts[0].user_id, tuple(account.user_id for account in accounts[1:]), name="", extra=""
    )

    assert topic.members == members_of(*accounts)
    assert await store.find_topic(topic.topic_id) == topic


async def test_an_apps_topics_are_listed_by_id_with_the_numbers_of_their_members(store: Store) -> None:
    alice, bob, carol, dave = await friends(store)
    (mallory,) = await store.ensure_accounts(OTHER_APP, ("mallory",))
    created = [
        await store.create_topic(APP, owner.user_id, members, name=owner.name, extra="")
        for owner, members in ((alice, (bob.user_id, carol.user_id)), (bob, ()), (dave, (alice.user_id,)))
    ]
    foreign = await store.create_topic(OTHER_APP, mallory.user_id, (), name="m", extra="")
    expected = sorted(
        ((msgspec.structs.replace(topic, members=(topic.owner,)), len(topic.members)) for topic in created),
        key=lambda entry: entry[0].topic_id,
    )

    everything = await store.list_topics(APP, after=TopicId(0), limit=10)
    first = await store.list_topics(APP, after=TopicId(0), limit=2)
    rest = await store.list_topics(APP, after=first[-1][0].topic_id, limit=2)

    assert list(everything) == expected
    assert first + rest == everything
    assert [topic.topic_id for topic, _ in await store.list_topics(OTHER_APP, after=TopicId(0), limit=9)] == [
        foreign.topic_id
    ]


async def test_an_app_without_topics_lists_none(store: Store) -> None:
    assert await store.list_topics(APP, after=TopicId(0), limit=10) == ()
