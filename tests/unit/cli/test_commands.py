from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import openmimc
from openmimc.app.data_dir import DataDir
from openmimc.app.toolbox import open_toolbox
from openmimc.cli.main import main
from openmimc.domain.auth import Auth, Principal
from openmimc.model.ids import AppId


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def openmimc_command(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run ``openmimc`` with these arguments, on the test's data directory; ``typed`` is what a person types."""
    for variable in ("OPENMIMC_APP_KEY", "OPENMIMC_APP_SECRET", "OPENMIMC_APP_ID", "OPENMIMC_SERVER_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENMIMC_DATA_DIR", str(data_dir))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, typed: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["openmimc", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        captured = capsys.readouterr()
        return Done(code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def app(openmimc_command: Run) -> dict[str, str]:
    created: dict[str, str] = json.loads(openmimc_command("app", "create", "shop", "--json").out)
    return created


def check_token(data_dir: Path, token: str) -> Principal:
    async def check() -> Principal:
        directory = DataDir(data_dir)
        async with open_toolbox(directory) as tools:
            return await Auth(tools.apps, tools.store, directory.server_key(None), tools.clock).check_token(
                token
            )

    return asyncio.run(check())


def test_the_version_is_shown(openmimc_command: Run) -> None:
    assert openmimc_command("--version") == Done(0, f"openmimc {openmimc.__version__}\n", "")


def test_create_prints_json_of_texts_alone(openmimc_command: Run) -> None:
    done = openmimc_command("app", "create", "Мой магазин", "--package", "com.example.shop", "--json")

    created = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert created.keys() >= {"appId", "appKey", "appSecret", "appPackage"}
    assert all(isinstance(value, str) for value in created.values())
    assert (created["appName"], created["appPackage"]) == ("Мой магазин", "com.example.shop")
    assert len(created["appId"]) == 19
    assert done.out.count("\n") == 1


def test_create_shows_people_everything_on_whole_lines(
    openmimc_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")

    done = openmimc_command("app", "create", "shop", "--package", "com.example.a.long.name.of.a.package")

    assert [line.split()[0] for line in done.out.splitlines()] == [
        "appId",
        "appKey",
        "appSecret",
        "appPackage",
        "appName",
    ]
    assert "com.example.a.long.name.of.a.package\n" in done.out


OLD_ID, OLD_KEY, OLD_SECRET = "2882303761517613988", "5111761386988", "DTTnDiUr0k7Wxl6Cve8u+A=="


def test_create_keeps_the_credentials_of_an_app_that_moves(
    openmimc_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENMIMC_APP_SECRET", OLD_SECRET)

    done = openmimc_command("app", "create", "moved", "--app-id", OLD_ID, "--app-key", OLD_KEY, "--json")

    created = json.loads(done.out)
    assert (created["appId"], created["appKey"], created["appSecret"]) == (OLD_ID, OLD_KEY, OLD_SECRET)


@pytest.mark.parametrize(
    ("arguments", "secret", "said"),
    [
        (("--app-id", OLD_ID, "--app-key", OLD_KEY), "", "appSecret"),
        (("--app-id", OLD_ID, "--app-key", OLD_KEY), "short", "16 characters"),
        (("--app-id", OLD_ID), OLD_SECRET, "appKey"),
        (("--app-key", OLD_KEY), OLD_SECRET, "--app-id"),
        (("--app-id", "0", "--app-key", OLD_KEY), OLD_SECRET, "appId"),
    ],
)
def test_create_refuses_half_of_the_credentials(
    openmimc_command: Run,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    secret: str,
    said: str,
) -> None:
    monkeypatch.setenv("OPENMIMC_APP_SECRET", secret)

    done = openmimc_command("app", "create", "moved", *arguments)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not secret or secret not in done.err


def test_create_makes_the_data_directory(openmimc_command: Run, data_dir: Path) -> None:
    openmimc_command("app", "create", "shop")

    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_list_has_all_apps_oldest_first_and_no_secret(openmimc_command: Run, app: dict[str, str]) -> None:
    second = json.loads(openmimc_command("app", "create", "game", "--json").out)

    listed = openmimc_command("app", "list", "--json")
    shown = openmimc_command("app", "list")

    assert [entry["appId"] for entry in json.loads(listed.out)] == [app["appId"], second["appId"]]
    for secret in (app["appSecret"], second["appSecret"]):
        assert secret not in listed.out + shown.out
    assert shown.out.index(app["appId"]) < shown.out.index(second["appId"])


def test_an_empty_list_says_how_to_begin(openmimc_command: Run, data_dir: Path) -> None:
    data_dir.mkdir()

    assert openmimc_command("app", "list").out == "There are no apps; make one with: openmimc app create NAME\n"
    assert openmimc_command("app", "list", "--json").out == "[]\n"


def test_show_has_the_settings(openmimc_command: Run, app: dict[str, str]) -> None:
    entry = json.loads(openmimc_command("app", "show", app["appId"], "--json").out)

    assert entry["settings"]["topicMemberCount"] == 500
    assert "topicMemberCount" in openmimc_command("app", "show", app["appId"]).out


def test_set_changes_settings_for_good(openmimc_command: Run, app: dict[str, str]) -> None:
    changed = openmimc_command("app", "set", app["appId"], "topicMemberCount=5", "copyToSender=false", "--json")

    settings = json.loads(changed.out)["settings"]
    assert (settings["topicMemberCount"], settings["copyToSender"]) == (5, False)
    assert json.loads(openmimc_command("app", "show", app["appId"], "--json").out)["settings"] == settings


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("topicMemberCount=0", "topicMemberCount must be from 1 to 100000"),
        ("topicMemberCount=many", "topicMemberCount: Expected `int`, got `str`"),
        ("members=5", "no setting is named members; there are topicMemberCount, "),
        ("topicMemberCount", "'topicMemberCount' is not of the form KEY=VALUE"),
    ],
)
def test_a_bad_setting_is_refused_and_no_other_set(
    openmimc_command: Run, app: dict[str, str], change: str, sentence: str
) -> None:
    done = openmimc_command("app", "set", app["appId"], "inboxTime=3", change)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"openmimc: {sentence}")
    assert done.err.count("\n") == 1
    assert json.loads(openmimc_command("app", "show", app["appId"], "--json").out)["settings"]["inboxTime"] == 7


def test_a_callback_secret_that_is_made_is_shown_once(openmimc_command: Run, app: dict[str, str]) -> None:
    made = openmimc_command("app", "set", app["appId"], "offline_callback_url=http://127.0.0.1:1/", "--json")
    secret = json.loads(made.out)["callbackSecret"]
    later = [
        openmimc_command("app", "set", app["appId"], "instant_callback_url=http://127.0.0.1:2/", "--json"),
        openmimc_command("app", "show", app["appId"], "--json"),
        openmimc_command("app", "list", "--json"),
        openmimc_command("app", "show", app["appId"]),
    ]

    assert len(secret) >= 40
    assert json.loads(made.out)["settings"]["callback_secret"] == "set"
    assert json.loads(later[1].out)["settings"]["callback_secret"] == "set"
    assert all(secret not in done.out + done.err for done in later)


def test_people_are_shown_a_made_callback_secret_too(openmimc_command: Run, app: dict[str, str]) -> None:
    done = openmimc_command("app", "set", app["appId"], "offline_callback_url=http://127.0.0.1:1/")

    last = done.out.splitlines()[-1].split()
    assert last[0] == "callback_secret"
    assert len(last[1]) >= 40
    assert "shown this once" in done.err


def test_a_callback_secret_of_ones_own_is_never_shown(openmimc_command: Run, app: dict[str, str]) -> None:
    own = "sixteen-letters-or-more"

    done = [
        openmimc_command(
            "app", "set", app["appId"], f"callback_secret={own}", "offline_callback_url=http://e/", *form
        )
        for form in ((), ("--json",))
    ]

    assert [entry.code for entry in done] == [0, 0]
    assert all(own not in entry.out + entry.err for entry in done)


def test_without_callbacks_there_is_no_secret(openmimc_command: Run, app: dict[str, str]) -> None:
    assert (
        json.loads(openmimc_command("app", "show", app["appId"], "--json").out)["settings"]["callback_secret"]
        == ""
    )


def test_rotate_secret_gives_another_one(openmimc_command: Run, app: dict[str, str]) -> None:
    rotated = json.loads(openmimc_command("app", "rotate-secret", app["appId"], "--json").out)

    assert rotated["appSecret"] != app["appSecret"]
    assert {**rotated, "appSecret": ""} == {**app, "appSecret": ""}


def test_delete_asks_for_the_name(openmimc_command: Run, app: dict[str, str]) -> None:
    refused = openmimc_command("app", "delete", app["appId"], typed="shops\n")
    kept = json.loads(openmimc_command("app", "list", "--json").out)
    deleted = openmimc_command("app", "delete", app["appId"], typed="shop\n")
    left = json.loads(openmimc_command("app", "list", "--json").out)

    assert refused.code == 2
    assert refused.err.endswith("openmimc: not the app's name; nothing was deleted\n")
    assert len(kept) == 1
    assert (deleted.code, left) == (0, [])


def test_delete_for_programs_does_not_ask(openmimc_command: Run, app: dict[str, str]) -> None:
    done = openmimc_command("app", "delete", app["appId"], "--yes", "--json")

    assert (done.code, json.loads(done.out)) == (0, {"appId": app["appId"], "deleted": True})


def test_token_prints_a_token_that_holds(openmimc_command: Run, app: dict[str, str], data_dir: Path) -> None:
    done = openmimc_command("token", app["appId"], "alice")

    principal = check_token(data_dir, done.out.strip())
    assert (principal.app.app_id, principal.account.name) == (AppId(int(app["appId"])), "alice")


def test_token_prints_the_token_services_answer(openmimc_command: Run, app: dict[str, str]) -> None:
    answer = json.loads(openmimc_command("token", app["appId"], "alice", "--json").out)

    assert (answer["code"], answer["message"]) == (200, "success")
    assert answer["data"]["appAccount"] == "alice"
    assert answer["data"]["feDomainName"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("app", "show", "12"),
        ("app", "set", "12", "inboxTime=3"),
        ("app", "rotate-secret", "12"),
        ("app", "delete", "12", "--yes"),
        ("token", "12", "alice"),
        ("callbacks", "list", "12"),
        ("callbacks", "replay", "12", "--all"),
    ],
)
def test_an_unknown_app_is_one_line(openmimc_command: Run, data_dir: Path, arguments: tuple[str, ...]) -> None:
    data_dir.mkdir()

    assert openmimc_command(*arguments) == Done(2, "", "openmimc: unknown app\n")


@pytest.mark.parametrize("text", ["shop", "-1x", "\uff11\uff12"])
def test_an_id_that_is_no_number_is_one_line(openmimc_command: Run, data_dir: Path, text: str) -> None:
    data_dir.mkdir()

    done = openmimc_command("app", "show", "--", text)

    assert done == Done(2, "", "openmimc: an app's id is a number; openmimc app list shows them\n")


@pytest.mark.parametrize(
    "arguments", [("app", "list"), ("app", "show", "12"), ("token", "12", "alice"), ("chat", "alice")]
)
def test_a_missing_data_directory_is_one_line(
    openmimc_command: Run, data_dir: Path, arguments: tuple[str, ...]
) -> None:
    done = openmimc_command(*arguments)

    assert done == Done(
        2, "", f"openmimc: there is no data directory {data_dir}; name another with --data-dir\n"
    )
    assert not data_dir.exists()


def test_a_store_that_is_none_is_one_line(openmimc_command: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "openmimc.db").write_bytes(b"no database" * 1000)

    done = openmimc_command("app", "list")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"openmimc: cannot open {data_dir}/openmimc.db")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("app", "shwo"), ("token", "12"), ("serve", "--htp-port", "1")])
