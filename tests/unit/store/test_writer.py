"""The writer's thread: what one failure costs, what waits, how it ends."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from openmimc.errors import Unavailable
from openmimc.model.ids import Position, UserId
from openmimc.model.message import Commit
from openmimc.model.topic import TopicChange
from openmimc.store.sqlite import SqliteStore, writer
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.operations import Job
from openmimc.store.sqlite.stats import StoreStats
from tests.contract.drafts import APP, Outcome, append, append_one, p2p, p2t, packets_of, start_append

UNSTORABLE = "\ud800"
"""No UTF-8 can hold it."""


async def test_what_one_turn_of_the_loop_submits_is_one_transaction(store: SqliteStore) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    commits_before = store.stats.commits

    await append(store, *[p2p(alice, "bob", str(index)) for index in range(1_000)])

    assert store.stats.commits == commits_before + 1
    assert store.stats.appended_messages == 1_000
    assert store.stats.batch_operations.counts[-2] == 1
    assert sum(store.stats.commit_seconds.counts) == store.stats.commits
    assert store.stats.commit_seconds.total > 0
    assert store.stats.queued_operations == 0


async def test_a_transaction_has_a_bound(store: SqliteStore) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    commits_before = store.stats.commits

    outcomes = await append(
        store, *[p2p(alice, "bob", str(index), payload=bytes(65_536)) for index in range(300)]
    )

    assert all(isinstance(outcome, Commit) for outcome in outcomes)
    assert store.stats.commits == commits_before + 3


async def test_appends_and_cursor_moves_mix_without_smaller_statements(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    await store.open_device(bob.user_id, "phone")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)

    pending = []
    for index in range(100):
        pending.append(start_append(store, p2p(alice, "bob", str(index))))
        store.move_cursor(bob.user_id, "phone", Position(index))
    await asyncio.gather(*pending)
    connection.set_trace_callback(None)

    assert len(statements) < 13
    assert await store.open_device(bob.user_id, "phone") == 99


async def test_a_draft_that_cannot_be_stored_fails_alone(store: SqliteStore) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    drafts = [p2p(alice, "bob", str(index)) for index in range(20)]
    drafts[7] = p2p(alice, "bob", UNSTORABLE)

    outcomes = await append(store, *drafts)

    assert [index for index, outcome in enumerate(outcomes) if not isinstance(outcome, Commit)] == [7]
    assert isinstance(outcomes[7], Unavailable)
    assert await packets_of(store, bob.user_id) == [str(index) for index in range(20) if index != 7]


async def test_a_change_that_fails_half_way_is_undone_alone(store: SqliteStore) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (), name="n", extra="")
    await append_one(store, p2t(alice, topic.topic_id, "a-0"))
    too_large = UserId(2**70)

    before = start_append(store, p2p(alice, "bob", "a-1"))
    change = asyncio.ensure_future(
        store.change_topic(topic.topic_id, 1, TopicChange(name="half", add=(bob.user_id, too_large)))
    )
    await asyncio.sleep(0)
    after = start_append(store, p2t(alice, topic.topic_id, "a-2"))

    with pytest.raises(Unavailable):
        await change
    assert isinstance(await before, Commit)
    assert isinstance(await after, Commit)
    assert await packets_of(store, bob.user_id) == ["a-1"]
    assert await store.find_topic(topic.topic_id) == topic


async def test_what_a_failed_transaction_had_created_is_not_remembered(store: SqliteStore) -> None:
    """The new recipient's account is rolled back with the rest, and created again when the rest is repeated."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    async def append_and_check() -> Outcome:
        new = start_append(store, p2p(alice, "newcomer", "a-1"))
        await store.check_ready()  # Keeps the appends before and after it in statements of their own.
        return await new

    commits_before = store.stats.commits

    first = asyncio.ensure_future(append_and_check())
    await asyncio.sleep(0)
    broken = start_append(store, p2p(alice, "bob", UNSTORABLE))  # Within the same turn of the loop.
    outcome = await first
    newcomer = await store.find_account(APP, "newcomer")

    assert isinstance(await broken, Unavailable)
    assert store.stats.failed_commits >= 2
    assert store.stats.commits > commits_before
    assert isinstance(outcome, Commit)
    assert newcomer is not None
    assert newcomer.user_id == outcome.message.to_user_id


