"""The terminal chat against the real server: piped, and on a terminal."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from rich.console import Console

from openmimc.cli.chat import run_chat
from openmimc.client import MIMCUser, TokenRefused, formats
from tests.integration.live_server import LiveServer

PATIENCE_S = 15.0


class Terminal:
    """A chat that runs, with both ends in the test's hands."""

    def __init__(self, server: LiveServer, account: str, to: str | None = None) -> None:
        self.account = account
        self._screen = io.StringIO()
        read_end, write_end = os.pipe()
        self._stdin = os.fdopen(read_end, "r", encoding="utf-8")
        self._typing = os.fdopen(write_end, "w", encoding="utf-8")
        self._running = asyncio.create_task(
            run_chat(
                account=account,
                app_id=server.app["appId"],
                fetch_token=server.fetcher(account),
                base_url=server.base_url,
                tcp=server.tcp,
                to=to,
                stdin=self._stdin,
                console=Console(file=self._screen, width=200),
            )
        )

    @property
    def text(self) -> str:
        return self._screen.getvalue()

    def type(self, line: str) -> None:
        self._typing.write(f"{line}\n")
        self._typing.flush()

    async def shows(self, *parts: str) -> None:
        """Wait until one line has all the parts."""

        def is_there() -> bool:
            return any(all(part in line for part in parts) for line in self.text.splitlines())

        await until(is_there, lambda: f"{parts} is not in:\n{self.text}", self._running)

    async def leave(self) -> None:
        """Close the input and wait for the end."""
        self._typing.close()
        async with asyncio.timeout(PATIENCE_S):
            await self._running
        self._stdin.close()

    async def stop(self) -> None:
        """End it, whatever it does."""
        self._typing.close()
        self._running.cancel()
        await asyncio.wait((self._running,))
        self._stdin.close()


async def until(
    condition: Callable[[], bool], complaint: Callable[[], str], running: asyncio.Task[None]
) -> None:
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline_s, complaint()
        assert not running.done(), complaint()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def chatting(server: LiveServer, *accounts: str, to: str | None = None) -> AsyncIterator[list[Terminal]]:
    terminals = [Terminal(server, account, to) for account in accounts]
    try:
        for terminal in terminals:
            await terminal.shows("You are", terminal.account)
        yield terminals
    finally:
        for terminal in terminals:
            await terminal.stop()


def names(*prefixes: str) -> list[str]:
    suffix = uuid.uuid4().hex[:8]
    return [f"{prefix}-{suffix}" for prefix in prefixes]


