"""``openmimc account``, ``message``, ``topic`` and ``group``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from openmimc.app.data_dir import DataDir
from openmimc.app.toolbox import Toolbox, open_toolbox
from openmimc.cli.main import main
from openmimc.model.ids import AppId, UserId
from tests.contract.drafts import BOTH, append_one, group_of, p2p, p2t, uc


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def openmimc_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("OPENMIMC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["openmimc", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capsys.readouterr())

    return run


class Chat(NamedTuple):
    """An app in which alice, with phone and tablet, has written to bob and a topic, and bob to a group."""

    app_id: str
    alice: str
    one_to_one: str
    to_topic: str
    topic: str
    to_group: str


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    async def talk(tools: Toolbox) -> Chat:
        store = tools.store
        app, _ = await tools.apps.create_app("shop")
        alice, bob = await store.ensure_accounts(app.app_id, ("alice", "bob"))
        for account, resource in ((alice, "phone"), (alice, "tablet"), (bob, "watch")):
            await store.open_device(account.user_id, resource)
        topic = await store.create_topic(app.app_id, alice.user_id, (bob.user_id,), name="t", extra="")
        group_id = await group_of(store, alice, bob)
        first = await append_one(store, p2p(alice, "bob", "p-1", payload=b"secret", callbacks=BOTH))
        for user_id, position in first.recipients:
            if user_id == bob.user_id:
                store.move_cursor(user_id, "watch", position)
        second = await append_one(store, p2t(alice, topic.topic_id, "p-2", is_store=False))
        third = await append_one(store, uc(bob, group_id, "p-2"))
        sequences = [str(commit.message.sequence) for commit in (first, second, third)]
        return Chat(
            str(app.app_id), str(alice.user_id), sequences[0], sequences[1], str(topic.topic_id), sequences[2]
        )

    async def run() -> Chat:
        async with open_toolbox(DataDir(tmp_path / "data"), create=True) as tools:
            return await talk(tools)

    return asyncio.run(run())


# ------------------------------------------------------------------ accounts


def test_accounts_are_searched_by_the_beginning_of_their_names(openmimc_command: Run, chat: Chat) -> None:
    everybody = json.loads(openmimc_command("account", "search", chat.app_id, "--json").out)
    found = json.loads(openmimc_command("account", "search", chat.app_id, "al", "--json").out)

    assert [account["appAccount"] for account in everybody] == ["alice", "bob"]
    assert found == [{"appAccount": "alice", "uuid": chat.alice, "isBanned": False, "tokenGeneration": 0}]


def test_a_search_for_people_says_how_to_go_on(openmimc_command: Run, chat: Chat) -> None:
    first = openmimc_command("account", "search", chat.app_id, "--limit", "1")
    rest = openmimc_command("account", "search", chat.app_id, "--limit", "1", "--after", "alice")
    none = openmimc_command("account", "search", chat.app_id, "zoe")

    assert "alice" in first.out
    assert "--after 'alice'" in first.err
    assert ("bob" in rest.out, rest.err) == (True, "")
    assert none.out == "There are no such accounts.\n"


def test_an_account_is_shown_with_its_devices(openmimc_command: Run, chat: Chat) -> None:
    shown = json.loads(openmimc_command("account", "show", chat.app_id, "bob", "--json").out)
    text = openmimc_command("account", "show", chat.app_id, "alice").out

    (device,) = shown["devices"]
    assert shown["appAccount"] == "bob"
    assert (device["resource"], device["sequence"]) == ("watch", chat.one_to_one)
    assert int(device["seenMs"]) > 1_700_000_000_000
    assert "phone" in text
    assert "tablet" in text


def test_a_ban_is_made_and_taken_back(openmimc_command: Run, chat: Chat) -> None:
    said = [openmimc_command("account", verb, chat.app_id, "alice").out for verb in ("ban", "unban")]
    banned = json.loads(openmimc_command("account", "ban", chat.app_id, "alice", "--json").out)
    shown = json.loads(openmimc_command("account", "show", chat.app_id, "alice", "--json").out)
    listed = openmimc_command("account", "search", chat.app_id).out

    assert said == ["alice is banned.\n", "alice is not banned any more.\n"]
    assert banned["isBanned"] is shown["isBanned"] is True
    assert "yes" in listed


def test_tokens_are_revoked(openmimc_command: Run, chat: Chat) -> None:
    text = openmimc_command("account", "revoke", chat.app_id, "alice").out
    again = json.loads(openmimc_command("account", "revoke", chat.app_id, "alice", "--json").out)

    assert text == "alice needs new tokens.\n"
    assert again["tokenGeneration"] == 2


def test_a_running_server_is_told_of_both(openmimc_command: Run, chat: Chat, tmp_path: Path) -> None:
    for verb in ("ban", "unban", "revoke"):
        openmimc_command("account", verb, chat.app_id, "alice")

    async def read() -> tuple[UserId, ...]:
        async with open_toolbox(DataDir(tmp_path / "data")) as tools:
            return (await tools.store.revoked_since(0))[1]

    assert asyncio.run(read()) == (int(chat.alice), int(chat.alice))


@pytest.mark.parametrize("verb", ["show", "ban", "unban", "revoke"])
def test_an_account_that_is_none_is_a_mistake(openmimc_command: Run, chat: Chat, verb: str) -> None:
    done = openmimc_command("account", verb, chat.app_id, "zoe")

    assert (done.code, done.out, done.err) == (2, "", "openmimc: no such account\n")


@pytest.mark.parametrize("words", [("search",), ("show", "alice"), ("ban", "alice"), ("revoke", "alice")])
def test_an_app_that_is_none_is_a_mistake(openmimc_command: Run, chat: Chat, words: tuple[str, ...]) -> None:
    done = openmimc_command("account", words[0], str(AppId(1)), *words[1:])

    assert (done.code, done.err) == (2, "openmimc: unknown app\n")


# ------------------------------------------------------------------ messages


def test_a_message_is_found_by_its_sequence(openmimc_command: Run, chat: Chat) -> None:
    (life,) = json.loads(
        openmimc_command("message", "find", chat.app_id, "--sequence", chat.one_to_one, "--json").out
    )

    assert (life["sequence"], life["packetId"], life["kind"]) == (chat.one_to_one, "p-1", "P2P")
    assert (life["fromAccount"], life["fromResource"], life["toAccount"]) == ("alice", "phone", "bob")
    assert (life["payloadBytes"], life["isStore"]) == (6, True)
    assert life["devices"] == [
        {"appAccount": "alice", "resource": "tablet", "isAcknowledged": False},
        {"appAccount": "bob", "resource": "watch", "isAcknowledged": True},
    ]
    assert [event["msgType"] for event in life["callbacks"]] == ["NORMAL_MSG", "OFFLINE_MSG"]


def test_messages_are_found_by_their_packet_id_newest_first(openmimc_command: Run, chat: Chat) -> None:
    lives = json.loads(openmimc_command("message", "find", chat.app_id, "--packet-id", "p-2", "--json").out)

    assert [(life["sequence"], life["kind"]) for life in lives] == [
        (chat.to_group, "GROUP"),
        (chat.to_topic, "P2T"),
    ]
    assert lives[1]["topicId"] == chat.topic


def test_for_people_it_says_what_only_the_server_knows(openmimc_command: Run, chat: Chat) -> None:
    done = openmimc_command("message", "find", chat.app_id, "--packet-id", "p-1")

    assert "alice (phone)" in done.out
    assert "OFFLINE_MSG" in done.out
    assert "only the running server remembers" in done.err
    assert "secret" not in done.out + done.err


def test_messages_to_groups_are_shown_for_people_too(openmimc_command: Run, chat: Chat) -> None:
    done = openmimc_command("message", "find", chat.app_id, "--packet-id", "p-2")

    assert f"topic {chat.topic}" in done.out
    assert "unlimited group" in done.out
    assert "not kept" in done.out


@pytest.mark.parametrize("words", [(), ("--sequence", "1", "--packet-id", "p")])
def test_one_name_of_a_message_is_asked_for(openmimc_command: Run, chat: Chat, words: tuple[str, ...]) -> None:
    done = openmimc_command("message", "find", chat.app_id, *words)

    assert (done.code, done.err) == (2, "openmimc: give either --sequence or --packet-id\n")


@pytest.mark.parametrize("words", [("--sequence", "5"), ("--packet-id", "p-9"), ("--sequence", str(10**30))])
def test_a_message_that_is_none_is_said_to_be_none(
    openmimc_command: Run, chat: Chat, words: tuple[str, ...]
) -> None:
    done = openmimc_command("message", "find", chat.app_id, *words)

    assert (done.code, done.out) == (2, "")
    assert "no such message" in done.err


# ------------------------------------------------------------------ counts, topics, groups


@pytest.mark.parametrize(
    "stretch", [(), ("--days", "2"), ("--hours", "2"), ("--hours", "744"), ("--days", "366")]
)
def test_messages_are_counted_by_kind(openmimc_command: Run, chat: Chat, stretch: tuple[str, ...]) -> None:
    rows = json.loads(openmimc_command("message", "count", chat.app_id, *stretch, "--json").out)
    shown = openmimc_command("message", "count", chat.app_id, *stretch).out

    assert [(row["p2p"], row["p2t"], row["p2u"]) for row in rows] == [(1, 1, 1)]
    assert rows[0]["from"] in shown


@pytest.mark.parametrize("stretch", [("--days", "0"), ("--days", "367"), ("--hours", "0"), ("--hours", "745")])
def test_a_stretch_of_time_that_can_not_be(openmimc_command: Run, chat: Chat, stretch: tuple[str, ...]) -> None:
    assert openmimc_command("message", "count", chat.app_id, *stretch).code == 2


def test_topics_are_listed_with_owner_and_size(openmimc_command: Run, chat: Chat) -> None:
    (topic,) = json.loads(openmimc_command("topic", "list", chat.app_id, "--json").out)
    beyond = openmimc_command("topic", "list", chat.app_id, "--after", chat.topic)

    assert topic == {"topicId": chat.topic, "topicName": "t", "ownerAccount": "alice", "memberNum": 2}
    assert "The app has no topics." in beyond.out + beyond.err


def test_unlimited_groups_are_listed_page_by_page(openmimc_command: Run, chat: Chat) -> None:
    (group,) = json.loads(openmimc_command("group", "list", chat.app_id, "--limit", "1", "--json").out)
    shown = openmimc_command("group", "list", chat.app_id)

    assert (group["ownerAccount"], group["memberNum"]) == ("alice", 2)
    assert group["topicId"] in shown.out
    assert (
        json.loads(openmimc_command("group", "list", chat.app_id, "--after", group["topicId"], "--json").out)
        == []
    )


@pytest.mark.parametrize("command", [("topic", "list"), ("group", "list"), ("message", "count")])
def test_an_app_that_does_not_exist_has_no_lists(openmimc_command: Run, command: tuple[str, str]) -> None:
    openmimc_command("app", "create", "shop")
    done = openmimc_command(*command, "1234567890123456789")

    assert done.code != 0
    assert "Traceback" not in done.err
