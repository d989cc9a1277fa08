"""A chat on the terminal, made of the Python SDK: the quickest way to see a server work.

Typed lines go to the chosen person or group, as plain UTF-8. A sent line appears with ``✓`` and its sequence
once the server has stored it, with ``…`` before that if it takes a moment, and with ``✗`` and the reason if it
is refused. Reads a terminal or a pipe alike.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, TextIO

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from openmimc.cli.chat_calls import GroupsUnavailable, UserCalls
from openmimc.cli.chat_groups import Group, Groups, UnlimitedGroups
from openmimc.cli.chat_input import LineReader, reader_for
from openmimc.cli.chat_lines import clean, line_of, marked, readable
from openmimc.client import (
    ClientError,
    GroupMessage,
    Message,
    MessageRefused,
    MIMCUser,
    OnlineMessage,
    SendTimedOut,
    Status,
)

PENDING_AFTER_S = 0.3
"""A sent line without a receipt is shown as pending after so long; most are stored sooner and need no mark."""

MAX_PENDING = 100
"""Lines without a receipt after which reading pauses, so that a long file can be piped in."""

HISTORY_LINES = 1000

LEAVE_TIMEOUT_S = 10.0
"""How long leaving waits for the receipts of lines that were sent before."""

GROUP_NAME_TIMEOUT_S = 2.0

GROUP_TIMEOUT_S = 10.0
"""How long the server's answer about an unlimited group is awaited, with nothing else read meanwhile."""

HELP = """\
/to ACCOUNT          talk to a person
/group GROUP         talk to a group, by id or name
/groups              groups I am in
/newgroup NAME a,b   make a group with a and b
/create NAME         make an unlimited group, which anybody may join
/join ID             join an unlimited group and talk to it
/joined              unlimited groups I am in
/members [ID]        who is in an unlimited group
/leave [ID]          leave an unlimited group
/dismiss [ID]        end an unlimited group of mine
/online TEXT         say something that is not kept, to a person who is there
/contacts            people of this session
/history             lines of this session
/help                this
/quit                leave (also Ctrl-D)
//text               send a line that begins with a slash"""


class _Target(Struct, frozen=True):
    """Whom lines go to: an account, a topic, or an unlimited group."""

    name: str
    topic_id: int = 0
    group_id: int = 0

    @property
    def is_person(self) -> bool:
        return not self.topic_id and not self.group_id

    @property
    def label(self) -> str:
        if self.group_id:
            return f"##{self.name}"
        return f"#{self.name}" if self.topic_id else self.name


class _Contact(Struct):
    """What passed between this user and one person."""

    sent: int = 0
    received: int = 0


async def run_chat(
    *,
    account: str,
    app_id: str,
    fetch_token: Callable[[], Awaitable[Mapping[str, Any]]],
    base_url: str,
    tcp: str | None = None,
    tls: str | None = None,
    websocket: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    to: str | None = None,
    stdin: TextIO,
    console: Console,
) -> None:
    """Chat until the input ends or the person leaves; sent lines get their receipts first.

    Args:
        account: Who is chatting.
        app_id: The app's id.
        fetch_token: Gives the token service's answer.
        base_url: The server's HTTP address, for groups.
        tcp: ``host:port``; exactly one of ``tcp``, ``tls`` and ``websocket``, as for ``MIMCUser``.
        tls: ``host:port``.
        websocket: ``ws://`` or ``wss://`` address.
        ssl_context: For ``tls``, ``wss://`` and ``https://``; None trusts the system's authorities.
        to: Account to talk to at first.
        stdin: A terminal is edited on; anything else is read line by line.
        console: Where everything is shown.

    Raises:
        ClientError: the login failed, or the session ended for good.
        ValueError: an address or name cannot be used.
    """

    def show_status(status: Status, reason: str) -> None:
        chat.show_status(status, reason)

    user = MIMCUser(
        app_id,
        account,
        fetch_token,
        tcp=tcp,
        tls=tls,
        websocket=websocket,
        ssl_context=ssl_context,
        resource="openmimc-chat",
        on_status=show_status,
        on_group_dismissed=lambda group_id: chat.show_dismissal(group_id),
        on_online_message=lambda message: chat.show_online(message),
    )
    async with UserCalls(base_url, lambda: user.token, verify=ssl_context or True) as calls:
        chat = Chat(user, Groups(calls, app_id), UnlimitedGroups(calls), console, to)
        try:
            await user.login()
            await chat.run(reader_for(stdin))
            await user.logout()
        finally:
            await user.aclose()


