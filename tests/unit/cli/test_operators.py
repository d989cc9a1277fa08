from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from openmimc.app.data_dir import DataDir
from openmimc.app.toolbox import open_toolbox
from openmimc.cli.main import main
from openmimc.errors import SignInRefused

PASSWORD = "correct horse battery"
OTHER = "another horse battery"


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def operator_command(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run ``openmimc operator``; ``typed`` is what comes on standard input."""
    monkeypatch.setenv("OPENMIMC_DATA_DIR", str(data_dir))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("OPENMIMC_OPERATOR_PASSWORD", raising=False)

    def run(*arguments: str, typed: str = "", stdin: io.StringIO | None = None) -> Done:
        monkeypatch.setattr(sys, "argv", ["openmimc", "operator", *arguments])
        monkeypatch.setattr(sys, "stdin", stdin or io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, *capsys.readouterr())

    return run


def can_sign_in(data_dir: Path, name: str, password: str) -> bool:
    async def attempt() -> bool:
        async with open_toolbox(DataDir(data_dir)) as tools:
            try:
                await tools.operators.sign_in(name, password, peer="192.0.2.1")
            except SignInRefused:
                return False
            return True

    return asyncio.run(attempt())


def test_the_password_is_the_first_line_of_standard_input(operator_command: Run, data_dir: Path) -> None:
    done = operator_command("create", "Ana", typed=f"{PASSWORD}\r\nnot this\n")

    assert done == Done(0, "Ana may use the console.\n", "")
    assert can_sign_in(data_dir, "Ana", PASSWORD)


def test_the_password_comes_from_the_environment(
    operator_command: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENMIMC_OPERATOR_PASSWORD", PASSWORD)

    assert operator_command("create", "Ana", typed=f"{OTHER}\n").code == 0
    assert can_sign_in(data_dir, "Ana", PASSWORD)


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    operator_command: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([PASSWORD, OTHER, PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda *_: next(answers))

    done = operator_command("create", "Ana", stdin=Terminal())

    assert done.code == 0
    assert PASSWORD not in done.out + done.err
    assert list(answers) == []
    assert can_sign_in(data_dir, "Ana", PASSWORD)


def test_without_a_password_nobody_is_made(operator_command: Run, data_dir: Path) -> None:
    done = operator_command("create", "Ana")

    assert done.code == 2
    assert "OPENMIMC_OPERATOR_PASSWORD" in done.err
    assert not data_dir.exists()


def test_a_password_is_never_an_argument(operator_command: Run) -> None:
    assert operator_command("create", "Ana", PASSWORD).code == 2
    assert operator_command("create", "Ana", "--password", PASSWORD).code == 2


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("", PASSWORD, "an operator's name has 1 to 64 characters"),
        ("Ana", "too short", "a password has 10 to 1,000 characters"),
    ],
)
def test_what_the_rules_refuse_is_told_in_one_line(
    operator_command: Run, name: str, password: str, words: str
) -> None:
    done = operator_command("create", name, typed=password)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"openmimc: {words}")
    assert done.err.count("\n") == 1


def test_a_name_is_given_once(operator_command: Run, data_dir: Path) -> None:
    operator_command("create", "Ana", typed=PASSWORD)

    done = operator_command("create", "Ana", typed=OTHER)

    assert done == Done(2, "", "openmimc: there is an operator of this name already\n")
    assert can_sign_in(data_dir, "Ana", PASSWORD)


def test_operators_are_listed_without_their_hashes(operator_command: Run) -> None:
    operator_command("create", "Ana", typed=PASSWORD)
    operator_command("create", "Bo", typed=PASSWORD)

    listed = json.loads(operator_command("list", "--json").out)
    table = operator_command("list").out

    assert [sorted(operator) for operator in listed] == [["createdMs", "name"]] * 2
    assert [operator["name"] for operator in listed] == ["Ana", "Bo"]
    assert [line.split()[0] for line in table.splitlines()] == ["NAME", "Ana", "Bo"]


def test_an_empty_list_says_what_to_do(operator_command: Run, data_dir: Path) -> None:
    data_dir.mkdir()

    assert "openmimc operator create NAME" in operator_command("list").out


def test_a_new_password_replaces_the_old_one(operator_command: Run, data_dir: Path) -> None:
    created = json.loads(operator_command("create", "Ana", "--json", typed=PASSWORD).out)

    changed = json.loads(operator_command("password", "Ana", "--json", typed=OTHER).out)

    assert changed == created
    assert can_sign_in(data_dir, "Ana", OTHER)
    assert not can_sign_in(data_dir, "Ana", PASSWORD)


def test_a_removed_operator_is_gone(operator_command: Run, data_dir: Path) -> None:
    operator_command("create", "Ana", typed=PASSWORD)

    done = operator_command("remove", "Ana", "--json")

    assert json.loads(done.out) == {"name": "Ana", "removed": True}
    assert not can_sign_in(data_dir, "Ana", PASSWORD)


@pytest.mark.parametrize("arguments", [("remove", "Ana"), ("password", "Ana")])
def test_who_is_not_there_is_told(operator_command: Run, data_dir: Path, arguments: tuple[str, ...]) -> None:
    data_dir.mkdir()

    done = operator_command(*arguments, typed=PASSWORD)

    assert done == Done(2, "", "openmimc: there is no operator of this name\n")
