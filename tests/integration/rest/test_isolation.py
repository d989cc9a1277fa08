"""Nobody gets at what is not theirs, at any endpoint, however they spell the request.

In the app under attack alice and bob talk, in private, in a topic and in an unlimited group, and alice blocks
mallory. Two others try
every call: eve, who has an account in the same app, and the other app, with a user of its own named alice and
with its own server. What they read holds nothing of the conversation, and what alice and bob see stays as it
was.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from openmimc.domain.history import MAX_PERIOD_MS
from openmimc.rest import groups
from tests.integration.rest.server import HttpServer
from tests.unit.rest.talk import account_of, call_out, say, tell
from tests.unit.rest.world import NOW_MS, World

SECRET = b"the secret recipe"
TOPIC_NAME = "secret tea"
GROUP_NAME = "stadium"

PERIOD = {"utcFromTime": NOW_MS, "utcToTime": NOW_MS + MAX_PERIOD_MS}
NEWEST = {"utcToTime": NOW_MS + MAX_PERIOD_MS, "count": 100}
SEQUENCES = {"startSeq": "0", "stopSeq": str(2**62)}
OF_TWO = {"appId": "{app}", "fromAccount": "alice", "toAccount": "bob"}
OF_TOPIC = {"appId": "{app}", "account": "alice", "topicId": "{topic}"}
OF_GROUP = {"appId": "{app}", "account": "alice", "topicId": "{group}"}
FROM_ALICE = {
    "appId": "{app}",
    "appKey": "{key}",
    "appSecret": "{secret}",
    "fromAccount": "alice",
    "fromResource": "phone",
    "msg": "forged",
}


class Call(Struct, frozen=True):
    """One call at what is alice's. ``{app}``, ``{topic}`` and ``{group}`` stand for the ids under attack.

    Attributes:
        of_caller: It is about the caller alone, so that everybody may make it for themselves.
    """

    method: str
    path: str
    body: dict[str, Any] | None = None
    of_caller: bool = False


CALLS = [
    Call("POST", "/api/msg/p2p/query", OF_TWO | PERIOD),
    Call("POST", "/api/msg/p2p/queryOnTime", OF_TWO | PERIOD),
    Call("POST", "/api/msg/p2p/queryOnCount", OF_TWO | NEWEST),
    Call("POST", "/api/msg/p2p/queryOnSequence", OF_TWO | SEQUENCES),
    Call("POST", "/api/msg/p2t/query", OF_TOPIC | PERIOD),
    Call("POST", "/api/msg/p2t/queryOnTime", OF_TOPIC | PERIOD),
    Call("POST", "/api/msg/p2t/queryOnCount", OF_TOPIC | NEWEST),
    Call("POST", "/api/msg/p2t/queryOnSequence", OF_TOPIC | SEQUENCES),
    Call("POST", "/api/msg/p2u/query", OF_GROUP | PERIOD),
    Call("POST", "/api/msg/p2u/queryOnTime", OF_GROUP | PERIOD),
    Call("POST", "/api/msg/p2u/queryOnCount", OF_GROUP | NEWEST),
    Call("POST", "/api/msg/p2u/queryOnSequence", OF_GROUP | SEQUENCES),
    Call("GET", "/api/contact", of_caller=True),
    Call("DELETE", "/api/contact/p2p/session?member=bob", of_caller=True),
    Call("DELETE", "/api/contact/p2t/session?topicId={topic}", of_caller=True),
    Call("POST", "/api/blacklist", {"blackAccount": "bob"}, of_caller=True),
    Call("DELETE", "/api/blacklist?blackAccount=mallory", of_caller=True),
    Call("GET", "/api/blacklist?blackAccount=mallory", of_caller=True),
    Call("POST", "/api/topic/{app}", {"topicName": "x", "accounts": "zoe"}, of_caller=True),
    Call("GET", "/api/topic/{app}/account", of_caller=True),
    Call("GET", "/api/topic/{app}/{topic}"),
    Call("POST", "/api/topic/{app}/{topic}/accounts", {"accounts": "eve"}),
    Call("DELETE", "/api/topic/{app}/{topic}/account"),
    Call("DELETE", "/api/topic/{app}/{topic}/accounts?accounts=bob"),
    Call("PUT", "/api/topic/{app}/{topic}", {"ownerAccount": "bob", "topicName": "x"}),
    Call("DELETE", "/api/topic/{app}/{topic}"),
    Call("POST", "/api/uctopic", {"topicName": "x"}, of_caller=True),
    Call("GET", "/api/uctopic/topics", of_caller=True),
    Call("GET", "/api/uctopic?topicId={group}"),
    Call("GET", "/api/uctopic/userlist?topicId={group}"),
    Call("GET", "/api/uctopic/onlineinfo?topicId={group}"),
    Call("POST", "/api/uctopic/forbid", {"topicId": "{group}", "account": "bob", "forbidUntil": 2**33}),
    Call("DELETE", "/api/uctopic?topicId={group}"),
    Call("POST", "/api/push/p2p", FROM_ALICE | {"toAccount": "bob"}),
    Call("POST", "/api/push/p2p/more", FROM_ALICE | {"toAccounts": ["bob", "carol"]}),
    Call("POST", "/api/push/p2t", FROM_ALICE | {"topicId": "{topic}"}),
    Call("POST", "/api/push/p2t/more", FROM_ALICE | {"topicIds": ["{topic}"]}),
    Call("POST", "/api/push/p2u", FROM_ALICE | {"topicId": "{group}"}),
    Call("POST", "/api/push/p2u/more", FROM_ALICE | {"topicIds": ["{group}"]}),
    Call("GET", "/api/callback/{app}?state=dead"),
    Call("GET", "/api/callback/{app}?state=waiting"),
    Call("POST", "/api/callback/{app}/replay", {"all": True}),
]

QUESTIONS = [
    call
    for call in CALLS
    if (call.method == "GET" or call.path.startswith("/api/msg/")) and "/callback/" not in call.path
]
"""What a user of the conversation may ask, and what changes nothing."""

OPEN = {("POST", "/api/account/token"), ("GET", "/gslb")}
"""Calls at nobody's in particular: they have credentials in the body and tests of their own, or no secrets."""


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    # Strangers are in no group, so the list of theirs would be held back each time.
    monkeypatch.setattr(groups, "HOLD_S", 0.005)
    async with HttpServer(tmp_path, http="httptools") as server:
        yield await Scene(server).open()