class Chat:
    """One person's chat, logged in."""

    def __init__(
        self, user: MIMCUser, groups: Groups, unlimited: UnlimitedGroups, console: Console, to: str | None
    ) -> None:
        self._user = user
        self._groups = groups
        self._unlimited = unlimited
        self._console = console
        self._target = _Target(to) if to else None
        self._contacts: dict[str, _Contact] = {}
        self._history: deque[Text] = deque(maxlen=HISTORY_LINES)
        self._pending: set[asyncio.Task[None]] = set()
        self._was_online = False
        self._is_cut_off = False
        self._is_leaving = False
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "/to": self._choose_person,
            "/group": self._choose_group,
            "/groups": self._show_groups,
            "/newgroup": self._make_group,
            "/create": self._create_unlimited,
            "/join": self._join,
            "/joined": self._show_joined,
            "/members": self._show_members,
            "/leave": self._leave_group,
            "/dismiss": self._dismiss,
            "/online": self._say_online,
            "/contacts": self._show_contacts,
            "/history": self._show_history,
            "/help": self._show_help,
            "/quit": self._leave,
        }

    async def run(self, reader: LineReader) -> None:
        """Show what comes and send what is typed, until the input ends, ``/quit``, or the session's end."""
        with reader.opened():
            self._note(f"You are {self._user.account}. /help shows what you can do.")
            if self._target is None:
                self._note("Choose whom to talk to: /to ACCOUNT")
            tasks = (
                asyncio.create_task(self._read_lines(reader)),
                asyncio.create_task(self._show_messages()),
                asyncio.create_task(self._show_group_messages()),
            )
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                await self._finish_sending()
                for task in done:
                    task.result()
            finally:
                self._is_leaving = True
                for task in (*tasks, *self._pending):
                    task.cancel()
                await asyncio.gather(*tasks, *self._pending, return_exceptions=True)

    async def _finish_sending(self) -> None:
        if self._pending:
            _, unanswered = await asyncio.wait(self._pending, timeout=LEAVE_TIMEOUT_S)
            if unanswered:
                self._complain(
                    f"{len(unanswered)} of your lines have no receipt; they may not have been stored."
                )

    def show_status(self, status: Status, reason: str) -> None:
        """Say when the connection is lost and when it is back, each once."""
        if status is Status.ONLINE:
            if self._is_cut_off:
                self._note("Connected again.")
            self._was_online, self._is_cut_off = True, False
        elif status is Status.CONNECTING and self._was_online and not self._is_cut_off:
            self._is_cut_off = True
            self._note(f"Not connected ({reason}); trying again. What you type is kept and sent.")

    # ------------------------------------------------------------------ typing

    async def _read_lines(self, reader: LineReader) -> None:
        async for line in reader.lines(self._prompt):
            await self._take(line)
            if self._is_leaving:
                return

    def _prompt(self) -> str:
        return f"{self._user.account} → {clean(self._target.label)}: " if self._target else "> "

    async def _take(self, line: str) -> None:
        if not line.strip():
            return
        if line.startswith("/") and not line.startswith("//"):
            word, _, argument = line.strip().partition(" ")
            command = self._commands.get(word)
            if command is None:
                self._complain(f"There is no {word}. /help shows what there is.")
                return
            try:
                await command(argument.strip())
            except (GroupsUnavailable, ClientError) as error:
                self._complain(str(error))
            return
        if self._target is None:
            self._complain("To whom? Choose with /to ACCOUNT or /group GROUP.")
            return
        await self._begin(self._send(self._target, line.removeprefix("/")))

    async def _begin(self, sending: Coroutine[Any, Any, None]) -> None:
        """Let a line be on its way while the next ones are read; with too many on their way, wait for one."""
        if len(self._pending) >= MAX_PENDING:
            await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(sending)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _send(self, target: _Target, text: str) -> None:
        if target.group_id:
            receipt = asyncio.ensure_future(self._user.send_group(target.group_id, text, timeout_s=None))
        elif target.topic_id:
            receipt = asyncio.ensure_future(self._user.send_topic(target.topic_id, text, timeout_s=None))
        else:
            receipt = asyncio.ensure_future(self._user.send(target.name, text, timeout_s=None))
            self._contacts.setdefault(target.name, _Contact()).sent += 1
        line = line_of(datetime.now(), f"me → {target.label}", text, "bold cyan")
        try:
            done, _ = await asyncio.wait((receipt,), timeout=PENDING_AFTER_S)
            if not done:
                self._console.print(marked(line, "…", "", "yellow"))
            stored = await receipt
        except MessageRefused as refusal:
            self._show(marked(line, "✗", f"{refusal.code} {refusal.text}", "red"))
        except ClientError as error:
            self._show(marked(line, "✗", str(error), "red"))
        else:
            self._show(marked(line, "✓", str(stored.sequence), "green"))
        finally:
            receipt.cancel()

    async def _send_online(self, target: _Target, text: str) -> None:
        line = line_of(datetime.now(), f"me → {target.label} (online)", text, "bold cyan")
        try:
            await self._user.send_online_and_wait(target.name, text)
        except MessageRefused as refusal:
            self._show(marked(line, "✗", f"{refusal.code} {refusal.text}", "red"))
        except SendTimedOut:
            self._show(marked(line, "✗", "no receipt; nobody seems to be there", "red"))
        except ClientError as error:
            self._show(marked(line, "✗", str(error), "red"))
        else:
            self._show(marked(line, "✓", "received", "green"))

    # ------------------------------------------------------------------ receiving

    async def _show_messages(self) -> None:
        async for message in self._user.messages():
            await self._show_message(message)

    async def _show_message(self, message: Message) -> None:
        sender = message.from_account
        is_own = sender == self._user.account
        if message.is_topic:
            where = f"{sender} → #{await _name_in_time(self._groups, message.topic_id)}"
        else:
            where = f"{sender} → {message.to_account}" if is_own else sender
            other = message.to_account if is_own else sender
            contact = self._contacts.setdefault(other, _Contact())
            if is_own:
                contact.sent += 1
            else:
                contact.received += 1
            if self._target is None and not is_own:
                self._target = _Target(sender)
                self._note(f"You are talking to {sender} now.")
        self._show_received(message, where)

    async def _show_group_messages(self) -> None:
        async for message in self._user.group_messages():
            name = await _name_in_time(self._unlimited, message.group_id)
            self._show_received(message, f"{message.from_account} → ##{name}")

    def show_online(self, message: OnlineMessage) -> None:
        """Show an online message."""
        self._show_received(message, f"{message.from_account} (online)")

    def show_dismissal(self, group_id: int) -> None:
        """Say that an unlimited group is no more."""
        self._note(f"The unlimited group {self._unlimited.known_name_of(group_id)} ({group_id}) is no more.")
        self._turn_from(group_id)

    def _show_received(self, message: Message | GroupMessage | OnlineMessage, where: str) -> None:
        when = datetime.fromtimestamp(message.timestamp_ms / 1000)
        self._show(line_of(when, where, readable(message.payload), "bold magenta"))

    # ------------------------------------------------------------------ commands

    async def _choose_person(self, account: str) -> None:
        if not account:
            self._complain("To whom? /to ACCOUNT")
            return
        self._target = _Target(account)
        self._note(f"You are talking to {account}.")

    async def _choose_group(self, words: str) -> None:
        if not words:
            self._complain("Which one? /group GROUP; /groups lists yours.")
            return
        if words.isascii() and words.isdigit():
            self._enter(await self._groups.get(int(words)))
            return
        found = [group for group in await self._groups.list_mine() if group.name == words]
        if len(found) == 1:
            self._enter(found[0])
        else:
            self._complain(f"{len(found) or 'None'} of your groups have this name; /groups lists yours.")

    def _enter(self, group: Group) -> None:
        self._target = _Target(group.name or str(group.topic_id), group.topic_id)
        self._note(f"You are talking to the group {group.name} ({group.topic_id}).")

    async def _show_groups(self, _: str) -> None:
        groups = await self._groups.list_mine()
        for group in groups:
            self._note(f"{group.topic_id}  {group.name}  (owner: {group.owner})")
        if not groups:
            self._note("You are in no group. /newgroup NAME a,b makes one.")

    async def _make_group(self, words: str) -> None:
        name, _, accounts = words.rpartition(" ")
        if not name or not accounts:
            self._complain("Say its name and who is in it: /newgroup NAME a,b")
            return
        self._enter(await self._groups.create(name.strip(), accounts))

    async def _create_unlimited(self, name: str) -> None:
        if not name:
            self._complain("Say its name: /create NAME")
            return
        group = await self._unlimited.create(name)
        await self._user.join_group(group.topic_id, timeout_s=GROUP_TIMEOUT_S)
        self._enter_unlimited(group)

    async def _join(self, words: str) -> None:
        group_id = self._chosen(words, "/join")
        if group_id is not None:
            await self._user.join_group(group_id, timeout_s=GROUP_TIMEOUT_S)
            self._enter_unlimited(await self._unlimited.get(group_id))

    def _enter_unlimited(self, group: Group) -> None:
        self._target = _Target(group.name or str(group.topic_id), group_id=group.topic_id)
        self._note(f"You are talking to the unlimited group {group.name} ({group.topic_id}).")

    async def _show_joined(self, _: str) -> None:
        group_ids = await self._unlimited.list_mine()
        for group_id in group_ids:
            self._note(f"{group_id}  {await self._unlimited.name_of(group_id)}")
        if not group_ids:
            self._note("You are in no unlimited group. /create NAME makes one.")

    async def _show_members(self, words: str) -> None:
        group_id = self._chosen(words, "/members")
        if group_id is None:
            return
        found = await self._unlimited.members(group_id)
        online = await self._user.count_online(group_id, timeout_s=GROUP_TIMEOUT_S)
        accounts = ", ".join(member.app_account for member in found.members)
        more = ", ..." if len(found.members) < found.member_num else ""
        self._note(f"{found.member_num} in it, {online} of them here: {accounts}{more}")

    async def _leave_group(self, words: str) -> None:
        group_id = self._chosen(words, "/leave")
        if group_id is not None:
            await self._user.quit_group(group_id, timeout_s=GROUP_TIMEOUT_S)
            self._note(f"You have left {self._unlimited.known_name_of(group_id)} ({group_id}).")
            self._turn_from(group_id)

    async def _dismiss(self, words: str) -> None:
        group_id = self._chosen(words, "/dismiss")
        if group_id is not None:
            await self._unlimited.dismiss(group_id)  # The server tells of it, also this user.

    def _chosen(self, words: str, command: str) -> int | None:
        """The unlimited group that a command names, or the one that is being talked to."""
        if words.isascii() and words.isdigit():
            return int(words)
        if not words and self._target is not None and self._target.group_id:
            return self._target.group_id
        self._complain(f"Which one? {command} ID; /joined lists yours.")
        return None

    def _turn_from(self, group_id: int) -> None:
        if self._target is not None and self._target.group_id == group_id:
            self._target = None

    async def _say_online(self, text: str) -> None:
        if not text or self._target is None or not self._target.is_person:
            self._complain("Choose a person with /to ACCOUNT, then: /online TEXT")
            return
        await self._begin(self._send_online(self._target, text))

    async def _show_contacts(self, _: str) -> None:
        for name, contact in self._contacts.items():
            self._note(f"{name}: {contact.sent} sent, {contact.received} received")
        if not self._contacts:
            self._note("Nobody yet.")

    async def _show_history(self, _: str) -> None:
        for line in tuple(self._history):
            self._console.print(line)
        if not self._history:
            self._note("Nothing yet.")

    async def _show_help(self, _: str) -> None:
        self._note(HELP)

    async def _leave(self, _: str) -> None:
        self._is_leaving = True

    # ------------------------------------------------------------------ showing

    def _show(self, line: Text) -> None:
        self._history.append(line)
        self._console.print(line, soft_wrap=True)

    def _note(self, text: str) -> None:
        self._console.print(Text(clean(text), "dim"), soft_wrap=True)

    def _complain(self, text: str) -> None:
        self._console.print(Text(clean(text), "red"), soft_wrap=True)


async def _name_in_time(groups: Groups | UnlimitedGroups, group_id: int) -> str:
    try:
        async with asyncio.timeout(GROUP_NAME_TIMEOUT_S):
            return await groups.name_of(group_id)
    except TimeoutError:
        return str(group_id)
