"""``openmimc serve``: its flags come from the table of options."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from openmimc.app.config import Option, load_config, options

METAVARS = {"max_connections": "N", "data_dir": "DIR", "tls_cert": "FILE", "tls_key": "FILE"}

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="OPENMIMC_CONFIG", help="TOML file with options."),
]


def serve(config: ConfigOption = None, **flags: object) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    Each option has an environment variable and a key of the TOML file, too: --http-port is OPENMIMC_HTTP_PORT
    and http_port. The first that names it decides: flag, variable, file.
    """
    from openmimc.app.run import (
        run_server,
    )  # Here, so that other commands start without the server's libraries.

    run_server(load_config(flags, os.environ, config))


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag per option. Values stay texts; ``load_config`` reads and checks them."""
    own = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    added = [_parameter(option) for option in options() if option.flag]
    signature = inspect.Signature([*own, *added])

    def with_all_flags(**arguments: object) -> None:
        command(**arguments)

    with_all_flags.__doc__ = command.__doc__
    with_all_flags.__annotations__ = {
        parameter.name: parameter.annotation for parameter in signature.parameters.values()
    }
    with_all_flags.__signature__ = signature  # type: ignore[attr-defined] # As inspect documents it.
    return with_all_flags


def _parameter(option: Option) -> inspect.Parameter:
    is_switch = isinstance(option.default, bool)
    default = "" if option.default in (None, "", False) else f" [default: {_spell(option.default)}]"
    info = typer.Option(
        f"{option.flag}/--no-{option.flag[2:]}" if is_switch else option.flag,
        metavar=None if is_switch else _metavar(option),
        help=option.help + default,
        rich_help_panel=option.group,
        show_default=False,
    )
    wanted: Any = bool | None if is_switch else str | None
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[wanted, info]
    )


def _spell(default: object) -> str:
    return "on" if default is True else str(default)


def _metavar(option: Option) -> str:
    if option.name in METAVARS:
        return METAVARS[option.name]
    if option.expected.startswith("one of "):
        return option.expected.removeprefix("one of ").replace(", ", "|")
    return option.unit.upper() or option.name.rpartition("_")[2].upper()
