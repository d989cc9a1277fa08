"""Devices, their cursors, and which users have which."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from openmimc.model.ids import Position, UserId
from openmimc.model.insight import Device
from openmimc.store.sqlite.bulk import Bulk
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.operations import CursorMove

_pairs = msgspec.json.Decoder(list[tuple[UserId, str]])

# ``v`` is the outer loop: its rows name the whole primary key of a device.
_MOVE = Bulk(
    ("user_id", "resource", "cursor"),
    "UPDATE device SET cursor = v.cursor, seen_ms = ? FROM v"
    " WHERE device.user_id = v.user_id AND device.resource = v.resource AND device.cursor < v.cursor",
)
_RESOURCES = Bulk(
    ("user_id",),
    "SELECT json_group_array(json_array(d.user_id, d.resource))"
    " FROM v CROSS JOIN device d ON d.user_id = v.user_id",
)


def open_device(ledger: Ledger, user_id: UserId, resource: str) -> Position:
    """Return the device's cursor; make the device known first if it is not. One statement."""
    ledger.resources.drop(user_id)
    rows = ledger.connection.execute(
        "INSERT INTO device (user_id, resource, cursor, seen_ms)"
        " VALUES (?1, ?2, coalesce((SELECT max(cursor) FROM device WHERE user_id = ?1), 0), ?3)"
        " ON CONFLICT DO UPDATE SET seen_ms = excluded.seen_ms RETURNING cursor",
        (user_id, resource, ledger.clock.now_ms()),
    ).fetchall()
    return Position(rows[0][0])


def find(connection: sqlite3.Connection, user_id: UserId) -> tuple[Device, ...]:
    """Return a user's devices, the one seen last first."""
    rows = connection.execute(
        "SELECT resource, cursor, seen_ms FROM device WHERE user_id = ? ORDER BY seen_ms DESC, resource",
        (user_id,),
    ).fetchall()
    return tuple(Device(resource, Position(cursor), seen_ms) for resource, cursor, seen_ms in rows)


def move_cursors(ledger: Ledger, moves: Sequence[CursorMove]) -> None:
    """Move cursors of known devices forward."""
    greatest: dict[tuple[UserId, str], Position] = {}
    for move in moves:
        device = (move.user_id, move.resource)
        if greatest.get(device, -1) < move.position:
            greatest[device] = move.position
    rows = [(*device, position) for device, position in greatest.items()]
    _MOVE.run(ledger.connection, rows, ledger.clock.now_ms())


def resources_of(ledger: Ledger, user_ids: Iterable[UserId]) -> dict[UserId, tuple[str, ...]]:
    """Return the resources of users' known devices; () for a user without any."""
    resources: dict[UserId, tuple[str, ...]] = {}
    unknown: list[UserId] = []
    for user_id in dict.fromkeys(user_ids):
        remembered = ledger.resources.get(user_id)
        if remembered is None:
            unknown.append(user_id)
        else:
            resources[user_id] = remembered
    if unknown:
        fetched: dict[UserId, list[str]] = {user_id: [] for user_id in unknown}
        for user_id, resource in _RESOURCES.fetch(
            ledger.connection, _pairs, [(user_id,) for user_id in unknown]
        ):
            fetched[user_id].append(resource)
        for user_id, found in fetched.items():
            resources[user_id] = tuple(found)
            ledger.resources.put(user_id, tuple(found))
    return resources
