"""Recent contacts."""

from __future__ import annotations

import pytest

from openmimc.domain.contacts import DAY_MS, MAX_CONTACTS
from openmimc.domain.history import ByCount
from openmimc.errors import BadRequest, DomainError, Forbidden, MissingField, TooBig
from openmimc.model.app import AppSettings
from openmimc.model.contact import Contact
from openmimc.model.ids import TopicId
from tests.unit.domain.talk import Talk


@pytest.fixture
async def talk() -> Talk:
    return Talk()


def names(contacts: tuple[Contact, ...]) -> list[str]:
    return [contact.name for contact in contacts]


async def contacts_of(talk: Talk, name: str) -> list[str]:
    return names(await talk.contacts.list_mine(await talk.user(name)))


async def test_contacts_are_those_one_wrote_to_or_heard_from_newest_first(talk: Talk) -> None:
    await talk.say("alice", "bob", "1")
    await talk.say("carol", "alice", "2")
    topic_id = await talk.topic("dave", "alice")
    await talk.tell("dave", topic_id, "3")
    last = await talk.say("bob", "alice", "4")

    contacts = await talk.contacts.list_mine(await talk.user("alice"))

    assert names(contacts) == ["bob", "tea", "carol"]
    assert contacts[0].last_message == last
    assert contacts[1].topic_id == topic_id
    assert await contacts_of(talk, "carol") == ["alice"]


async def test_who_talked_to_nobody_has_no_contacts(talk: Talk) -> None:
    assert await contacts_of(talk, "alice") == []


@pytest.mark.parametrize(
    ("settings", "days"),
    [
        (AppSettings(), 30),
        (AppSettings(contactExpireTime=3), 3),
        (AppSettings(contactExpireTime=9, msgStorageTime=8), 8),
    ],
)
async def test_a_contact_is_recent_for_as_long_as_the_app_says(settings: AppSettings, days: int) -> None:
    """And no longer than its last message is kept."""
    talk = Talk(settings)
    await talk.say("alice", "bob")
    talk.clock.advance(days * DAY_MS)

    assert await contacts_of(talk, "alice") == ["bob"]
    talk.clock.advance(1)
    assert await contacts_of(talk, "alice") == []


async def test_the_newest_contacts_are_listed_when_there_are_too_many(talk: Talk) -> None:
    for n in range(MAX_CONTACTS + 1):
        await talk.say("alice", f"m{n}")
    alice = await talk.user("alice")

    before = await contacts_of(talk, "alice")
    after = names(await talk.contacts.delete_user(alice, "m1"))

    assert len(before) == MAX_CONTACTS
    assert "m0" not in before
    assert before[-1] == "m1"
    assert after == [*before[:-1], "m0"]


async def test_a_deleted_contact_stays_away_until_the_next_message_of_either(talk: Talk) -> None:
    await talk.say("alice", "bob")
    alice = await talk.user("alice")

    assert names(await talk.contacts.delete_user(alice, "bob")) == []
    assert await contacts_of(talk, "bob") == ["alice"]
    await talk.say("bob", "alice")
    assert await contacts_of(talk, "alice") == ["bob"]
    assert names(await talk.contacts.delete_user(alice, "bob")) == []
    await talk.say("alice", "bob")
    assert await contacts_of(talk, "alice") == ["bob"]


async def test_a_deleted_topic_stays_away_until_its_next_message(talk: Talk) -> None:
    topic_id = await talk.topic("alice", "bob")
    await talk.tell("bob", topic_id)
    await talk.say("alice", "bob")
    alice = await talk.user("alice")

    assert names(await talk.contacts.delete_topic(alice, topic_id)) == ["bob"]
    assert await contacts_of(talk, "bob") == ["alice", "tea"]
    await talk.tell("bob", topic_id)
    assert await contacts_of(talk, "alice") == ["tea", "bob"]
    assert len((await talk.topics.get(alice, topic_id)).members) == 2


async def test_deleting_what_is_no_contact_changes_and_creates_nothing(talk: Talk) -> None:
    await talk.say("alice", "bob")
    await talk.user("carol")
    alice = await talk.user("alice")

    assert names(await talk.contacts.delete_user(alice, "nobody")) == ["bob"]
    assert names(await talk.contacts.delete_user(alice, "carol")) == ["bob"]
    assert names(await talk.contacts.delete_topic(alice, TopicId(99))) == ["bob"]
    assert not await talk.exists("nobody")


async def test_deleting_a_contact_leaves_history_alone(talk: Talk) -> None:
    await talk.say("alice", "bob")
    await talk.contacts.delete_user(await talk.user("alice"), "bob")

    assert len((await talk.read("alice", "bob", ByCount(2**50, 5))).messages) == 1


@pytest.mark.parametrize(("name", "refusal"), [("", MissingField), ("b" * 257, TooBig), ("\0", BadRequest)])
async def test_a_contact_must_be_a_name(talk: Talk, name: str, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        await talk.contacts.delete_user(await talk.user("alice"), name)


async def test_an_app_may_have_no_contacts() -> None:
    talk = Talk(AppSettings(enableContacts=False))
    alice = await talk.user("alice")

    for call in (
        talk.contacts.list_mine(alice),
        talk.contacts.delete_user(alice, "bob"),
        talk.contacts.delete_topic(alice, TopicId(1)),
    ):
        with pytest.raises(Forbidden, match="enableContacts"):
            await call
