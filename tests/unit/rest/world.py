"""One server's API in memory: the real rules and pages over the in-memory store."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from litestar.types import ASGIApp

from openmimc.bus.local import LocalBus
from openmimc.domain.apps import Apps
from openmimc.domain.auth import Auth
from openmimc.domain.blacklist import Blacklist
from openmimc.domain.callbacks import Callbacks
from openmimc.domain.contacts import Contacts
from openmimc.domain.groups import Groups
from openmimc.domain.history import History
from openmimc.domain.messages import Messages
from openmimc.domain.ports import AccountStore, AppStore, GroupStore, OnGroupChange, TopicStore
from openmimc.domain.topics import Topics
from openmimc.model.app import Account, App
from openmimc.model.group import Group
from openmimc.model.ids import AppId, TopicId, UserId
from openmimc.model.topic import Topic, TopicChange
from openmimc.rest.app import build_api
from openmimc.rest.resolver import Resolver
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

NOW_MS = 1_700_000_000_000
SERVER_KEY = bytes(range(32))
FE_DOMAIN = "im.example.com"
TCP_PORT = 5222
ORIGIN = "http://127.0.0.1:8080"

Json = Any


class RecordingStore(MemoryStore):
    """The in-memory store, which also keeps the names of the calls that may change what it keeps."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.writes: list[str] = []

    async def ensure_accounts(self, app_id: AppId, names: tuple[str, ...]) -> tuple[Account, ...]:
        self.writes.append("ensure_accounts")
        return await super().ensure_accounts(app_id, names)

    async def create_topic(
        self, app_id: AppId, owner: UserId, members: tuple[UserId, ...], *, name: str, extra: str
    ) -> Topic:
        self.writes.append("create_topic")
        return await super().create_topic(app_id, owner, members, name=name, extra=extra)

    async def change_topic(self, topic_id: TopicId, version: int, change: TopicChange) -> Topic | None:
        self.writes.append("change_topic")
        return await super().change_topic(topic_id, version, change)

    async def delete_topic(self, topic_id: TopicId, version: int) -> bool:
        self.writes.append("delete_topic")
        return await super().delete_topic(topic_id, version)

    async def create_group(
        self, app_id: AppId, owner: UserId, *, name: str, extra: str, on_change: OnGroupChange
    ) -> Group:
        self.writes.append("create_group")
        return await super().create_group(app_id, owner, name=name, extra=extra, on_change=on_change)

    async def delete_group(self, group_id: TopicId, on_change: OnGroupChange) -> bool:
        self.writes.append("delete_group")
        return await super().delete_group(group_id, on_change)

    async def mute_group_member(self, group_id: TopicId, user_id: UserId, until_s: int) -> bool:
        self.writes.append("mute_group_member")
        return await super().mute_group_member(group_id, user_id, until_s)


class OnlineCounts:
    """``domain.ports.GroupPresence`` that knows what it is told."""

    def __init__(self) -> None:
        self.counts: dict[TopicId, int] = {}

    def count_online(self, group_id: TopicId) -> int:
        """See ``GroupPresence.count_online``."""
        return self.counts.get(group_id, 0)


async def all_ready() -> dict[str, str]:
    return {}


def no_metrics() -> bytes:
    return b"# nothing\n"


def as_transport(app: Any) -> httpx.ASGITransport:
    """Let a client call an app without a network; ``Any``, since every library types apps in its own way."""
    return httpx.ASGITransport(app)