async def test_what_a_failed_change_had_created_is_not_remembered(store: SqliteStore) -> None:
    """The first recipient's account is undone with the messages, and created again with the next."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    with pytest.raises(Unavailable):
        await store.append_together(
            (p2p(alice, "newcomer", "a-1"), p2p(alice, "bob", "a-2", biz_type=UNSTORABLE))
        )
    gone = await store.find_account(APP, "newcomer")
    commit = await append_one(store, p2p(alice, "newcomer", "a-1"))
    newcomer = await store.find_account(APP, "newcomer")

    assert gone is None
    assert newcomer is not None
    assert newcomer.user_id == commit.message.to_user_id
    assert not commit.is_repeat


async def test_a_read_that_fails_costs_nobody_else_anything(store: SqliteStore) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    with pytest.raises(Unavailable):
        await store.find_account(APP, UNSTORABLE)

    assert await store.find_account(APP, "alice") == alice


async def test_a_taken_id_is_drawn_again(store: SqliteStore, ledger: Ledger) -> None:
    draws = iter([7, 7, 8, 8, 8, 8, 9, 7, 7, 10])
    ledger.new_id = lambda: next(draws)

    (first,) = await store.ensure_accounts(APP, ("alice",))
    second = await store.ensure_accounts(APP, ("bob", "carol"))
    topic = await store.create_topic(APP, first.user_id, (), name="", extra="")
    other = await store.create_topic(APP, first.user_id, (), name="", extra="")

    assert first.user_id == 7
    # Drawn with [7, 8], then [8, 8], then this.
    assert [account.user_id for account in second] == [8, 9]
    assert (topic.topic_id, other.topic_id) == (7, 10)


# ------------------------------------------------------------------ a file in trouble


async def test_a_locked_file_is_everybodys_trouble_until_it_is_free(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    """Another process may hold the lock for longer than the store waits."""
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(connection.execute("PRAGMA database_list").fetchone()[2], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    outcomes = await append(store, p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2"))
    with pytest.raises(Unavailable):
        await store.check_ready()
    other.execute("COMMIT")
    other.close()
    await store.check_ready()
    again = await append(store, p2p(alice, "bob", "a-1"), p2p(alice, "bob", "a-2"))

    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert [isinstance(outcome, Commit) and outcome.is_repeat for outcome in again] == [False, False]
    assert store.stats.failed_commits == 2


async def test_a_full_disk_stores_nothing_by_halves_and_is_recovered_from(
    store: SqliteStore, connection: sqlite3.Connection
) -> None:
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    topic = await store.create_topic(APP, alice.user_id, (), name="n", extra="")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    accepted = []
    for index in range(100):
        (outcome,) = await append(store, p2p(alice, f"user-{index}", str(index), payload=bytes(5_000)))
        if isinstance(outcome, Unavailable):
            break
        accepted.append(str(index))
    change = asyncio.ensure_future(store.change_topic(topic.topic_id, 1, TopicChange(add=(bob.user_id,))))
    await asyncio.sleep(0)  # What follows is of the same turn of the loop, so of the same transaction.
    burst = [start_append(store, p2p(alice, "bob", f"b-{index}", payload=bytes(5_000))) for index in range(20)]
    refused = await asyncio.gather(*burst)
    with pytest.raises(Unavailable):
        await change

    assert 0 < len(accepted) < 50
    assert {type(outcome) for outcome in refused} == {Unavailable}
    assert await store.find_topic(topic.topic_id) == topic
    assert await packets_of(store, bob.user_id) == []
    assert connection.execute("SELECT count(*) FROM message").fetchone()[0] == len(accepted)
    assert connection.execute("SELECT count(*) FROM packet").fetchone()[0] == len(accepted)
    assert connection.execute("SELECT count(*) FROM inbox").fetchone()[0] == len(accepted)
    assert connection.execute("SELECT count(*) FROM account").fetchone()[0] == len(accepted) + 2

    connection.execute("PRAGMA max_page_count = 1000000")
    again = await append(store, *[p2p(alice, "bob", f"b-{index}") for index in range(20)])

    assert [isinstance(outcome, Commit) and not outcome.is_repeat for outcome in again] == [True] * 20
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


# ------------------------------------------------------------------ what waits


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_QUEUED_OPERATIONS", 10), ("MAX_QUEUED_BYTES", 10 * (512 + 5))]
)
async def test_too_much_waiting_is_refused_at_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))
    monkeypatch.setattr(writer, limit, value)

    outcomes = await append(store, *[p2p(alice, "bob", str(index), payload=b"12345") for index in range(15)])
    later = await append(store, p2p(alice, "bob", "later"))

    assert [isinstance(outcome, Commit) for outcome in outcomes] == [True] * 10 + [False] * 5
    assert {type(outcome) for outcome in outcomes[10:]} == {Unavailable}
    assert isinstance(later[0], Commit)
    assert store.stats.refused_operations == 5


async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(store: SqliteStore) -> None:
    (alice,) = await store.ensure_accounts(APP, ("alice",))

    accepted = [start_append(store, p2p(alice, "bob", str(index))) for index in range(50)]
    await store.aclose()
    outcomes = await asyncio.gather(*accepted)
    refused = await append(store, p2p(alice, "bob", "late"))

    assert all(isinstance(outcome, Commit) for outcome in outcomes)
    assert isinstance(refused[0], Unavailable)
    with pytest.raises(Unavailable):
        await store.find_account(APP, "alice")
    with pytest.raises(Unavailable):
        await store.ensure_accounts(APP, ("alice",))


async def test_closing_does_not_overtake_what_this_turn_submitted(
    connection: sqlite3.Connection, ledger: Ledger
) -> None:
    loop = asyncio.get_running_loop()
    bare = writer.Writer(connection, ledger, StoreStats(), loop)
    done: asyncio.Future[object] = loop.create_future()

    bare.submit(Job(lambda _: "done", done, is_one_statement=True))
    await bare.aclose()

    assert await asyncio.wait_for(done, timeout=5) == "done"


async def test_closing_twice_is_harmless(store: SqliteStore) -> None:
    await asyncio.gather(store.aclose(), store.aclose())

    await store.aclose()


async def test_a_caller_that_gives_up_waiting_does_no_harm(store: SqliteStore) -> None:
    write = asyncio.ensure_future(store.ensure_accounts(APP, ("alice",)))
    read = asyncio.ensure_future(store.find_account(APP, "bob"))
    await asyncio.sleep(0)

    write.cancel()
    read.cancel()
    await asyncio.wait([write, read])

    assert write.cancelled()
    assert read.cancelled()
    await store.check_ready()  # By now the change has had its turn.
    assert await store.find_account(APP, "alice") is not None
