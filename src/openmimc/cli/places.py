"""Options that several commands share: which data directory, which form of answer, which app."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from openmimc.app.config import Config, Secret
from openmimc.app.data_dir import DataDir
from openmimc.errors import BadRequest
from openmimc.model.ids import AppId

SERVER_KEY_VARIABLE = "OPENMIMC_SERVER_KEY"

DataDirOption = Annotated[
    Path,
    typer.Option("--data-dir", metavar="DIR", envvar="OPENMIMC_DATA_DIR", help="The server's data directory."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]

DEFAULT_DATA_DIR: Path = Config().data_dir


def data_dir_at(path: Path) -> DataDir:
    """The data directory at a path."""
    return DataDir(path)


def server_key_given() -> Secret | None:
    """The server's key, where it comes from the environment instead of the data directory."""
    text = os.environ.get(SERVER_KEY_VARIABLE)
    return Secret(text) if text else None


def parse_app_id(text: str) -> AppId:
    """Read an app's id from the command line."""
    if not (text.isascii() and text.isdigit()):
        raise BadRequest("an app's id is a number; openmimc app list shows them")
    return AppId(int(text))


AppArgument = Annotated[AppId, typer.Argument(metavar="APP_ID", parser=parse_app_id, help="The app's id.")]