class Scene:
    """A server on which alice and bob talk."""

    topic_id: str
    group_id: str
    secrets: list[str]

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.world: World = server.world

    async def open(self) -> Scene:
        """Have them talk; a callback tells the app's server of it, in vain."""
        await self.world.apps.change_settings(
            self.world.app.app_id,
            {"offline_callback_url": "http://127.0.0.1:9/", "callback_secret": "0123456789abcdef"},
        )
        self.topic_id = await self._create_topic()
        self.group_id = await self.world.create_group("alice", "bob")
        called = await call_out(self.world, "alice", self.group_id, SECRET)
        said = await say(self.world, "alice", "bob", SECRET)
        told = await tell(self.world, "bob", self.topic_id, SECRET)
        await say(self.world, "bob", "alice", SECRET)
        await self.call(Call("POST", "/api/blacklist", {"blackAccount": "mallory"}), await self.token("alice"))
        await self.push()
        for name in ("alice", "bob", "eve"):
            await account_of(self.world, name, self.world.other)
        alice, bob = [str((await account_of(self.world, name)).user_id) for name in ("alice", "bob")]
        encoded = base64.b64encode(SECRET).decode()
        self.secrets = [
            SECRET.decode(),
            encoded,
            TOPIC_NAME,
            GROUP_NAME,
            alice,
            bob,
            str(said.sequence),
            str(told.sequence),
            str(called.sequence),
        ]
        return self

    async def _create_topic(self) -> str:
        body = {"topicName": TOPIC_NAME, "accounts": "bob"}
        answer = await self.world.call("POST", self.world.path(), await self.world.with_token("alice"), body)
        return str(answer["data"]["topicInfo"]["topicId"])

    async def push(self) -> None:
        """Send what causes a callback: bob is not online."""
        body = FROM_ALICE | {"toAccount": "bob", "msg": SECRET.decode()}
        body |= {"appKey": self.world.app.key, "appSecret": self.world.secret}
        answer = await self.call(Call("POST", "/api/push/p2p", body), {})
        assert answer["code"] == 200

    async def token(self, name: str) -> dict[str, str]:
        """The header of a user of the app under attack."""
        return await self.world.with_token(name)

    async def call(self, call: Call, headers: dict[str, str], *, version: str = "1.1") -> Any:
        """Make a call on a connection of its own; returns the JSON."""
        body = b"" if call.body is None else self._fill(json.dumps(call.body)).encode()
        line = f"{call.method} {self._fill(call.path)}"
        answer = await self.server.request(line, headers, body, version=version)
        assert answer.status == 200
        return answer.json

    def _fill(self, text: str) -> str:
        ids = {"{app}": str(self.world.app.app_id), "{topic}": self.topic_id, "{group}": self.group_id}
        for name, value in ids.items():
            text = text.replace(name, value)
        return text

    async def strangers(self) -> dict[str, dict[str, str]]:
        """The headers of those who have no business here."""
        app, other = self.world.app, self.world.other
        foreign = await self.world.with_token("alice", other)
        of_other = {"appKey": other.key, "appSecret": self.world.other_secret, "appAccount": "alice"}
        of_app = {"appId": str(app.app_id)}
        return {
            "a user of the app": await self.token("eve"),
            "the same, who says who else": await self.token("eve")
            | {"appAccount": "alice", "account": "alice"},
            "the same, with another app's credentials": await self.token("eve") | of_other | of_app,
            "a namesake of another app": foreign,
            "the same, who names the app": foreign | of_app,
            "another app's server": of_other | of_app,
            "the same, in base64": of_other
            | of_app
            | {"appAccount": base64.b64encode(b"alice").decode(), "appAccountEncode": "base64"},
            "the same, naming itself": of_other | {"appId": str(other.app_id)},
            "the same, naming nobody": of_other,
            "another app's server with the app's key": of_other | of_app | {"appKey": app.key},
            "the app's server that forgot the secret": of_other | of_app | {"appKey": app.key, "appSecret": ""},
            "nobody": {},
            "nobody, naming the app": of_app | {"appAccount": "alice"},
            "a forger": {"token": foreign["token"][:-4] + "AAAA"},
        }

    async def as_seen(self) -> Any:
        """All that alice, bob and their app's server see."""
        seen = []
        for name in ("alice", "bob"):
            headers = await self.token(name)
            for call in QUESTIONS:
                body = call.body if call.body is None else call.body | {"account": name}
                seen.append(await self.call(replace(call, body=body), headers))
        server = {"appKey": self.world.app.key, "appSecret": self.world.secret}
        for state in ("waiting", "dead"):
            seen.append(await self.call(Call("GET", f"/api/callback/{{app}}?state={state}"), server))
        assert [answer["code"] for answer in seen] == [200] * len(seen)
        return seen


