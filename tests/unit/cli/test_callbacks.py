from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from openmimc.app.data_dir import DataDir
from openmimc.app.toolbox import open_toolbox
from openmimc.cli.main import main
from tests.fakes.outbox import let_callbacks_die, put_callbacks_down


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
        monkeypatch.setattr(sys, "argv", ["openmimc", "callbacks", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capsys.readouterr())

    return run


class Outbox(NamedTuple):
    """An app with three dead callbacks and one that waits."""

    app_id: str
    dead: list[str]
    waiting: str


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    async def fill() -> Outbox:
        async with open_toolbox(DataDir(tmp_path / "data"), create=True) as tools:
            app, _ = await tools.apps.create_app("shop")
            dead = await put_callbacks_down(tools.store, app, 3)
            await let_callbacks_die(tools.store, dead)
            (waiting,) = await put_callbacks_down(tools.store, app, 1, to_account="carol")
            return Outbox(str(app.app_id), [str(event_id) for event_id in dead], str(waiting))

    return asyncio.run(fill())


def test_dead_ones_are_listed_for_programs(openmimc_command: Run, outbox: Outbox) -> None:
    done = openmimc_command("list", outbox.app_id, "--json")

    listed = json.loads(done.out)
    assert [callback["eventId"] for callback in listed] == outbox.dead
    first = listed[0]
    assert (first["msgType"], first["state"], first["attempts"]) == ("NORMAL_MSG", "dead", 1)
    assert (first["fromAccount"], first["toAccount"], first["lastError"]) == ("alice", "bob", "status 500")
    assert "payload" not in first


def test_waiting_ones_are_listed_when_asked_for(openmimc_command: Run, outbox: Outbox) -> None:
    listed = json.loads(openmimc_command("list", outbox.app_id, "--state", "waiting", "--json").out)

    assert [callback["eventId"] for callback in listed] == [outbox.waiting]
    assert listed[0]["nextAttempt"] > 0


def test_people_see_a_table_and_how_to_go_on(openmimc_command: Run, outbox: Outbox) -> None:
    first = openmimc_command("list", outbox.app_id, "--limit", "2")
    second = openmimc_command("list", outbox.app_id, "--limit", "2", "--after", outbox.dead[1])

    assert [line.split()[0] for line in first.out.splitlines()] == ["EVENT", *outbox.dead[:2]]
    assert "status 500" in first.out
    assert first.err == f"There are more: --after {outbox.dead[1]}\n"
    assert [line.split()[0] for line in second.out.splitlines()] == ["EVENT", outbox.dead[2]]
    assert second.err == ""


def test_an_empty_list_is_said(openmimc_command: Run, outbox: Outbox) -> None:
    openmimc_command("replay", outbox.app_id, "--all")

    assert openmimc_command("list", outbox.app_id).out == "There are no dead callbacks.\n"


def test_named_ones_are_replayed(openmimc_command: Run, outbox: Outbox) -> None:
    done = openmimc_command("replay", outbox.app_id, "--event", outbox.dead[0], "--event", outbox.dead[2])

    assert done.out == "2 callbacks will be sent anew.\n"
    left = json.loads(openmimc_command("list", outbox.app_id, "--json").out)
    assert [callback["eventId"] for callback in left] == [outbox.dead[1]]


def test_all_are_replayed(openmimc_command: Run, outbox: Outbox) -> None:
    assert json.loads(openmimc_command("replay", outbox.app_id, "--all", "--json").out) == {"replayed": 3}


@pytest.mark.parametrize("arguments", [(), ("--all", "--event", "1")])
def test_a_replay_says_which(openmimc_command: Run, outbox: Outbox, arguments: tuple[str, ...]) -> None:
    done = openmimc_command("replay", outbox.app_id, *arguments)

    assert done == Done(2, "", "openmimc: give either --all, or --event with an event's id\n")


def test_an_app_id_of_another_data_directory_is_one_line(openmimc_command: Run, outbox: Outbox) -> None:
    assert openmimc_command("list", "12") == Done(2, "", "openmimc: unknown app\n")
