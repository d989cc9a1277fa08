"""People who talk: the rules of history, contacts and blacklists over the in-memory store."""

from __future__ import annotations

from itertools import count

from openmimc.domain.auth import Principal
from openmimc.domain.blacklist import Blacklist
from openmimc.domain.contacts import Contacts
from openmimc.domain.groups import Groups
from openmimc.domain.history import Excerpt, History, Selection
from openmimc.domain.topics import Topics
from openmimc.model.app import App, AppSettings
from openmimc.model.ids import AppId, TopicId
from openmimc.model.message import Message
from tests.contract.drafts import append_one, p2p, p2t, uc
from tests.fakes.bus import RecordingBus
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

START_MS = 1_700_000_000_000


def make_app(app_id: int = 1, settings: AppSettings | None = None) -> App:
    """An app that no store knows: the rules take it from the caller."""
    return App(
        app_id=AppId(app_id),
        name="chat",
        package="com.example.chat",
        key="1",
        secret_hash=b"",
        key_generation=1,
        created_ms=0,
        settings=settings or AppSettings(),
    )


class NobodyOnline:
    """``domain.ports.GroupPresence`` of a server on which nobody is logged in."""

    def count_online(self, group_id: TopicId) -> int:
        """See ``GroupPresence.count_online``."""
        return 0


class Talk:
    """A store and the rules over it."""

    def __init__(self, settings: AppSettings | None = None) -> None:
        self.app = make_app(1, settings)
        self.other_app = make_app(2)
        self.clock = FakeClock(START_MS)
        self.store = MemoryStore(self.clock)
        self.topics = Topics(self.store, self.store)
        self.groups = Groups(self.store, self.store, RecordingBus(), NobodyOnline())
        self.history = History(self.store, self.store, self.store, self.clock)
        self.contacts = Contacts(self.store, self.store, self.clock)
        self.blacklist = Blacklist(self.store, self.store)
        self._packet_ids = count(1)

    async def user(self, name: str, app: App | None = None) -> Principal:
        """Somebody, who is made if need be."""
        app = app or self.app
        (account,) = await self.store.ensure_accounts(app.app_id, (name,))
        return Principal(app, account)

    async def exists(self, name: str) -> bool:
        return await self.store.find_account(self.app.app_id, name) is not None

    async def topic(self, owner: str, *members: str) -> TopicId:
        caller = await self.user(owner)
        return (await self.topics.create(caller, name="tea", accounts=members)).topic_id

    async def group(self, owner: str, *members: str) -> TopicId:
        """Make an unlimited group; the others join it."""
        group_id = (await self.groups.create(await self.user(owner), name="stadium")).group_id
        for name in members:
            await self.join(name, group_id)
        return group_id

    async def join(self, name: str, group_id: TopicId) -> None:
        await self.groups.join(self.app.app_id, (await self.user(name)).account.user_id, group_id)

    async def leave(self, name: str, group_id: TopicId) -> None:
        await self.groups.leave(self.app.app_id, (await self.user(name)).account.user_id, group_id)

    async def say(self, sender: str, to: str, text: str = "hello", *, is_store: bool = True) -> Message:
        """Send a message to somebody."""
        account = (await self.user(sender)).account
        draft = p2p(account, to, str(next(self._packet_ids)), payload=text.encode(), is_store=is_store)
        return (await append_one(self.store, draft)).message

    async def tell(self, sender: str, topic_id: TopicId, text: str = "hello all") -> Message:
        """Send a message to a topic."""
        account = (await self.user(sender)).account
        draft = p2t(account, topic_id, str(next(self._packet_ids)), payload=text.encode())
        return (await append_one(self.store, draft)).message

    async def call_out(
        self, sender: str, group_id: TopicId, text: str = "hello stadium", *, is_store: bool = True
    ) -> Message:
        """Send a message to an unlimited group."""
        account = (await self.user(sender)).account
        draft = uc(account, group_id, str(next(self._packet_ids)), payload=text.encode(), is_store=is_store)
        return (await append_one(self.store, draft)).message

    async def read(self, caller: str, other: str, selection: Selection) -> Excerpt:
        """What somebody reads of what they and another said."""
        return await self.history.read_p2p(
            await self.user(caller), from_account=caller, to_account=other, selection=selection
        )


def texts(excerpt: Excerpt) -> list[str]:
    """The payloads of what was read."""
    return [message.payload.decode() for message in excerpt.messages]
