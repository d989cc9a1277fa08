"""Bulk statements do what a statement per row does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.store.sqlite.bulk import MAX_ROWS, Bulk

values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
_numbers = msgspec.json.Decoder(list[int])

INSERT = Bulk(("a", "b"), "INSERT INTO t (a, b, c) SELECT a, b, ? FROM v WHERE a IS NOT NULL")


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, a, b, c)")
    yield connection
    connection.close()


@given(st.lists(st.tuples(values.filter(lambda value: value is not None), values), max_size=70))
def test_all_rows_arrive_in_order_and_unchanged(
    rows: list[tuple[int | str | bytes, int | str | bytes | None]],
) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, a, b, c)")

    changed = INSERT.run(connection, rows, "same")
    stored = connection.execute("SELECT a, b, c FROM t ORDER BY n").fetchall()
    connection.close()

    assert changed == len(rows)
    assert stored == [(*row, "same") for row in rows]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 511, 512, 513, 1025])
def test_every_size_works(table: sqlite3.Connection, count: int) -> None:
    statements: list[str] = []
    table.set_trace_callback(statements.append)

    changed = INSERT.run(table, [(number, None) for number in range(count)], None)
    table.set_trace_callback(None)
    found = Bulk(("a",), "SELECT json_group_array(t.a) FROM v CROSS JOIN t ON t.a = v.a").fetch(
        table, _numbers, [(number,) for number in range(0, count, 2)]
    )
    table.close()

    assert changed == count
    assert len(statements) == -(-count // MAX_ROWS)
    assert found == list(range(0, count, 2))
