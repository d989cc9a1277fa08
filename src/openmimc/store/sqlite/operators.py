"""Operators of the console and their logins."""

from __future__ import annotations

import sqlite3

from openmimc.model.operator import Operator, OperatorSession
from openmimc.store.sqlite.ledger import Ledger


def find(connection: sqlite3.Connection, name: str) -> Operator | None:
    """Look an operator up."""
    rows = connection.execute(
        "SELECT name, password_hash, created_ms FROM operator WHERE name = ?", (name,)
    ).fetchall()
    return Operator(*rows[0]) if rows else None


def find_all(connection: sqlite3.Connection) -> tuple[Operator, ...]:
    """Return all operators, oldest first."""
    rows = connection.execute(
        "SELECT name, password_hash, created_ms FROM operator ORDER BY created_ms, name"
    ).fetchall()
    return tuple(Operator(*row) for row in rows)


def create_first(ledger: Ledger, operator: Operator) -> bool:
    """Create an operator unless there is one already. One statement."""
    created = ledger.connection.execute(
        "INSERT INTO operator (name, password_hash, created_ms)"
        " SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM operator)",
        (operator.name, operator.password_hash, operator.created_ms),
    )
    return created.rowcount == 1


def save(ledger: Ledger, operator: Operator) -> None:
    """Create an operator, or replace the one of this name and end their sessions."""
    ledger.connection.execute(
        "INSERT OR REPLACE INTO operator (name, password_hash, created_ms) VALUES (?, ?, ?)",
        (operator.name, operator.password_hash, operator.created_ms),
    )
    _end_sessions(ledger, operator.name)


def delete(ledger: Ledger, name: str) -> bool:
    """Remove an operator and their sessions; False if there is none."""
    deleted = ledger.connection.execute("DELETE FROM operator WHERE name = ?", (name,))
    _end_sessions(ledger, name)
    return deleted.rowcount == 1


def save_session(ledger: Ledger, session: OperatorSession) -> None:
    """Remember a login, and forget those that have expired by its creation."""
    ledger.connection.execute("DELETE FROM operator_session WHERE expires_ms <= ?", (session.created_ms,))
    ledger.connection.execute(
        "INSERT INTO operator_session (token_hash, operator, created_ms, expires_ms) VALUES (?, ?, ?, ?)",
        (session.token_hash, session.operator, session.created_ms, session.expires_ms),
    )


def find_session(connection: sqlite3.Connection, token_hash: bytes) -> OperatorSession | None:
    """Look a login up, expired or not."""
    rows = connection.execute(
        "SELECT token_hash, operator, created_ms, expires_ms FROM operator_session WHERE token_hash = ?",
        (token_hash,),
    ).fetchall()
    return OperatorSession(*rows[0]) if rows else None


def delete_sessions(ledger: Ledger, *, token_hash: bytes | None, operator: str | None) -> None:
    """Forget one login, or all of an operator's. One statement."""
    ledger.connection.execute(
        "DELETE FROM operator_session WHERE token_hash = ? OR operator = ?", (token_hash, operator)
    )


def _end_sessions(ledger: Ledger, operator: str) -> None:
    delete_sessions(ledger, token_hash=None, operator=operator)