async def test_two_people_talk_and_see_what_was_stored(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice", "bob")) as (alice, bob):
        alice.type(f"/to {bob.account}")
        alice.type("hello bob")
        await alice.shows(f"me → {bob.account}", "hello bob", "✓")
        await bob.shows(alice.account, "hello bob")
        bob.type("hello alice")
        await bob.shows(f"me → {alice.account}", "hello alice", "✓")
        await alice.shows(bob.account, "hello alice")


async def test_a_refused_line_shows_code_and_reason(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice")) as (alice,):
        alice.type("/to bob\0")
        alice.type("hello")
        await alice.shows("hello", "✗ 400")


async def test_a_group_is_made_listed_and_talked_to(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice", "bob")) as (alice, bob):
        alice.type(f"/newgroup Sunday walk {bob.account}")
        await alice.shows("the group Sunday walk")
        alice.type("who is coming?")
        await alice.shows("me → #Sunday walk", "✓")
        await bob.shows(f"{alice.account} → #Sunday walk", "who is coming?")
        bob.type("/groups")
        await bob.shows("Sunday walk", f"owner: {alice.account}")
        bob.type("/group Sunday walk")
        bob.type("I am")
        await alice.shows(f"{bob.account} → #Sunday walk", "I am")
        bob.type("/group 1")
        await bob.shows("404")


async def test_an_unlimited_group_is_made_joined_talked_in_left_and_ended(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice", "bob")) as (alice, bob):
        alice.type("/create Market square")
        await alice.shows("You are talking to the unlimited group Market square")
        group_id = re.findall(r"Market square \((\d+)\)", alice.text)[0]
        bob.type("/joined")
        await bob.shows("You are in no unlimited group")
        bob.type(f"/join {group_id}")
        await bob.shows("You are talking to the unlimited group Market square")
        bob.type("good morning")
        await bob.shows("me → ##Market square", "good morning", "✓")
        await alice.shows(f"{bob.account} → ##Market square", "good morning")
        alice.type("/members")
        await alice.shows("2 in it, 2 of them here", alice.account, bob.account)
        bob.type("/joined")
        await bob.shows(f"{group_id}  Market square")
        bob.type("/leave")
        await bob.shows(f"You have left Market square ({group_id})")
        bob.type("anybody?")
        await bob.shows("To whom? Choose")
        bob.type(f"/join {group_id}")
        bob.type("back again")
        await alice.shows("back again")
        bob.type("/dismiss")
        await bob.shows("403")
        alice.type("/dismiss")
        for terminal in (alice, bob):
            await terminal.shows(f"The unlimited group Market square ({group_id}) is no more")
        assert "good morning" not in re.sub("me → .*", "", bob.text)


async def test_unlimited_groups_that_are_not_there_are_complained_about(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice")) as (alice,):
        for line in ("/join", "/join square", "/leave", "/members", "/dismiss", "/create", "/online hello"):
            alice.type(line)
        alice.type("/join 5")
        await alice.shows("404")
        for command in ("join", "leave", "members", "dismiss"):
            await alice.shows(f"Which one? /{command} ID")
        await alice.shows("Say its name: /create NAME")
        await alice.shows("Choose a person with /to ACCOUNT")


async def test_online_messages_are_shown_and_have_receipts(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice", "bob")) as (alice, bob):
        alice.type(f"/to {bob.account}")
        alice.type("/online look up!")
        await alice.shows(f"me → {bob.account} (online)", "look up!", "✓ received")
        await bob.shows(f"{alice.account} (online)", "look up!")


async def test_what_was_sent_to_somebody_away_is_there_when_he_comes(shared_server: LiveServer) -> None:
    alice_name, bob_name = names("alice", "bob")
    async with chatting(shared_server, alice_name, to=bob_name) as (alice,):
        alice.type("are you there?")
        await alice.shows("are you there?", "✓")
        async with chatting(shared_server, bob_name) as (bob,):
            await bob.shows(alice_name, "are you there?")
            await bob.leave()
        async with chatting(shared_server, bob_name) as (bob,):
            alice.type("now?")
            await bob.shows(alice_name, "now?")
            assert "are you there?" not in bob.text


async def test_leaving_waits_for_what_was_typed(shared_server: LiveServer) -> None:
    alice_name, bob_name = names("alice", "bob")
    alice = Terminal(shared_server, alice_name, to=bob_name)
    for number in range(300):
        alice.type(f"line {number}")

    await alice.leave()

    assert [f"line {number}  ✓" in alice.text for number in range(300)] == [True] * 300


async def test_the_commands_answer(shared_server: LiveServer) -> None:
    async with chatting(shared_server, *names("alice")) as (alice,):
        for line in ("hello?", "/contacts", "/history", "/groups", "/nonsense", "/to", "/group", "/newgroup x"):
            alice.type(line)
        alice.type("/to bob")
        alice.type("//slashed")
        await alice.shows("me → bob", "/slashed", "✓")
        for line in ("/contacts", "/history", "/help"):
            alice.type(line)
        await alice.shows("/newgroup NAME a,b")
        for part in (
            "To whom? Choose",
            "Nobody yet",
            "Nothing yet",
            "You are in no group",
            "There is no /nonsense",
        ):
            await alice.shows(part)
        await alice.shows("bob: 1 sent, 0 received")
        assert alice.text.count("  /slashed  ✓") == 2
        alice.type("/quit")
        await alice.leave()


async def test_recommended_messages_are_shown_by_their_meaning(shared_server: LiveServer) -> None:
    alice_name, bob_name = names("alice", "bob")
    sender = MIMCUser(
        shared_server.app["appId"], alice_name, shared_server.fetcher(alice_name), tcp=shared_server.tcp
    )
    async with chatting(shared_server, bob_name) as (bob,), sender:
        await sender.send(bob_name, formats.Text("as text").encode(type_key="type"))
        await sender.send(bob_name, formats.PictureFile("https://example.com/a.png").encode())
        await sender.send(bob_name, formats.TextRecall("TEXT_1").encode())
        await sender.send(bob_name, b"\xff\x00")
        await sender.send(bob_name, "evil \x1b[2J\x07 \u202eline\nsecond")
        await bob.shows(alice_name, "  as text")
        await bob.shows("[picture] https://example.com/a.png")
        await bob.shows("[recalls TEXT_1]")
        await bob.shows("[2 bytes]")
        await bob.shows("evil \ufffd[2J\ufffd line")
        assert "\x1b" not in bob.text


async def test_a_login_that_fails_is_raised(shared_server: LiveServer) -> None:
    async def fetch() -> dict[str, object]:
        return {"code": 443, "message": "wrong app secret", "data": None}

    with pytest.raises(TokenRefused):
        await run_chat(
            account="alice",
            app_id=shared_server.app["appId"],
            fetch_token=fetch,
            base_url=shared_server.base_url,
            tcp=shared_server.tcp,
            stdin=io.StringIO(),
            console=Console(file=io.StringIO()),
        )


ON_A_TERMINAL = """
import asyncio, sys, httpx
from rich.console import Console
from openmimc.cli.chat import run_chat
app_id, app_key, app_secret, account, to, base_url, tcp = sys.argv[1:]
async def fetch():
    body = {"appId": app_id, "appKey": app_key, "appSecret": app_secret, "appAccount": account}
    async with httpx.AsyncClient() as http:
        return (await http.post(base_url + "/api/account/token", json=body)).json()
asyncio.run(run_chat(account=account, app_id=app_id, fetch_token=fetch, base_url=base_url, tcp=tcp, to=to,
                     stdin=sys.stdin, console=Console()))
"""


async def test_on_a_terminal_what_comes_in_does_not_disturb_what_is_typed(shared_server: LiveServer) -> None:
    """Half a line is typed, a message comes, the other half is typed: the line that is sent is whole."""
    alice_name, bob_name = names("alice", "bob")
    ours, theirs = pty.openpty()
    app = shared_server.app
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ON_A_TERMINAL,
        *(app["appId"], app["appKey"], app["appSecret"], alice_name, bob_name),
        *(shared_server.base_url, shared_server.tcp),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    )
    os.close(theirs)
    screen = bytearray()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            screen.extend(os.read(ours, 65_536))
        except OSError:  # Linux says so when the other side is closed.
            loop.remove_reader(ours)

    loop.add_reader(ours, read)

    async def shows(part: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while part.encode() not in screen:
                await asyncio.sleep(0.01)

    bob = MIMCUser(app["appId"], bob_name, shared_server.fetcher(bob_name), tcp=shared_server.tcp)
    async with bob:
        await shows("/help shows")
        await shows(f"{alice_name} → {bob_name}")
        os.write(ours, b"first half, ")
        await shows("first half")
        await bob.send(alice_name, "a message in between")
        await shows("a message in between")
        os.write(ours, b"second half\r")
        async with asyncio.timeout(PATIENCE_S):
            received = await anext(bob.messages())
        await shows("✓")
        os.write(ours, b"\x04")
        async with asyncio.timeout(PATIENCE_S):
            code = await process.wait()
    loop.remove_reader(ours)
    os.close(ours)

    assert received.text == "first half, second half"
    assert code == 0


async def test_what_is_typed_while_the_server_is_away_is_kept_and_sent(own_server: LiveServer) -> None:
    async with chatting(own_server, "alice", to="bob") as (alice,):
        await asyncio.to_thread(own_server.kill)
        await alice.shows("Not connected")
        alice.type("are you there?")
        await alice.shows("are you there?", "…")
        await asyncio.to_thread(own_server.start)
        await alice.shows("Connected again")
        await alice.shows("are you there?", "✓")
        assert alice.text.count("Not connected") == 1