def spellings(call: Call, other_app_id: str) -> Iterator[Call]:
    """The same call in other words, and turned to the caller's own app."""
    path, mark, query = call.path.partition("?")
    yield call
    yield replace(call, path=f"{path}/{mark}{query}")
    yield replace(call, path=f"//{path[1:].replace('/', '//')}{mark}{query}")
    yield replace(call, path=f"http://im.example.com{path}{mark}{query}")
    yield replace(call, path=path.replace("{app}", other_app_id) + mark + query)
    if call.body is not None:
        body = call.body
        yield replace(call, body={key: value for key, value in body.items() if key != "appId"})
        yield replace(call, body=body | {"appId": None})
        yield replace(call, body=body | {"appId": other_app_id})
        yield replace(call, body=body | {"appId": int(other_app_id)})
        yield replace(call, body=body | {"account": "eve", "appAccount": "alice"})
        yield replace(call, body={key: value for key, value in body.items() if key != "account"})
        if "fromAccount" in body and "toAccount" in body:
            yield replace(call, body=body | {"fromAccount": "bob", "toAccount": "alice"})
            yield replace(call, body=body | {"fromAccount": "eve"})


def with_keys(call: Call, headers: dict[str, str]) -> Call:
    """The call with what its caller has for credentials, where they stand in the body."""
    if call.body is None or "appKey" not in call.body:
        return call
    keys = {"appKey": headers.get("appKey"), "appSecret": headers.get("appSecret")}
    return replace(call, body=call.body | keys)


def name_of(call: Call) -> str:
    return f"{call.method} {call.path}"


@pytest.mark.parametrize("call", CALLS, ids=name_of)
async def test_strangers_get_at_nothing_by_any_spelling(scene: Scene, call: Call) -> None:
    """Refused wherever it is about somebody else, and in any case nothing leaks and nothing changes."""
    before = await scene.as_seen()
    other = scene.world.other
    answers = []

    for stranger, headers in (await scene.strangers()).items():
        for spelled in spellings(call, str(other.app_id)):
            answers.append((stranger, spelled, await scene.call(with_keys(spelled, headers), headers)))

    for stranger, spelled, answer in answers:
        text = json.dumps(answer, ensure_ascii=False)
        assert [secret for secret in scene.secrets if secret in text] == [], (stranger, spelled)
    assert await scene.as_seen() == before


REFUSED = [call for call in CALLS if not call.of_caller]


@pytest.mark.parametrize("call", REFUSED, ids=name_of)
async def test_strangers_who_ask_for_what_is_others_are_told_no(scene: Scene, call: Call) -> None:
    """Over HTTP/1.0, too."""
    for stranger, headers in (await scene.strangers()).items():
        answer = await scene.call(with_keys(call, headers), headers, version="1.0")

        assert answer["code"] in {401, 403, 404, 422, 442, 443, 444}, (stranger, answer)
        assert answer["data"] is None


async def test_every_call_there_is_has_been_tried(scene: Scene) -> None:
    """By what the server itself says that it serves."""
    document = (await scene.server.request("GET /openapi.json")).json
    served = {
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith(("/api/", "/gslb"))
    }
    names = {"{app}": "{appId}", "{topic}": "{topicId}"}
    tried = set(OPEN)
    for call in CALLS:
        path = call.path.partition("?")[0]
        for ours, documented in names.items():
            path = path.replace(ours, documented)
        tried.add((call.method, path))

    assert served == tried