class World:
    """A server with two apps, ``app`` and ``other``, and a client for each way to talk to it.

    Args:
        store: Where it keeps everything.
        resolver: None for one that knows no public host.
    """

    def __init__(
        self,
        store: Any,
        clock: FakeClock,
        *,
        resolver: Resolver | None = None,
        check_ready: Callable[[], Awaitable[dict[str, str]]] = all_ready,
        render_metrics: Callable[[], bytes] = no_metrics,
    ) -> None:
        accounts: AccountStore = store
        app_store: AppStore = store
        topic_store: TopicStore = store
        group_store: GroupStore = store
        self.store = store
        self.clock = clock
        self.apps = Apps(app_store, clock)
        self.auth = Auth(self.apps, accounts, SERVER_KEY, clock)
        self.topics = Topics(topic_store, accounts)
        self.bus = LocalBus()
        self.online = OnlineCounts()
        self.groups = Groups(group_store, accounts, self.bus, self.online)
        self.messages = Messages(store, self.apps, self.bus, clock=clock)
        self.api: ASGIApp = build_api(
            auth=self.auth,
            apps=self.apps,
            topics=self.topics,
            groups=self.groups,
            messages=self.messages,
            history=History(store, accounts, topic_store, clock),
            contacts=Contacts(store, accounts, clock),
            blacklist=Blacklist(store, accounts),
            callbacks=Callbacks(store, self.apps, clock),
            fe_domain=FE_DOMAIN,
            resolver=resolver or Resolver("", TCP_PORT),
            check_ready=check_ready,
            render_metrics=render_metrics,
        )
        self.http = httpx.AsyncClient(transport=as_transport(self.api), base_url=ORIGIN)
        self.app: App
        self.secret: str
        self.other: App
        self.other_secret: str

    async def open(self, **settings: str) -> World:
        """Make the apps; ``settings`` are those of ``app``."""
        self.app, self.secret = await self.apps.create_app("chat")
        if settings:
            self.app = await self.apps.change_settings(self.app.app_id, settings)
        self.other, self.other_secret = await self.apps.create_app("other")
        return self

    async def with_token(self, account: str, app: App | None = None) -> dict[str, str]:
        """The headers of a user with a token."""
        return {"token": (await self.auth.mint_token(app or self.app, account)).token}

    def with_credentials(self, account: str) -> dict[str, str]:
        """The headers of the app's server that speaks for a user."""
        return {"appKey": self.app.key, "appSecret": self.secret, "appAccount": account}

    def path(self, *parts: object) -> str:
        """A path below the app's topics."""
        return "/".join(["/api/topic", str(self.app.app_id), *map(str, parts)])

    async def create_topic(self, owner: str = "alice", *members: str) -> str:
        """Make a topic; returns its id as in JSON. Without ``members`` it holds the owner alone."""
        body = {"topicName": "tea", "accounts": ",".join(members or (owner,))}
        return str(
            (await self.call("POST", self.path(), await self.with_token(owner), body))["data"]["topicInfo"][
                "topicId"
            ]
        )

    async def create_group(self, owner: str = "alice", *members: str, app: App | None = None) -> str:
        """Make an unlimited group and have others join it; returns its id as in JSON."""
        app = app or self.app
        headers = await self.with_token(owner, app)
        answer = await self.call("POST", "/api/uctopic", headers, {"topicName": "stadium"})
        group_id = str(answer["data"]["topicId"])
        for account in await self.store.ensure_accounts(app.app_id, members):
            await self.groups.join(app.app_id, account.user_id, TopicId(int(group_id)))
        return group_id

    async def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Json = None
    ) -> Json:
        """Make a call to the API and return its answer, whose shape is checked."""
        # The standard library writes halves of surrogate pairs as escapes, as a careless client would.
        content = None if body is None else json.dumps(body)
        # A relative URL that starts with two slashes would name a host.
        return self.check(await self.http.request(method, ORIGIN + path, headers=headers, content=content))

    @staticmethod
    def check(response: httpx.Response) -> Json:
        """Check what holds for every answer under /api/, and return the JSON."""
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["access-control-allow-origin"] == "*"
        answer = response.json()
        assert list(answer) == ["code", "message", "data"]
        assert type(answer["code"]) is int
        assert type(answer["message"]) is str
        if answer["code"] != 200:
            assert answer["data"] is None
        return answer
