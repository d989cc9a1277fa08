"""Who may make, see and change topics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmimc.domain.auth import Principal
from openmimc.domain.topics import MAX_ATTEMPTS, Topics
from openmimc.errors import (
    BadRequest,
    DomainError,
    Forbidden,
    MissingField,
    NoSuchTopic,
    NotAMember,
    OwnerMayNotLeave,
    TooBig,
    TopicFull,
    Unavailable,
)
from openmimc.model.app import App, AppSettings
from openmimc.model.ids import AppId, TopicId, UserId
from openmimc.model.topic import Topic, TopicChange
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

LIMIT = 5


class RacingStore(MemoryStore):
    """A store on which another process gets in first: ``interfere`` runs just before a change is applied."""

    interfere: Callable[[], Awaitable[object]] | None = None

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        await self._let_interfere()
        return await super().change_topic(topic_id, version, change)

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        await self._let_interfere()
        return await super().delete_topic(topic_id, version)

    async def _let_interfere(self) -> None:
        if self.interfere is not None:
            interfere, self.interfere = self.interfere, None
            await interfere()
            await asyncio.sleep(0)


def make_app(app_id: int, limit: int = LIMIT, *, lifetime_s: int = 0) -> App:
    return App(
        app_id=AppId(app_id),
        name="chat",
        package="com.example.chat",
        key="1",
        secret_hash=b"",
        key_generation=1,
        created_ms=0,
        settings=AppSettings(topicMemberCount=limit, uuidTTL=lifetime_s),
    )


APP = make_app(1)
OTHER_APP = make_app(2)


class Room:
    """A store, the rules over it as one process sees them, and a second process on the same store."""

    def __init__(self) -> None:
        self.store = RacingStore(FakeClock(1_700_000_000_000))
        self.topics = Topics(self.store, self.store)
        self.elsewhere = Topics(self.store, self.store)

    async def user(self, name: str, app: App = APP) -> Principal:
        (account,) = await self.store.ensure_accounts(app.app_id, (name,))
        return Principal(app, account)

    async def topic(self, owner: str = "alice", *members: str) -> TopicId:
        caller = await self.user(owner)
        return (await self.topics.create(caller, name="tea", accounts=members or (owner,))).topic_id

    async def exists(self, name: str) -> bool:
        return await self.store.find_account(APP.app_id, name) is not None

    async def names(self, topic_id: TopicId) -> list[str]:
        return names(await self.stored(topic_id))

    async def stored(self, topic_id: TopicId) -> Topic:
        topic = await self.store.find_topic(topic_id)
        assert topic is not None
        return topic


def names(topic: Topic) -> list[str]:
    return [member.account for member in topic.members]


@pytest.fixture
async def room() -> Room:
    return Room()


# ------------------------------------------------------------------ create


async def test_the_creator_owns_the_topic_and_is_its_first_member(room: Room) -> None:
    alice = await room.user("alice")

    topic = await room.topics.create(alice, name="tea", accounts=["bob", "carol"], extra="{}")

    assert topic.owner_id == alice.account.user_id
    assert names(topic) == ["alice", "bob", "carol"]
    assert (topic.app_id, topic.name, topic.bulletin, topic.extra) == (APP.app_id, "tea", "", "{}")
    assert await room.topics.get(alice, topic.topic_id) == topic


async def test_members_never_seen_before_become_accounts(room: Room) -> None:
    await room.topic("alice", "bob")

    assert await room.exists("bob")


@pytest.mark.parametrize(
    "accounts", [["bob", "bob", "carol"], ["bob", "alice", "carol"], ["alice", "bob", "carol", "bob", "alice"]]
)
async def test_repeats_and_the_owners_own_name_are_harmless(room: Room, accounts: list[str]) -> None:
    alice = await room.user("alice")

    topic = await room.topics.create(alice, name="tea", accounts=accounts)

    assert names(topic) == ["alice", "bob", "carol"]


async def test_two_topics_may_have_one_name(room: Room) -> None:
    assert await room.topic("alice", "bob") != await room.topic("alice", "bob")


async def test_a_topic_may_be_made_as_large_as_the_app_allows(room: Room) -> None:
    alice = await room.user("alice")

    topic = await room.topics.create(alice, name="tea", accounts=[f"m{n}" for n in range(LIMIT - 1)] + ["m0"])

    assert len(topic.members) == LIMIT


async def test_one_member_too_many_creates_neither_topic_nor_accounts(room: Room) -> None:
    alice = await room.user("alice")

    with pytest.raises(TopicFull):
        await room.topics.create(alice, name="tea", accounts=[f"m{n}" for n in range(LIMIT)])

    assert await room.topics.list_mine(alice) == ()
    assert not await room.exists("m0")


@pytest.mark.parametrize(
    ("name", "accounts", "extra", "refusal"),
    [
        ("tea", [], "", MissingField),
        ("tea", ["bob", ""], "", MissingField),
        ("", ["bob"], "", MissingField),
        ("t" * 513, ["bob"], "", TooBig),
        ("tea", ["bob", "b" * 257], "", TooBig),
        ("tea", ["bob"], "e" * 10_241, TooBig),
        ("t\0a", ["bob"], "", BadRequest),
        ("tea", ["bob", "b\0b"], "", BadRequest),
        ("tea", ["bob"], "\0", BadRequest),
        ("tea", ["bob", "\ud800"], "", BadRequest),
    ],
)
async def test_a_malformed_topic_creates_nothing(
    room: Room, name: str, accounts: list[str], extra: str, refusal: type[DomainError]
) -> None:
    alice = await room.user("alice")

    with pytest.raises(refusal):
        await room.topics.create(alice, name=name, accounts=accounts, extra=extra)

    assert await room.topics.list_mine(alice) == ()
    assert not await room.exists("bob")


async def test_texts_may_be_as_long_as_their_limits(room: Room) -> None:
    alice = await room.user("alice")

    topic = await room.topics.create(alice, name="t" * 512, accounts=["b" * 256], extra="e" * 10_240)
    topic = await room.topics.update(alice, topic.topic_id, bulletin="b" * 10_240)

    assert (len(topic.name), len(topic.extra), len(topic.bulletin)) == (512, 10_240, 10_240)


# ------------------------------------------------------------------ see


async def test_users_list_the_topics_they_are_in_by_order_of_joining(room: Room) -> None:
    first = await room.topic("alice", "bob")
    await room.topic("alice", "carol")
    third = await room.topic("carol", "bob")

    topics = await room.topics.list_mine(await room.user("bob"))

    assert [topic.topic_id for topic in topics] == [first, third]
    assert [topic.owner.account for topic in topics] == ["alice", "carol"]


async def test_a_namesake_in_another_app_lists_nothing(room: Room) -> None:
    await room.topic("alice", "bob")

    assert await room.topics.list_mine(await room.user("bob", OTHER_APP)) == ()


# ------------------------------------------------------------------ who may do what

OPERATIONS: dict[str, Callable[[Topics, Principal, TopicId], Awaitable[object]]] = {
    "get": lambda topics, caller, topic_id: topics.get(caller, topic_id),
    "invite": lambda topics, caller, topic_id: topics.invite(caller, topic_id, ["dave"]),
    "leave": lambda topics, caller, topic_id: topics.leave(caller, topic_id),
    "kick": lambda topics, caller, topic_id: topics.kick(caller, topic_id, ["carol"]),
    "update": lambda topics, caller, topic_id: topics.update(caller, topic_id, name="coffee"),
    "transfer": lambda topics, caller, topic_id: topics.update(caller, topic_id, owner_account="carol"),
    "dismiss": lambda topics, caller, topic_id: topics.dismiss(caller, topic_id),
}

ALLOWED: dict[str, dict[str, type[DomainError] | None]] = {
    "owner": dict.fromkeys(OPERATIONS) | {"leave": OwnerMayNotLeave},
    "member": {
        "get": None,
        "invite": None,
        "leave": None,
        "kick": Forbidden,
        "update": Forbidden,
        "transfer": Forbidden,
        "dismiss": Forbidden,
    },
    "outsider": dict.fromkeys(OPERATIONS, NotAMember),
    "foreigner": dict.fromkeys(OPERATIONS, NoSuchTopic),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", ALLOWED)
async def test_only_who_may_may(room: Room, role: str, operation: str) -> None:
    """A refused call leaves the topic as it was; an allowed one goes through."""
    topic_id = await room.topic("alice", "bob", "carol")
    caller = {
        "owner": await room.user("alice"),
        "member": await room.user("bob"),
        "outsider": await room.user("eve"),
        "foreigner": await room.user("alice", OTHER_APP),
    }[role]
    before = await room.stored(topic_id)
    refusal = ALLOWED[role][operation]

    if refusal is None:
        await OPERATIONS[operation](room.topics, caller, topic_id)
        assert operation == "get" or await room.store.find_topic(topic_id) != before
    else:
        with pytest.raises(refusal) as caught:
            await OPERATIONS[operation](room.topics, caller, topic_id)
        assert type(caught.value) is refusal
        assert await room.stored(topic_id) == before
        assert not await room.exists("dave")


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_there_is_nothing_to_do_with_a_topic_that_is_not(room: Room, operation: str) -> None:
    with pytest.raises(NoSuchTopic):
        await OPERATIONS[operation](room.topics, await room.user("alice"), TopicId(12345))


# ------------------------------------------------------------------ invite


async def test_the_invited_come_last_and_in_order(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")

    topic = await room.topics.invite(await room.user("bob"), topic_id, ["dave", "carol", "dave"])

    assert names(topic) == ["alice", "bob", "dave", "carol"]


async def test_inviting_members_changes_nothing(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    before = await room.stored(topic_id)

    topic = await room.topics.invite(await room.user("bob"), topic_id, ["alice", "bob"])

    assert topic == before == await room.stored(topic_id)


async def test_invited_members_do_not_count_twice_towards_the_limit(room: Room) -> None:
    topic_id = await room.topic("alice", "bob", "carol", "dave")

    topic = await room.topics.invite(
        await room.user("bob"), topic_id, ["alice", "bob", "carol", "erin", "erin"]
    )

    assert len(topic.members) == LIMIT


async def test_an_invitation_that_does_not_fit_adds_and_creates_nobody(room: Room) -> None:
    topic_id = await room.topic("alice", "bob", "carol", "dave")

    with pytest.raises(TopicFull):
        await room.topics.invite(await room.user("bob"), topic_id, ["erin", "frank"])

    assert await room.names(topic_id) == ["alice", "bob", "carol", "dave"]
    assert not await room.exists("erin")


async def test_a_topic_over_a_lowered_limit_still_takes_repeated_invitations(room: Room) -> None:
    topic_id = await room.topic("alice", "bob", "carol")
    bob = Principal(make_app(1, limit=2), (await room.user("bob")).account)

    assert names(await room.topics.invite(bob, topic_id, ["carol"])) == ["alice", "bob", "carol"]


@pytest.mark.parametrize(
    ("accounts", "refusal"),
    [
        ([], MissingField),
        (["carol", ""], MissingField),
        (["carol", "c" * 257], TooBig),
        (["carol", "c\0"], BadRequest),
    ],
)
async def test_a_malformed_invitation_adds_and_creates_nobody(
    room: Room, accounts: list[str], refusal: type[DomainError]
) -> None:
    topic_id = await room.topic("alice", "bob")

    with pytest.raises(refusal):
        await room.topics.invite(await room.user("alice"), topic_id, accounts)

    assert await room.names(topic_id) == ["alice", "bob"]
    assert not await room.exists("carol")


# ------------------------------------------------------------------ leave and kick


async def test_who_left_is_gone(room: Room) -> None:
    topic_id = await room.topic("alice", "bob", "carol")
    bob = await room.user("bob")

    topic = await room.topics.leave(bob, topic_id)

    assert names(topic) == ["alice", "carol"]
    assert await room.topics.list_mine(bob) == ()
    with pytest.raises(NotAMember):
        await room.topics.leave(bob, topic_id)


async def test_the_owner_is_refused_leave_with_the_originals_words(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")

    with pytest.raises(OwnerMayNotLeave) as caught:
        await room.topics.leave(await room.user("alice"), topic_id)

    assert (caught.value.code, caught.value.text) == (500, "quit topic fail")


async def test_kicking_passes_over_who_is_not_in_the_topic_and_creates_nobody(room: Room) -> None:
    topic_id = await room.topic("alice", "bob", "carol", "dave")
    await room.user("eve")

    topic = await room.topics.kick(await room.user("alice"), topic_id, ["bob", "eve", "nobody", "dave", "bob"])

    assert names(topic) == ["alice", "carol"]
    assert not await room.exists("nobody")


async def test_kicking_only_strangers_changes_nothing(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    before = await room.stored(topic_id)

    assert await room.topics.kick(await room.user("alice"), topic_id, ["nobody"]) == before


async def test_an_owner_who_kicks_themselves_removes_nobody(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")

    with pytest.raises(Forbidden):
        await room.topics.kick(await room.user("alice"), topic_id, ["bob", "alice"])

    assert await room.names(topic_id) == ["alice", "bob"]


async def test_kicking_nobody_is_refused(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")

    with pytest.raises(MissingField):
        await room.topics.kick(await room.user("alice"), topic_id, [])


# ------------------------------------------------------------------ update and dismiss


async def test_an_update_changes_what_it_names_and_nothing_else(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice = await room.user("alice")

    await room.topics.update(alice, topic_id, name="coffee", bulletin="at four", extra="x")
    topic = await room.topics.update(alice, topic_id, bulletin="")

    assert (topic.name, topic.bulletin, topic.extra) == ("coffee", "", "x")
    assert names(topic) == ["alice", "bob"]


@pytest.mark.parametrize("way", ["account", "id", "both"])
async def test_a_topic_is_handed_over_to_a_member(room: Room, way: str) -> None:
    topic_id = await room.topic("alice", "bob", "carol")
    alice, carol = await room.user("alice"), await room.user("carol")

    topic = await room.topics.update(
        alice,
        topic_id,
        owner_account=None if way == "id" else "carol",
        owner_id=None if way == "account" else carol.account.user_id,
    )

    assert topic.owner_id == carol.account.user_id
    assert names(topic)[0] == "carol"
    assert sorted(names(topic)) == ["alice", "bob", "carol"]
    with pytest.raises(Forbidden):
        await room.topics.update(alice, topic_id, name="coffee")
    assert names(await room.topics.leave(alice, topic_id)) == ["carol", "bob"]


async def test_only_a_member_can_become_the_owner(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice, bob, eve = [await room.user(name) for name in ("alice", "bob", "eve")]

    for account, number in [
        ("eve", None),
        ("nobody", None),
        (None, eve.account.user_id),
        (None, UserId(1)),
        ("alice", bob.account.user_id),
    ]:
        with pytest.raises(BadRequest):
            await room.topics.update(alice, topic_id, owner_account=account, owner_id=number, name="coffee")

    topic = await room.stored(topic_id)
    assert (topic.owner.account, topic.name) == ("alice", "tea")
    assert not await room.exists("nobody")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, MissingField),
        ({"name": ""}, MissingField),
        ({"owner_account": ""}, MissingField),
        ({"name": "t" * 513}, TooBig),
        ({"bulletin": "b" * 10_241}, TooBig),
        ({"extra": "b" * 10_241}, TooBig),
        ({"bulletin": "\0"}, BadRequest),
    ],
)
async def test_a_malformed_update_changes_nothing(
    room: Room, changes: dict[str, str], refusal: type[DomainError]
) -> None:
    topic_id = await room.topic("alice", "bob")
    before = await room.stored(topic_id)

    with pytest.raises(refusal):
        await room.topics.update(await room.user("alice"), topic_id, **changes)  # type: ignore[arg-type]  # Texts only.

    assert await room.stored(topic_id) == before


async def test_a_dismissed_topic_is_gone_for_everybody(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")

    await room.topics.dismiss(await room.user("alice"), topic_id)

    for name in ("alice", "bob"):
        user = await room.user(name)
        assert await room.topics.list_mine(user) == ()
        with pytest.raises(NoSuchTopic):
            await room.topics.get(user, topic_id)


# ------------------------------------------------------------------ at the same time


async def test_of_two_invitations_for_the_last_place_one_wins(room: Room) -> None:
    topic_id = await room.topic("alice", "bob", "carol", "dave")
    alice, bob = await room.user("alice"), await room.user("bob")

    outcomes = await asyncio.gather(
        room.topics.invite(alice, topic_id, ["erin"]),
        room.elsewhere.invite(bob, topic_id, ["frank"]),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [TopicFull]
    assert len(await room.names(topic_id)) == LIMIT


async def test_a_burst_of_changes_on_one_node_all_succeed(room: Room) -> None:
    """More than the attempts a single change has: they queue instead of racing."""
    count = 4 * MAX_ATTEMPTS
    alice = Principal(make_app(1, limit=1000), (await room.user("alice")).account)
    topic_id = await room.topic("alice", "bob")

    await asyncio.gather(*(room.topics.invite(alice, topic_id, [f"m{n}"]) for n in range(count)))

    assert sorted(await room.names(topic_id)) == sorted(["alice", "bob", *(f"m{n}" for n in range(count))])


async def test_a_change_that_lost_the_race_is_made_on_top_of_the_winner(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice, bob = await room.user("alice"), await room.user("bob")
    room.store.interfere = lambda: room.elsewhere.invite(bob, topic_id, ["carol"])

    topic = await room.topics.invite(alice, topic_id, ["dave"])

    assert names(topic) == ["alice", "bob", "carol", "dave"]


async def test_who_is_kicked_during_their_change_is_refused(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice, bob = await room.user("alice"), await room.user("bob")
    room.store.interfere = lambda: room.elsewhere.kick(alice, topic_id, ["bob"])

    with pytest.raises(NotAMember):
        await room.topics.invite(bob, topic_id, ["mallory"])

    assert await room.names(topic_id) == ["alice"]


async def test_who_hands_over_during_their_change_is_refused(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice = await room.user("alice")
    room.store.interfere = lambda: room.elsewhere.update(alice, topic_id, owner_account="bob")

    with pytest.raises(Forbidden):
        await room.topics.dismiss(alice, topic_id)

    assert await room.names(topic_id) == ["bob", "alice"]


async def test_a_member_who_becomes_owner_while_leaving_stays(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice, bob = await room.user("alice"), await room.user("bob")
    room.store.interfere = lambda: room.elsewhere.update(alice, topic_id, owner_account="bob")

    with pytest.raises(OwnerMayNotLeave):
        await room.topics.leave(bob, topic_id)


async def test_an_heir_who_left_meanwhile_does_not_inherit(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice, bob = await room.user("alice"), await room.user("bob")
    room.store.interfere = lambda: room.elsewhere.leave(bob, topic_id)

    with pytest.raises(BadRequest):
        await room.topics.update(alice, topic_id, owner_account="bob")

    assert (await room.stored(topic_id)).owner.account == "alice"


async def test_a_topic_that_is_dismissed_meanwhile_is_not_there(room: Room) -> None:
    topic_id = await room.topic("alice", "bob")
    alice = await room.user("alice")
    room.store.interfere = lambda: room.elsewhere.dismiss(alice, topic_id)

    with pytest.raises(NoSuchTopic):
        await room.topics.update(alice, topic_id, name="coffee")


async def test_losing_every_race_is_given_up(room: Room) -> None:
    """The caller is told to repeat; the topic has the winners' changes alone."""
    topic_id = await room.topic("alice", "bob")
    alice = await room.user("alice")
    wins = 0

    async def win() -> None:
        nonlocal wins
        wins += 1
        await room.elsewhere.update(alice, topic_id, bulletin=f"win {wins}")
        room.store.interfere = win

    room.store.interfere = win
    with pytest.raises(Unavailable):
        await room.topics.update(alice, topic_id, name="coffee")

    assert wins == MAX_ATTEMPTS
    assert (await room.stored(topic_id)).name == "tea"