def test_a_wrong_command_line_has_exit_code_2(openmimc_command: Run, arguments: tuple[str, ...]) -> None:
    done = openmimc_command(*arguments)

    assert (done.code, done.out) == (2, "")
    assert "Usage: " in done.err


def test_serve_shows_every_option(openmimc_command: Run) -> None:
    from openmimc.app.config import options

    shown = openmimc_command("serve", "--help").out

    assert all(option.flag in shown for option in options())
    assert "OPENMIMC_SERVER_KEY" not in shown


# ------------------------------------------------------------------ chat: where to


def test_chat_without_a_running_server_says_how_to_start_one(
    openmimc_command: Run, app: dict[str, str], data_dir: Path
) -> None:
    done = openmimc_command("chat", "alice")

    assert done.code == 2
    assert done.err == (
        f"openmimc: no server runs on {data_dir}; "
        f"start one in another terminal: openmimc serve --data-dir {data_dir}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--url", "chat.example"), "--url: starts with http:// or https://"),
        (("--url", "ws://chat.example"), "--url: starts with http:// or https://"),
        (
            ("--url", "http://chat.example"),
            "--url needs --app-id, and OPENMIMC_APP_KEY and OPENMIMC_APP_SECRET in the environment",
        ),
        (("--ca", "/no.pem"), "--ca: cannot use /no.pem: No such file or directory"),
        (("--app-id", "demo"), "an app's id is a number; openmimc app list shows them"),
    ],
)
def test_chat_says_what_is_missing(openmimc_command: Run, arguments: tuple[str, ...], sentence: str) -> None:
    assert openmimc_command("chat", "alice", *arguments) == Done(2, "", f"openmimc: {sentence}\n")


def test_chat_over_tcp_elsewhere_needs_the_port(openmimc_command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENMIMC_APP_KEY", "1")
    monkeypatch.setenv("OPENMIMC_APP_SECRET", "x")

    done = openmimc_command(
        "chat", "alice", "--url", "http://127.0.0.1:1", "--app-id", "1", "--transport", "tcp"
    )

    assert done.code == 2
    assert "--address HOST:PORT" in done.err
