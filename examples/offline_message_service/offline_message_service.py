"""OfflineMessageService: tells people of messages that came while their app was in the background.

The messaging server calls this service for each message whose recipient has no device connected. The service
makes sure that the call is the server's own and new, and hands it to a notifier:

    messaging server ── callback, signed ──> this service ── notifier ──> the system's push service ──> phone

The messages themselves stay on the server: the app fetches them when it is opened.

Configuration comes from the environment: CALLBACK_SECRET; NOTIFIER (print or web-push), DATABASE, HOST and PORT
where the defaults do not fit.

Source: operation manual, "How to do if app does not receive messages in the background".
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

import uvicorn
from litestar import Litestar, Request, Response, post
from litestar.datastructures import State

MAX_AGE_S = 300
"""Older calls are refused, so that nobody can send a recorded one again. The server signs each attempt anew."""

MAX_BODY_BYTES = 1 << 20
"""More than any callback has: a payload is 64 KiB at the most, and a topic has some hundred members."""

REMEMBER_S = 31 * 86_400
"""Longer than the server keeps callbacks that can be sent once more."""

CLAIM_S = 60
"""A call that was begun so long ago and never finished died with its process; another one may take it over."""


@dataclass(frozen=True)
class OfflineMessage:
    """A message that did not reach everybody.

    Attributes:
        accounts: Whom it did not reach.
        topic_id: The topic it was sent to; None for a one-to-one message.
    """

    event_id: str
    from_account: str
    accounts: tuple[str, ...]
    topic_id: str | None
    timestamp_ms: int


class Notifier(Protocol):
    """Makes somebody's phone ring. What fails is tried again as a whole: a repeat must be harmless."""

    async def notify(self, account: str, message: OfflineMessage) -> None:
        """Tell one account that there is a message; raise if it could not be told."""


class PrintNotifier:
    """Shows what would be told, on standard output."""

    async def notify(self, account: str, message: OfflineMessage) -> None:
        """Print one line."""
        where = f" in topic {message.topic_id}" if message.topic_id else ""
        print(f"{account}: new message from {message.from_account}{where}", flush=True)


# ---------------------------------------------------------------------- is it the server's own?


