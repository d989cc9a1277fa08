from __future__ import annotations

import base64
import os
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from openmimc.app.config import Secret
from openmimc.app.data_dir import DataDir, DirectoryInUse, RunningServer
from openmimc.app.errors import ConfigError

KEY = bytes(range(32))

SERVER = RunningServer(
    pid=os.getpid(),
    is_tls=False,
    http_address="127.0.0.1:8080",
    tcp="127.0.0.1:5222",
    tls_tcp=None,
    fe_domain="chat.example",
)


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    data_dir = DataDir(tmp_path / "over" / "data")
    data_dir.create()
    return data_dir


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_directory_is_for_its_owner_alone(data_dir: DataDir) -> None:
    assert mode_of(data_dir.path) == 0o700


def test_a_directory_that_exists_is_taken_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    DataDir(tmp_path).create()

    assert mode_of(tmp_path) == 0o755


def test_a_file_in_the_directorys_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")

    with pytest.raises(ConfigError, match=f"cannot make the data directory {tmp_path}/data"):
        DataDir(tmp_path / "data").create()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"there is no data directory {tmp_path}/data; .*--data-dir"):
        DataDir(tmp_path / "data").check_exists()


def test_the_stores_file_is_for_its_owner_alone_and_keeps_its_content(data_dir: DataDir) -> None:
    file = data_dir.database_file()
    file.write_bytes(b"rows")

    assert data_dir.database_file() == file
    assert file.read_bytes() == b"rows"
    assert mode_of(file) == 0o600


# ------------------------------------------------------------------ one server at a time


def test_a_second_claim_is_refused_with_the_first_ones_process(data_dir: DataDir) -> None:
    data_dir.lock()

    with pytest.raises(DirectoryInUse) as caught:
        DataDir(data_dir.path).lock()

    assert (
        str(caught.value)
        == f"another server (process {os.getpid()}) runs on the data directory {data_dir.path}"
    )
    data_dir.unlock()


def test_a_directory_can_be_claimed_again_after_it_was_given_back(data_dir: DataDir) -> None:
    data_dir.lock()
    data_dir.unlock()
    data_dir.unlock()

    other = DataDir(data_dir.path)
    other.lock()
    other.unlock()


def test_a_lock_file_that_a_killed_server_left_does_not_matter(data_dir: DataDir) -> None:
    (data_dir.path / "lock").write_text("4194304999\n")

    data_dir.lock()

    assert (data_dir.path / "lock").read_text() == f"{os.getpid()}\n"
    data_dir.unlock()


# ------------------------------------------------------------------ the server's key


def test_a_key_is_made_once_and_is_for_its_owner_alone(data_dir: DataDir) -> None:
    key = data_dir.server_key(None)

    assert len(key) == 32
    assert data_dir.server_key(None) == key
    assert mode_of(data_dir.path / "server.key") == 0o600
    assert [path.name for path in data_dir.path.iterdir()] == ["server.key"]


def test_each_directory_gets_a_key_of_its_own(tmp_path: Path) -> None:
    first, second = DataDir(tmp_path / "first"), DataDir(tmp_path / "second")
    first.create()
    second.create()

    assert first.server_key(None) != second.server_key(None)


def test_a_key_that_somebody_else_makes_at_the_same_time_wins(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def link_second(source: Path, target: Path) -> None:
        target.write_text(base64.b64encode(KEY).decode())
        target.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", link_second)

    assert data_dir.server_key(None) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_can_reach_is_refused_with_the_remedy(data_dir: DataDir, mode: int) -> None:
    file = data_dir.path / "server.key"
    data_dir.server_key(None)
    file.chmod(mode)

    with pytest.raises(ConfigError, match=f"run: chmod 600 {file}$"):
        data_dir.server_key(None)


def test_a_key_of_the_environment_is_taken_and_no_file_made(data_dir: DataDir) -> None:
    assert data_dir.server_key(Secret(base64.b64encode(KEY).decode())) == KEY
    assert not (data_dir.path / "server.key").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not base64!", "is no base64"),
        ("sch\u00fcssel", "is no base64"),
        (base64.b64encode(KEY[:31]).decode(), "has 31 bytes, at least 32 are needed"),
    ],
)
def test_a_key_that_is_none_is_refused_without_showing_it(data_dir: DataDir, text: str, reason: str) -> None:
    file = data_dir.path / "server.key"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)

    with pytest.raises(ConfigError) as from_file:
        data_dir.server_key(None)
    with pytest.raises(ConfigError) as from_environment:
        data_dir.server_key(Secret(text))

    assert str(from_file.value) == f"{file}: {reason}"
    assert str(from_environment.value) == f"environment variable OPENMIMC_SERVER_KEY: {reason}"


# ------------------------------------------------------------------ the running server's addresses


def test_tools_find_the_announced_server(data_dir: DataDir) -> None:
    data_dir.announce(SERVER)
    data_dir.announce(SERVER)

    assert data_dir.find_server() == SERVER
    assert SERVER.http_url == "http://127.0.0.1:8080"
    assert SERVER.websocket_url == "ws://127.0.0.1:8080/"


def test_a_server_that_has_withdrawn_is_not_found(data_dir: DataDir) -> None:
    data_dir.announce(SERVER)
    data_dir.withdraw()
    data_dir.withdraw()

    assert data_dir.find_server() is None


def test_a_server_that_was_killed_is_not_found(data_dir: DataDir) -> None:
    process = subprocess.Popen(["true"])  # noqa: S607 - any program that ends
    process.wait()
    data_dir.announce(msgspec.structs.replace(SERVER, pid=process.pid))

    assert data_dir.find_server() is None


def test_an_announcement_that_is_none_is_passed_over(data_dir: DataDir) -> None:
    (data_dir.path / "server.json").write_text('{"pid": "many"}')

    assert data_dir.find_server() is None


# ------------------------------------------------------------------ first steps


def test_the_demo_app_is_remembered(data_dir: DataDir) -> None:
    assert data_dir.find_demo_app() is None

    data_dir.remember_demo_app("2000000000000000001")

    assert DataDir(data_dir.path).find_demo_app() == "2000000000000000001"