# ------------------------------------------------------------------ any order of calls

PEOPLE = ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]

steps = st.tuples(
    st.sampled_from(["invite", "leave", "kick", "transfer"]),
    st.sampled_from(PEOPLE),
    st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=25))
async def test_after_any_calls_a_topic_is_sound_and_as_a_plain_model_says(
    script: list[tuple[str, str, list[str]]],
) -> None:
    """The owner comes first, nobody is in twice, the limit holds, and refusals change nothing."""
    room = Room()
    people = {name: await room.user(name) for name in PEOPLE}
    topic_id = await room.topic("p0", "p1")
    owner, members = "p0", {"p0", "p1"}

    for verb, actor, others in script:
        calls = {
            "invite": lambda who, on: room.topics.invite(who, topic_id, on),
            "leave": lambda who, on: room.topics.leave(who, topic_id),
            "kick": lambda who, on: room.topics.kick(who, topic_id, on),
            "transfer": lambda who, on: room.topics.update(who, topic_id, owner_account=on[0]),
        }
        may = (
            actor in members
            and {
                "invite": len(members | set(others)) <= LIMIT or set(others) <= members,
                "leave": actor != owner,
                "kick": actor == owner and owner not in others,
                "transfer": actor == owner and others[0] in members,
            }[verb]
        )
        before = await room.stored(topic_id)
        try:
            topic = await calls[verb](people[actor], others)
        except DomainError:
            assert not may
            topic = await room.stored(topic_id)
            assert topic == before
        else:
            assert may
            if verb == "invite":
                members |= set(others)
            elif verb == "leave":
                members -= {actor}
            elif verb == "kick":
                members -= set(others)
            else:
                owner = others[0]
        assert topic == await room.stored(topic_id)
        assert topic.version >= before.version
        assert names(topic)[0] == topic.owner.account == owner
        assert len(topic.members) == len(members)
        assert set(names(topic)) == members


# ------------------------------------------------------------------ temporary accounts


async def test_temporary_accounts_make_no_topics(room: Room) -> None:
    """Their topics would be left without an owner."""
    alice = await room.user("alice", make_app(1, lifetime_s=60))

    with pytest.raises(Forbidden, match="uuidTTL"):
        await room.topics.create(alice, name="tea", accounts=["bob"])

    assert await room.topics.list_mine(alice) == ()
    assert not await room.exists("bob")


async def test_no_topic_is_handed_to_a_temporary_account(room: Room) -> None:
    """Nor anything else changed by such an update; other updates are fine."""
    topic_id = await room.topic("alice", "bob")
    alice = await room.user("alice", make_app(1, lifetime_s=60))
    bob = await room.user("bob")

    with pytest.raises(Forbidden, match="uuidTTL"):
        await room.topics.update(alice, topic_id, owner_account="bob", name="coffee")
    with pytest.raises(Forbidden, match="uuidTTL"):
        await room.topics.update(alice, topic_id, owner_id=bob.account.user_id)
    topic = await room.stored(topic_id)
    assert (topic.owner.account, topic.name) == ("alice", "tea")
    assert (await room.topics.update(alice, topic_id, name="cocoa")).name == "cocoa"