def is_genuine(secret: str, headers: dict[str, str], body: bytes, now_s: float) -> bool:
    """Whether a call was signed with the secret, a short while ago at the most.

    Args:
        secret: ``callback_secret`` of the app.
        headers: By names in lower case.
        body: As it came: parsed and written again it would have another signature.
        now_s: Seconds since 1970.
    """
    timestamp = headers.get("openmimc-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
        return False
    expected = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    offered = headers.get("openmimc-signature", "")
    # In a time that does not tell how much of it was right.
    is_signed = hmac.compare_digest(offered.encode(), f"v1={expected}".encode())
    return is_signed and abs(now_s - int(timestamp)) <= MAX_AGE_S


def parse_message(body: bytes) -> OfflineMessage | None:
    """Read a call's body; None for kinds of messages that are none of this service's.

    Raises:
        ValueError: It is no callback.
    """
    try:
        fields = json.loads(body)
        kind, event_id = fields["msgType"], fields["eventId"]
        sender, timestamp_ms = fields["fromAccount"], fields["timestamp"]
        if kind == "OFFLINE_MSG":
            return OfflineMessage(event_id, sender, (fields["toAccount"],), None, timestamp_ms)
        if kind == "OFFLINE_TOPIC_MSG":
            return OfflineMessage(
                event_id, sender, tuple(fields["toAccounts"]), fields["topicId"], timestamp_ms
            )
    except (KeyError, TypeError) as error:
        raise ValueError("no callback") from error
    return None


# ---------------------------------------------------------------------- is it new?


class Claim(Enum):
    """What is known of an event."""

    OURS = "ours"
    DONE = "done"
    UNDER_WAY = "under way"


class SeenEvents:
    """Remembers in a file which events were handled, over restarts and among several processes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        with closing(self._open()) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS event"
                " (id TEXT PRIMARY KEY, is_done INTEGER NOT NULL, at_s REAL NOT NULL) WITHOUT ROWID"
            )

    def claim(self, event_id: str) -> Claim:
        """Ask to handle an event; ``OURS`` to one caller alone."""
        now_s = self._clock()
        with closing(self._open()) as database, database:
            database.execute("DELETE FROM event WHERE at_s < ?", (now_s - REMEMBER_S,))
            taken = database.execute(
                "INSERT INTO event VALUES (?1, 0, ?2)"
                " ON CONFLICT (id) DO UPDATE SET at_s = ?2 WHERE is_done = 0 AND at_s < ?2 - ?3",
                (event_id, now_s, CLAIM_S),
            ).rowcount
            if taken:
                return Claim.OURS
            (is_done,) = database.execute("SELECT is_done FROM event WHERE id = ?", (event_id,)).fetchone()
            return Claim.DONE if is_done else Claim.UNDER_WAY

    def finish(self, event_id: str) -> None:
        """The event was handled; it will not be again."""
        with closing(self._open()) as database, database:
            database.execute("UPDATE event SET is_done = 1 WHERE id = ?", (event_id,))

    def give_back(self, event_id: str) -> None:
        """The event was not handled; its next attempt may be."""
        with closing(self._open()) as database, database:
            database.execute("DELETE FROM event WHERE id = ? AND is_done = 0", (event_id,))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5)


# ---------------------------------------------------------------------- the service


def answer(status: int, text: str) -> Response[str]:
    """Status 200 means received; after any other the server tries again."""
    return Response(text + "\n", status_code=status, media_type="text/plain")


@post("/mimc/offline")
async def receive(request: Request[None, None, State], state: State) -> Response[str]:
    """Take one call of the messaging server."""
    body = await request.body()
    if not is_genuine(state.secret, dict(request.headers), body, time.time()):
        return answer(401, "not signed by the messaging server, or too long ago")
    try:
        message = parse_message(body)
    except ValueError:
        return answer(400, "no callback")
    if message is None:
        return answer(200, "none of ours")
    seen: SeenEvents = state.seen
    match await asyncio.to_thread(seen.claim, message.event_id):
        case Claim.DONE:
            return answer(200, "known already")
        case Claim.UNDER_WAY:
            return answer(503, "under way")
    try:
        for account in message.accounts:
            await state.notifier.notify(account, message)
    except Exception as error:
        await asyncio.to_thread(seen.give_back, message.event_id)
        print(f"offline_message_service: not told: {type(error).__name__}", file=sys.stderr)
        return answer(502, "the notifier failed")
    await asyncio.to_thread(seen.finish, message.event_id)
    return answer(200, "told")


def make_app(secret: str, notifier: Notifier, seen: SeenEvents) -> Litestar:
    """The service, ready to be run by any ASGI server."""
    return Litestar(
        [receive],
        state=State({"secret": secret, "notifier": notifier, "seen": seen}),
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
    )


def make_notifier(name: str) -> Notifier:
    """The notifier of a name; ends the program with a clear sentence if there is none."""
    if name == "print":
        return PrintNotifier()
    if name == "web-push":
        from web_push import WebPushNotifier  # Here, for its library is needed by this notifier alone.

        return WebPushNotifier.from_environment()
    sys.exit(f"offline_message_service: NOTIFIER is print or web-push, not {name}")


def main() -> None:
    """Serve until Ctrl-C."""
    secret = os.environ.get("CALLBACK_SECRET")
    if not secret:
        sys.exit("offline_message_service: set CALLBACK_SECRET in the environment")
    notifier = make_notifier(os.environ.get("NOTIFIER", "print"))
    seen = SeenEvents(Path(os.environ.get("DATABASE", "offline_message_service.db")))
    uvicorn.run(
        make_app(secret, notifier, seen),
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8091")),
        access_log=False,
    )


if __name__ == "__main__":
    main()
