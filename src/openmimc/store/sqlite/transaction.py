"""Runs a batch of operations inside one transaction.

Jobs run one by one, in order. Between two jobs there are appends and cursor moves only; they do not touch what
the other kind reads, so each kind goes through its bulk statements, whatever their mixture.
"""

from __future__ import annotations

from typing import Any

import structlog

from openmimc.errors import ImError, Unavailable
from openmimc.store.sqlite import appends, devices
from openmimc.store.sqlite.connection import is_trouble_of_the_file
from openmimc.store.sqlite.ledger import Ledger
from openmimc.store.sqlite.operations import Append, CursorMove, Job, Operation

log = structlog.get_logger(__name__)


def apply(ledger: Ledger, operations: list[Operation]) -> list[Any]:
    """Return the operations' outcomes, in their order. The caller has begun the transaction and will commit it.

    Raises:
        Exception: the transaction has to be rolled back.
    """
    ledger.begin()
    outcomes: list[Any] = [None] * len(operations)
    append_indexes: list[int] = []
    moves: list[CursorMove] = []

    def flush() -> None:
        if append_indexes:
            drafts = [operations[index].draft for index in append_indexes]  # type: ignore[union-attr]  # Appends.
            for index, outcome in zip(append_indexes, appends.append(ledger, drafts), strict=True):
                outcomes[index] = outcome
            append_indexes.clear()
        if moves:
            devices.move_cursors(ledger, moves)
            moves.clear()

    for index, operation in enumerate(operations):
        if isinstance(operation, Append):
            append_indexes.append(index)
        elif isinstance(operation, CursorMove):
            moves.append(operation)
        else:
            flush()
            outcomes[index] = _run(ledger, operation)
    flush()
    return outcomes


def _run(ledger: Ledger, job: Job) -> Any:
    """Return a job's outcome; if it fails, it has changed nothing and the transaction goes on."""
    connection = ledger.connection
    changes_before = connection.total_changes
    if not job.is_one_statement:
        connection.execute("SAVEPOINT job")
    try:
        outcome = job.run(ledger)
    except Exception as exc:
        if is_trouble_of_the_file(exc):
            raise
        if not job.is_one_statement:
            connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")
        if connection.total_changes != changes_before:
            ledger.forget()  # It may remember what has just been undone.
        if isinstance(exc, ImError):
            return exc
        log.exception("store_operation_failed", operation=job.name)
        return Unavailable()
    if not job.is_one_statement:
        connection.execute("RELEASE job")
    return outcome
