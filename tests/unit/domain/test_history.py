"""Who may read what was said, and how much of it at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmimc.domain import history
from openmimc.domain.history import (
    DAY_MS,
    MAX_PERIOD_MS,
    PAGE_ROWS,
    ByCount,
    BySequence,
    ByTime,
    Excerpt,
    Selection,
    first_sequence,
)
from openmimc.errors import (
    BadRequest,
    DomainError,
    Forbidden,
    MissingField,
    NoSuchTopic,
    NotAMember,
    TooBig,
)
from openmimc.model.app import AppSettings
from openmimc.model.ids import Sequence, TopicId
from openmimc.model.message import Message
from tests.unit.domain.talk import START_MS, Talk, texts

ALL_DAY = ByTime(START_MS, START_MS + MAX_PERIOD_MS)
EVER = BySequence(Sequence(0), Sequence(2**63 - 1))
NEWEST = ByCount(START_MS + MAX_PERIOD_MS, 100)


@pytest.fixture
async def talk() -> Talk:
    return Talk()


# ------------------------------------------------------------------ what is shown


@pytest.mark.parametrize("selection", [ALL_DAY, EVER, NEWEST])
async def test_a_conversation_is_what_two_said_to_each_other(talk: Talk, selection: Selection) -> None:
    """Either may ask, whoever is named first; others, other conversations and topics do not show."""
    topic_id = await talk.topic("alice", "bob")
    await talk.say("alice", "bob", "1")
    await talk.say("bob", "alice", "2")
    await talk.say("alice", "carol", "to carol")
    await talk.say("carol", "bob", "from carol")
    await talk.tell("alice", topic_id, "to all")
    await talk.say("alice", "bob", "3")
    alice = await talk.user("alice")

    asked_by_alice = await talk.read("alice", "bob", selection)
    asked_by_bob = await talk.read("bob", "alice", selection)
    turned_round = await talk.history.read_p2p(
        alice, from_account="bob", to_account="alice", selection=selection
    )

    assert texts(asked_by_alice) == ["1", "2", "3"]
    assert asked_by_alice == asked_by_bob == turned_round


async def test_notes_to_oneself_are_a_conversation_of_their_own(talk: Talk) -> None:
    await talk.say("alice", "alice", "note")
    await talk.say("alice", "bob", "hello")

    assert texts(await talk.read("alice", "alice", EVER)) == ["note"]


async def test_what_was_not_to_be_stored_does_not_show(talk: Talk) -> None:
    await talk.say("alice", "bob", "secret", is_store=False)
    await talk.say("alice", "bob", "open")

    assert texts(await talk.read("bob", "alice", EVER)) == ["open"]


async def test_what_is_past_its_time_does_not_show_though_it_is_not_swept_away_yet() -> None:
    talk = Talk(AppSettings(msgStorageTime=2))
    await talk.say("alice", "bob", "old")
    talk.clock.advance(1)
    await talk.say("alice", "bob", "younger")
    talk.clock.advance(2 * DAY_MS)

    assert texts(await talk.read("alice", "bob", EVER)) == ["younger"]
    assert texts(await talk.read("alice", "bob", ByCount(talk.clock.now_ms(), 5))) == ["younger"]
    assert texts(await talk.read("alice", "bob", ALL_DAY)) == ["younger"]
    assert texts(await talk.read("alice", "bob", ByTime(0, MAX_PERIOD_MS))) == []


async def test_with_an_account_never_seen_nothing_was_said_and_it_is_not_created(talk: Talk) -> None:
    assert await talk.read("alice", "nobody", EVER) == Excerpt((), None)
    assert not await talk.exists("nobody")


async def test_accounts_of_one_name_in_two_apps_do_not_meet(talk: Talk) -> None:
    await talk.say("alice", "bob", "hello")
    stranger = await talk.user("alice", talk.other_app)
    await talk.user("bob", talk.other_app)

    excerpt = await talk.history.read_p2p(stranger, from_account="alice", to_account="bob", selection=EVER)

    assert excerpt == Excerpt((), None)


# ------------------------------------------------------------------ ranges


async def test_a_period_holds_its_first_millisecond_and_not_its_last(talk: Talk) -> None:
    for text in ("before", "first", "last", "after"):
        await talk.say("alice", "bob", text)
        await talk.say("alice", "bob", text + " again")
        talk.clock.advance(1)

    excerpt = await talk.read("alice", "bob", ByTime(START_MS + 1, START_MS + 3))

    assert texts(excerpt) == ["first", "first again", "last", "last again"]
    assert excerpt.next_sequence is None


async def test_a_range_of_sequences_holds_its_start_and_not_its_stop(talk: Talk) -> None:
    sent = [await talk.say("alice", "bob", str(n)) for n in range(5)]

    excerpt = await talk.read("alice", "bob", BySequence(sent[1].sequence, sent[3].sequence))

    assert texts(excerpt) == ["1", "2"]


async def test_the_newest_are_told_in_the_order_they_were_said(talk: Talk) -> None:
    for text in ("1", "2", "3", "4"):
        await talk.say("alice", "bob", text)
        talk.clock.advance(1)

    assert texts(await talk.read("alice", "bob", ByCount(START_MS + 3, 2))) == ["2", "3"]


@pytest.mark.parametrize("to_ms", [START_MS + 1, 2**53 - 1, 2**63 - 1])
async def test_the_newest_before_a_time_to_come_are_the_newest_of_all(talk: Talk, to_ms: int) -> None:
    await talk.say("alice", "bob", "hello")

    assert texts(await talk.read("alice", "bob", ByCount(to_ms, PAGE_ROWS))) == ["hello"]


@pytest.mark.parametrize(
    ("selection", "refusal"),
    [
        (ByTime(5, 5), BadRequest),
        (ByTime(6, 5), BadRequest),
        (ByTime(5, 5 + MAX_PERIOD_MS + 1), BadRequest),
        (ByTime(5, 7, Sequence(49_999)), BadRequest),
        (ByTime(5, 7, Sequence(70_000)), BadRequest),
        (ByTime(2**62, 2**62 + 1), BadRequest),
        (ByCount(0, 5), BadRequest),
        (ByCount(5, 0), BadRequest),
        (ByCount(5, PAGE_ROWS + 1), TooBig),
        (ByCount(5, 5, Sequence(0)), BadRequest),
        (ByCount(5, 5, Sequence(50_001)), BadRequest),
        (BySequence(Sequence(5), Sequence(5)), BadRequest),
        (BySequence(Sequence(6), Sequence(5)), BadRequest),
    ],
)
async def test_ranges_that_are_empty_reversed_or_too_long_are_refused(
    talk: Talk, selection: Selection, refusal: type[DomainError]
) -> None:
    """Whether or not there is anything to read."""
    alice = await talk.user("alice")

    with pytest.raises(refusal):
        await talk.read("alice", "bob", selection)
    for read in (talk.history.read_p2t, talk.history.read_group):
        with pytest.raises(refusal):
            await read(alice, TopicId(1), account=None, selection=selection)


@pytest.mark.parametrize(
    "selection",
    [
        ByTime(5, 5 + MAX_PERIOD_MS),
        ByTime(5, 7, Sequence(50_000)),
        ByTime(5, 7, Sequence(69_999)),
        ByCount(5, PAGE_ROWS),
        ByCount(5, 1, Sequence(50_000)),
        ByCount(5, 1, Sequence(1)),
        BySequence(Sequence(0), Sequence(1)),
    ],
)
async def test_ranges_at_their_limits_are_fine(talk: Talk, selection: Selection) -> None:
    assert await talk.read("alice", "bob", selection) == Excerpt((), None)


# ------------------------------------------------------------------ pages


async def test_a_page_that_holds_all_does_not_lead_on(talk: Talk) -> None:
    for n in range(PAGE_ROWS):
        await talk.say("alice", "bob", str(n))

    for selection in (ALL_DAY, EVER, ByCount(START_MS + 1, PAGE_ROWS)):
        excerpt = await talk.read("alice", "bob", selection)
        assert len(excerpt.messages) == PAGE_ROWS
        assert excerpt.next_sequence is None


async def test_one_message_more_than_a_page_leads_on_to_itself(talk: Talk) -> None:
    sent = [await talk.say("alice", "bob", str(n)) for n in range(PAGE_ROWS + 1)]

    for selection in (ALL_DAY, EVER):
        excerpt = await talk.read("alice", "bob", selection)
        assert excerpt.messages == tuple(sent[:-1])
        assert excerpt.next_sequence == sent[-2].sequence + 1
    newest = await talk.read("alice", "bob", ByCount(START_MS + 1, PAGE_ROWS))
    assert newest.messages == tuple(sent[1:])
    assert newest.next_sequence == sent[1].sequence


pauses = st.lists(st.sampled_from([0, 0, 0, 1, 7]), max_size=25)


@settings(deadline=None)
@given(pauses=pauses, begin=st.integers(-2, 60), length=st.integers(1, 80), page=st.integers(1, 5))
async def test_walking_page_by_page_meets_every_message_of_the_range_once(
    pauses: list[int], begin: int, length: int, page: int
) -> None:
    """Whichever way the range is named, and whatever else is said elsewhere."""
    talk = Talk()
    model = []
    for pause in pauses:
        talk.clock.advance(pause)
        model.append(await talk.say("alice", "bob"))
        await talk.say("alice", "carol")
    from_ms, to_ms = START_MS + begin, START_MS + begin + length
    in_period = [message for message in model if from_ms <= message.timestamp_ms < to_ms]
    until = [message for message in model if message.timestamp_ms < to_ms]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "PAGE_ROWS", page)
        by_time: list[Message] = []
        start: Sequence | None = first_sequence(from_ms)
        while start is not None:
            excerpt = await talk.read("alice", "bob", ByTime(from_ms, to_ms, start))
            by_time += excerpt.messages
            start = excerpt.next_sequence
        by_sequence: list[Message] = []
        start = first_sequence(from_ms)
        while start is not None:
            excerpt = await talk.read("alice", "bob", BySequence(start, first_sequence(to_ms)))
            by_sequence += excerpt.messages
            start = excerpt.next_sequence
        by_count: list[Message] = []
        stop: Sequence | None = first_sequence(to_ms)
        while stop is not None:
            excerpt = await talk.read("alice", "bob", ByCount(to_ms, page, stop))
            by_count = [*excerpt.messages, *by_count]
            stop = excerpt.next_sequence

    assert by_time == in_period
    assert by_sequence == in_period
    assert by_count == until


# ------------------------------------------------------------------ who may read


@pytest.mark.parametrize(("first", "second"), [("alice", "bob"), ("bob", "alice"), ("alice", "nobody")])
async def test_a_conversation_of_others_is_closed(talk: Talk, first: str, second: str) -> None:
    """Whether or not the two exist, the refusal is the same."""
    await talk.say("alice", "bob", "secret")
    eve = await talk.user("eve")

    with pytest.raises(Forbidden):
        await talk.history.read_p2p(eve, from_account=first, to_account=second, selection=EVER)


@pytest.mark.parametrize(
    ("account", "refusal"), [("", MissingField), ("b" * 257, TooBig), ("b\0b", BadRequest)]
)
async def test_accounts_must_be_names(talk: Talk, account: str, refusal: type[DomainError]) -> None:
    alice = await talk.user("alice")

    with pytest.raises(refusal):
        await talk.history.read_p2p(alice, from_account="alice", to_account=account, selection=EVER)
    with pytest.raises(refusal):
        await talk.history.read_p2p(alice, from_account=account, to_account="alice", selection=EVER)


async def test_members_read_what_was_said_in_their_topic(talk: Talk) -> None:
    """All of it, also from before they came."""
    topic_id = await talk.topic("alice", "bob")
    elsewhere = await talk.topic("alice", "bob")
    await talk.tell("alice", topic_id, "1")
    await talk.tell("bob", topic_id, "2")
    await talk.tell("bob", elsewhere, "elsewhere")
    await talk.say("alice", "bob", "aside")
    await talk.topics.invite(await talk.user("alice"), topic_id, ["carol"])
    carol = await talk.user("carol")

    for selection in (ALL_DAY, EVER, NEWEST):
        for account in (None, "carol"):
            excerpt = await talk.history.read_p2t(carol, topic_id, account=account, selection=selection)
            assert texts(excerpt) == ["1", "2"]


async def test_who_is_not_in_a_topic_now_reads_nothing_of_it(talk: Talk) -> None:
    topic_id = await talk.topic("alice", "bob")
    await talk.tell("bob", topic_id, "secret")
    bob, eve = await talk.user("bob"), await talk.user("eve")
    await talk.topics.leave(bob, topic_id)

    for outsider in (bob, eve):
        with pytest.raises(NotAMember):
            await talk.history.read_p2t(outsider, topic_id, account=None, selection=EVER)


async def test_a_topic_of_another_app_or_none_does_not_exist(talk: Talk) -> None:
    topic_id = await talk.topic("alice", "bob")
    gone = await talk.topic("alice", "bob")
    alice = await talk.user("alice")
    await talk.topics.dismiss(alice, gone)
    stranger = await talk.user("alice", talk.other_app)

    for caller, asked in ((stranger, topic_id), (alice, gone), (alice, TopicId(99))):
        with pytest.raises(NoSuchTopic):
            await talk.history.read_p2t(caller, asked, account=None, selection=EVER)


async def test_nobody_reads_a_topic_in_anothers_name(talk: Talk) -> None:
    topic_id = await talk.topic("alice", "bob")

    with pytest.raises(Forbidden):
        await talk.history.read_p2t(await talk.user("bob"), topic_id, account="alice", selection=EVER)


# ------------------------------------------------------------------ unlimited groups


async def test_members_read_what_was_said_in_their_group(talk: Talk) -> None:
    """All of it, also from before they came, and whatever else is said elsewhere."""
    group_id = await talk.group("alice", "bob")
    elsewhere = await talk.group("alice", "bob")
    topic_id = await talk.topic("alice", "bob")
    await talk.call_out("alice", group_id, "1")
    await talk.call_out("bob", group_id, "2")
    await talk.call_out("bob", elsewhere, "elsewhere")
    await talk.tell("bob", topic_id, "in a topic")
    await talk.say("alice", "bob", "aside")
    await talk.join("carol", group_id)
    carol = await talk.user("carol")

    for selection in (ALL_DAY, EVER, NEWEST):
        for account in (None, "carol"):
            excerpt = await talk.history.read_group(carol, group_id, account=account, selection=selection)
            assert texts(excerpt) == ["1", "2"]


async def test_what_was_said_in_groups_shows_nowhere_else(talk: Talk) -> None:
    group_id = await talk.group("alice", "bob")
    topic_id = await talk.topic("alice", "bob")
    await talk.call_out("alice", group_id)
    alice = await talk.user("alice")

    of_topic = await talk.history.read_p2t(alice, topic_id, account=None, selection=EVER)

    assert of_topic == await talk.read("alice", "bob", EVER) == Excerpt((), None)


async def test_what_was_not_to_be_stored_does_not_show_in_a_group(talk: Talk) -> None:
    group_id = await talk.group("alice")
    await talk.call_out("alice", group_id, "secret", is_store=False)
    await talk.call_out("alice", group_id, "open")

    alice = await talk.user("alice")
    excerpt = await talk.history.read_group(alice, group_id, account=None, selection=EVER)

    assert texts(excerpt) == ["open"]


async def test_what_is_past_its_time_does_not_show_in_a_group() -> None:
    talk = Talk(AppSettings(msgStorageTime=2))
    group_id = await talk.group("alice")
    await talk.call_out("alice", group_id, "old")
    talk.clock.advance(1)
    await talk.call_out("alice", group_id, "younger")
    talk.clock.advance(2 * DAY_MS)

    alice = await talk.user("alice")
    excerpt = await talk.history.read_group(alice, group_id, account=None, selection=EVER)

    assert texts(excerpt) == ["younger"]


async def test_a_groups_history_is_walked_page_by_page(talk: Talk) -> None:
    group_id = await talk.group("alice")
    sent = [await talk.call_out("alice", group_id, str(n)) for n in range(PAGE_ROWS + 1)]
    alice = await talk.user("alice")

    first = await talk.history.read_group(alice, group_id, account=None, selection=EVER)
    assert first.next_sequence is not None
    rest = BySequence(first.next_sequence, Sequence(2**63 - 1))
    second = await talk.history.read_group(alice, group_id, account=None, selection=rest)

    assert (*first.messages, *second.messages) == tuple(sent)
    assert second.next_sequence is None


async def test_who_is_not_in_a_group_now_reads_nothing_of_it(talk: Talk) -> None:
    """Not even the owner who left."""
    group_id = await talk.group("alice", "bob")
    await talk.call_out("bob", group_id, "secret")
    await talk.leave("alice", group_id)
    await talk.leave("bob", group_id)

    for name in ("alice", "bob", "eve"):
        with pytest.raises(NotAMember):
            await talk.history.read_group(await talk.user(name), group_id, account=None, selection=EVER)


async def test_a_group_of_another_app_or_none_does_not_exist(talk: Talk) -> None:
    group_id = await talk.group("alice")
    gone = await talk.group("alice")
    topic_id = await talk.topic("alice", "bob")
    alice = await talk.user("alice")
    await talk.groups.dismiss(alice, gone)
    stranger = await talk.user("alice", talk.other_app)

    for caller, asked in ((stranger, group_id), (alice, gone), (alice, topic_id), (alice, TopicId(99))):
        with pytest.raises(NoSuchTopic):
            await talk.history.read_group(caller, asked, account=None, selection=EVER)


async def test_nobody_reads_a_group_in_anothers_name(talk: Talk) -> None:
    group_id = await talk.group("alice", "bob")

    with pytest.raises(Forbidden):
        await talk.history.read_group(await talk.user("bob"), group_id, account="alice", selection=EVER)
