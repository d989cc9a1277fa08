"""The embedded store: one SQLite file, one thread that writes, a few that read.

Theory of operation. Everything that changes the file is an operation in one queue (``writer``). The writer's
thread takes whatever waits, runs it as one transaction, and hands all results to the event loop at once, after
the commit is on disk: so many messages share one fsync, and the loop never waits for a disk. Inside a
transaction, ``ledger`` keeps what is worth remembering between transactions and applies the operations; appends
and cursor moves go through ``bulk`` statements, one per table whatever their number, because each step of a
statement hands the interpreter's lock over and has to get it back. Reads (``readers``) run beside the writer on
connections of their own and see everything committed.

A process with a busy event loop should set ``sys.setswitchinterval`` to about 10 microseconds. At Python's
default of 5 ms a loop that makes many short system calls can keep the writer from ever asking for the lock, and
then commits stall (``benchmarks/store_append.py``).

Knows nothing of rules, sessions, requests or packets.
"""

from openmimc.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
