"""Files of every age are brought to the newest schema, or left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from openmimc.model.app import Account
from openmimc.model.ids import SEQUENCES_PER_MS, Position, Sequence, TopicId, UserId
from openmimc.model.insight import Device, HourCount
from openmimc.model.message import Kind, Message, Sender
from openmimc.store.errors import SqliteTooOld, StoreError, StoreTooNew
from openmimc.store.sqlite import SqliteStore
from openmimc.store.sqlite.connection import check_sqlite
from openmimc.store.sqlite.migration import Migration, load_migrations, migrate
from tests.contract.drafts import APP, append_one, group_of, inbox_of, p2p, uc
from tests.fakes.clock import FakeClock

FIRST = Migration(
    1,
    """
    CREATE TABLE person (name TEXT); -- a comment; with a semicolon
    INSERT INTO person VALUES ('Ann'), ('Bob; or; Rob');
    CREATE TRIGGER no_cid BEFORE INSERT ON person WHEN new.name = 'Cid' BEGIN
      SELECT 1;
      SELECT raise(ABORT, 'no Cid');
    END;
    """,
)
SECOND = Migration(2, "ALTER TABLE person ADD COLUMN age INTEGER; UPDATE person SET age = 7 WHERE name = 'Ann'")
BROKEN = Migration(2, "ALTER TABLE person ADD COLUMN age INTEGER; UPDATE person SET no_such_column = 7;")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def foreign_file(path: Path) -> Path:
    path.write_bytes(b"no database at all" * 100)
    return path


def version_of(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def test_an_empty_file_gets_every_migration(file: sqlite3.Connection) -> None:
    migrate(file, (FIRST, SECOND))

    assert version_of(file) == 2
    assert file.execute("SELECT * FROM person").fetchall() == [("Ann", 7), ("Bob; or; Rob", None)]


def test_an_older_file_gets_what_it_lacks_and_keeps_its_data(file: sqlite3.Connection) -> None:
    migrate(file, (FIRST,))
    file.execute("INSERT INTO person VALUES ('Dan')")

    migrate(file, (FIRST, SECOND))
    migrate(file, (FIRST, SECOND))

    assert version_of(file) == 2
    assert file.execute("SELECT * FROM person").fetchall() == [
        ("Ann", 7),
        ("Bob; or; Rob", None),
        ("Dan", None),
    ]


def test_a_newer_file_is_refused_and_left_alone(file: sqlite3.Connection) -> None:
    migrate(file, (FIRST, SECOND))

    with pytest.raises(StoreTooNew) as refusal:
        migrate(file, (FIRST,))

    assert (refusal.value.found, refusal.value.known) == (2, 1)
    assert not file.in_transaction
    assert version_of(file) == 2


def test_a_migration_that_fails_leaves_the_version_before_it(file: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError):
        migrate(file, (FIRST, BROKEN))

    assert version_of(file) == 1
    assert file.execute("SELECT * FROM person").fetchall() == [("Ann",), ("Bob; or; Rob",)]
    migrate(file, (FIRST, SECOND))
    assert version_of(file) == 2


def test_the_packages_migrations_are_numbered_without_gaps() -> None:
    versions = [migration.version for migration in load_migrations()]

    assert versions == list(range(1, len(versions) + 1))


async def test_contacts_are_made_of_the_messages_of_an_older_file(path: Path, clock: FakeClock) -> None:
    old = sqlite3.connect(path, isolation_level=None)
    migrate(old, load_migrations()[:1])
    names = {11: "alice", 12: "bob", 13: "carol"}
    for user_id, name in names.items():
        old.execute(
            "INSERT INTO account (user_id, app_id, name, created_ms) VALUES (?, ?, ?, 0)", (user_id, APP, name)
        )
    for sequence, (sender_id, target_id, is_store) in enumerate(
        [(11, 12, 1), (12, 11, 1), (13, 11, 1), (11, 11, 1), (12, 13, 0)], start=1
    ):
        old.execute(
            "INSERT INTO message VALUES (?, ?, 1, ?, ?, '', ?, ?, 'p', x'', NULL, ?)",
            (sequence, APP, sender_id, names[sender_id], target_id, names[target_id], is_store),
        )
    old.close()

    store = SqliteStore.open(path, clock=clock)
    contacts = {
        name: [
            (contact.name, contact.last_message.sequence)
            for contact in await store.contacts_of(UserId(user_id), not_before_ms=0, limit=10)
        ]
        for user_id, name in names.items()
    }
    await store.aclose()

    assert contacts == {
        "alice": [("alice", 4), ("carol", 3), ("bob", 2)],
        "bob": [("alice", 2)],
        "carol": [("alice", 3)],
    }


async def test_a_file_of_before_unlimited_groups_keeps_what_it_has(path: Path, clock: FakeClock) -> None:
    """And its messages have no numbers: the first that asks for one gets 1."""
    old = sqlite3.connect(path, isolation_level=None)
    migrate(old, load_migrations()[:2])
    for user_id, name in ((11, "alice"), (12, "bob")):
        old.execute(
            "INSERT INTO account (user_id, app_id, name, created_ms) VALUES (?, ?, ?, 0)", (user_id, APP, name)
        )
    old.execute("INSERT INTO topic VALUES (21, ?, 11, 'n', '', '', 1)", (APP,))
    old.execute("INSERT INTO topic_member (topic_id, user_id) VALUES (21, 11), (21, 12)")
    for sequence, kind, target_id, target in ((1, 1, 12, "bob"), (2, 2, 21, "")):
        old.execute(
            "INSERT INTO message VALUES (?, ?, ?, 11, 'alice', 'phone', ?, ?, ?, x'00ff', 'b', 1)",
            (sequence, APP, kind, target_id, target, f"p-{sequence}"),
        )
        old.execute("INSERT INTO inbox VALUES (12, ?)", (sequence,))
    old.close()

    store = SqliteStore.open(path, clock=clock)
    alice, bob = await store.ensure_accounts(APP, ("alice", "bob"))
    inbox = await inbox_of(store, bob.user_id)
    numbered = await append_one(store, msgspec.structs.replace(p2p(bob, "alice", "p-3"), wants_index=True))
    group_id = await group_of(store, alice, bob)
    in_group = await append_one(store, uc(bob, group_id, "p-4"))
    log = await store.read_group(group_id, after=Sequence(0), not_before_ms=0, limit=9, max_bytes=99)
    await store.aclose()

    sender = Sender(APP, UserId(11), "alice", "phone")
    assert [delivery.message for delivery in inbox] == [
        Message(
            Sequence(1), Kind.P2P, sender, UserId(12), "bob", TopicId(0), "p-1", b"\x00\xff", "b", is_store=True
        ),
        Message(
            Sequence(2), Kind.P2T, sender, UserId(0), "", TopicId(21), "p-2", b"\x00\xff", "b", is_store=True
        ),
    ]
    assert numbered.message.index == 1
    assert log == (in_group.message,)


async def test_the_messages_of_a_file_of_before_the_console_are_counted(path: Path, clock: FakeClock) -> None:
    """And all else that it has stays, and can be changed."""
    old = sqlite3.connect(path, isolation_level=None)
    migrate(old, load_migrations()[:3])
    old.execute(
        "INSERT INTO account (user_id, app_id, name, token_generation, banned, created_ms)"
        " VALUES (11, ?, 'alice', 3, 1, 0)",
        (APP,),
    )
    old.execute("INSERT INTO device VALUES (11, 'phone', 5, 6)")
    per_hour = SEQUENCES_PER_MS * 3_600_000
    rows = [
        (5 * per_hour, 1),
        (6 * per_hour - 1, 1),
        (6 * per_hour, 1),
        (6 * per_hour + 1, 2),
        (6 * per_hour + 2, 8),
    ]
    for sequence, kind in rows:
        old.execute(
            "INSERT INTO message VALUES (?, ?, ?, 11, 'alice', 'phone', 12, '', 'p', x'', NULL, 0, NULL)",
            (sequence, APP, kind),
        )
    old.close()

    store = SqliteStore.open(path, clock=clock)
    counts = await store.count_messages(APP, from_ms=0, to_ms=2**53)
    (account,) = await store.search_accounts(APP, "", after="", limit=9)
    devices = await store.devices_of(UserId(11))
    revocations = [await store.revoked_since(0)]
    await store.change_account(UserId(11), revoke_tokens=True)
    revocations.append(await store.revoked_since(0))
    operators = await store.list_operators()
    await store.aclose()

    assert counts == (
        HourCount(5 * 3_600_000, Kind.P2P, 2),
        HourCount(6 * 3_600_000, Kind.P2P, 1),
        HourCount(6 * 3_600_000, Kind.P2T, 1),
        HourCount(6 * 3_600_000, Kind.GROUP, 1),
    )
    assert account == Account(APP, UserId(11), "alice", token_generation=3, is_banned=True)
    assert devices == (Device("phone", Position(5), 6),)
    assert revocations == [(0, ()), (1, (UserId(11),))]
    assert operators == ()


async def test_a_store_of_a_newer_version_is_refused(path: Path, clock: FakeClock) -> None:
    newer = (*load_migrations(), Migration(len(load_migrations()) + 1, "CREATE TABLE later (x);"))
    await SqliteStore.open(path, clock=clock, migrations=newer).aclose()

    with pytest.raises(StoreTooNew):
        SqliteStore.open(path, clock=clock)


async def test_a_file_that_is_no_store_is_refused_with_its_name(foreign_file: Path, clock: FakeClock) -> None:
    with pytest.raises(StoreError, match=r"openmimc\.db"):
        SqliteStore.open(foreign_file, clock=clock)


async def test_a_missing_folder_is_refused_with_its_name(path: Path, clock: FakeClock) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        SqliteStore.open(path.parent / "nowhere" / "openmimc.db", clock=clock)


async def test_only_its_owner_can_read_the_file(path: Path, clock: FakeClock) -> None:
    store = SqliteStore.open(path, clock=clock)
    await store.check_ready()
    modes = {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()}
    await store.aclose()

    assert modes == dict.fromkeys(("openmimc.db", "openmimc.db-wal", "openmimc.db-shm"), 0o600)


def test_an_old_library_is_refused() -> None:
    with pytest.raises(SqliteTooOld, match=r"3\.38\.0"):
        check_sqlite((3, 37, 2))


def test_this_library_serves() -> None:
    check_sqlite()
