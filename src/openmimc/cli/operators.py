"""``openmimc operator``: who may use the console. Works beside a running server, which knows it at once."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from openmimc.cli.apps import with_toolbox
from openmimc.cli.output import fail, print_json, print_table
from openmimc.cli.places import DEFAULT_DATA_DIR, DataDirOption, JsonOption
from openmimc.model.operator import Operator

PASSWORD_VARIABLE = "OPENMIMC_OPERATOR_PASSWORD"  # noqa: S105 - its name; arguments can be seen by everybody

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the operator signs in with.")]

operator_command = typer.Typer(help="Make, list and remove operators of the console.", no_args_is_help=True)


@operator_command.command("create")
def create_operator(
    name: NameArgument, data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False
) -> None:
    """Make an operator.

    The password comes from the variable OPENMIMC_OPERATOR_PASSWORD; else it is asked for on the terminal, or is
    the first line of standard input where that is no terminal.
    """
    password = _read_password()
    operator = with_toolbox(data_dir, lambda tools: tools.operators.create(name, password), create=True)
    _show(operator, f"{operator.name} may use the console.", as_json=as_json)


@operator_command.command("list")
def list_operators(data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False) -> None:
    """List all operators, oldest first."""
    operators = with_toolbox(data_dir, lambda tools: tools.operators.list())
    if as_json:
        print_json([_describe(operator) for operator in operators])
        return
    print_table(
        ("NAME", "CREATED"),
        [(operator.name, _date(operator)) for operator in operators],
        empty="There are no operators; make one with: openmimc operator create NAME",
    )


@operator_command.command("password")
def set_password(
    name: NameArgument, data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False
) -> None:
    """Give an operator another password, and end all their sessions.

    It comes from where operator create takes it; the old one need not be known.
    """
    password = _read_password()
    operator = with_toolbox(data_dir, lambda tools: tools.operators.set_password(name, password))
    _show(operator, f"{operator.name} has a new password, and is signed out everywhere.", as_json=as_json)


@operator_command.command("remove")
def remove_operator(
    name: NameArgument, data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False
) -> None:
    """Remove an operator, and end all their sessions.

    When the last one is gone, the next start of the server prints a link to set the console up anew.
    """
    with_toolbox(data_dir, lambda tools: tools.operators.remove(name))
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        typer.echo(f"{name} is removed.")


def _read_password() -> str:
    if password := os.environ.get(PASSWORD_VARIABLE):
        return password
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt="Password again", err=True)
        return typed
    line = sys.stdin.readline()
    if not line:
        fail(f"no password; type it, send it to standard input, or put it into {PASSWORD_VARIABLE}")
    return line.rstrip("\r\n")


def _show(operator: Operator, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_describe(operator))
    else:
        typer.echo(sentence)


def _describe(operator: Operator) -> dict[str, str]:
    """An operator as JSON, without anything of the password."""
    return {"name": operator.name, "createdMs": str(operator.created_ms)}


def _date(operator: Operator) -> str:
    return datetime.fromtimestamp(operator.created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
