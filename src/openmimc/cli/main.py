"""The command ``openmimc`` and its entry point."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import openmimc
from openmimc.app.errors import StartupError
from openmimc.cli.accounts import accounts_command
from openmimc.cli.apps import apps_command
from openmimc.cli.bench import bench
from openmimc.cli.callbacks import callbacks_command
from openmimc.cli.chat_command import chat
from openmimc.cli.messages import messages_command
from openmimc.cli.operators import operator_command
from openmimc.cli.output import USAGE_ERROR, fail
from openmimc.cli.rooms import groups_command, topics_command
from openmimc.cli.serve import serve, with_flags
from openmimc.cli.tokens import print_token
from openmimc.errors import ImError

INTERRUPTED = 130
"""What shells expect of a program that SIGINT ended: 128 and the signal's number."""

cli = typer.Typer(
    name="openmimc",
    help="A self-hosted instant-messaging server for the MIMC SDKs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command("serve")(with_flags(serve))
cli.add_typer(apps_command, name="app")
cli.add_typer(accounts_command, name="account")
cli.add_typer(messages_command, name="message")
cli.add_typer(topics_command, name="topic")
cli.add_typer(groups_command, name="group")
cli.add_typer(callbacks_command, name="callbacks")
cli.add_typer(operator_command, name="operator")
cli.command("token")(print_token)
cli.command("chat")(chat)
cli.command("bench")(bench)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"openmimc {openmimc.__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; expected errors end as one line on stderr and an exit code."""
    try:
        cli()
    except StartupError as exc:
        fail(str(exc), exc.exit_code)
    except ImError as exc:
        fail(str(exc) or type(exc).__name__, USAGE_ERROR)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
