"""``openmimc app``: the tenants of a server. Works beside a running server, which knows of changes at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from openmimc.app.toolbox import Toolbox, open_toolbox
from openmimc.cli.output import fail, print_fields, print_json, print_table
from openmimc.cli.places import (
    DEFAULT_DATA_DIR,
    AppArgument,
    DataDirOption,
    JsonOption,
    data_dir_at,
)
from openmimc.errors import BadRequest
from openmimc.model.app import App, AppSettings, Credentials
from openmimc.model.ids import AppId

T = TypeVar("T")

SECRET_VARIABLE = "OPENMIMC_APP_SECRET"  # noqa: S105 - the variable's name; arguments can be seen by everybody

apps_command = typer.Typer(help="Make, show, change and delete apps.", no_args_is_help=True)


@apps_command.command("create")
def create_app(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people; need not be unique.")],
    package: Annotated[
        str,
        typer.Option(metavar="NAME", help="Reverse-domain name of the app; made from its id when not given."),
    ] = "",
    app_id: Annotated[
        int | None,
        typer.Option(
            metavar="APP_ID",
            help=f"Id that the app has from another server, to be kept; needs --app-key, and {SECRET_VARIABLE}"
            " in the environment.",
        ),
    ] = None,
    app_key: Annotated[str, typer.Option(metavar="KEY", help="Key that goes with --app-id.")] = "",
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Make an app and show its credentials. The secret is shown this once; only a hash of it is kept."""
    credentials = None
    if app_id is not None:
        credentials = Credentials(AppId(app_id), app_key, os.environ.get(SECRET_VARIABLE, ""))
    elif app_key:
        raise BadRequest("--app-key goes with --app-id")
    app, secret = with_toolbox(
        data_dir,
        lambda tools: tools.apps.create_app(name, package, credentials=credentials),
        create=True,
    )
    show_credentials(app, secret, as_json=as_json)


@apps_command.command("list")
def list_apps(data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False) -> None:
    """List all apps, oldest first."""
    apps = with_toolbox(data_dir, lambda tools: tools.apps.list_apps())
    if as_json:
        print_json([describe(app) for app in apps])
        return
    print_table(
        ("APP ID", "NAME", "PACKAGE", "CREATED"),
        [(app.app_id, app.name, app.package, _date(app)) for app in apps],
        empty="There are no apps; make one with: openmimc app create NAME",
    )


@apps_command.command("show")
def show_app(
    app_id: AppArgument, data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False
) -> None:
    """Show an app and its settings."""
    show(with_toolbox(data_dir, lambda tools: tools.apps.get_app(app_id)), as_json=as_json)


@apps_command.command("set")
def change_settings(
    app_id: AppArgument,
    changes: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE...", help="Settings, as app show names them.")
    ],
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Change settings of an app: all of them, or none if one does not fit.

    A secret that is made for callbacks is shown this once; later on app show says only that there is one.
    """
    wanted = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise BadRequest(f"{change!r} is not of the form KEY=VALUE")
        wanted[key] = value

    async def change_all(tools: Toolbox) -> tuple[App, str]:
        before = (await tools.apps.get_app(app_id)).settings.callback_secret
        app = await tools.apps.change_settings(app_id, wanted)
        secret = app.settings.callback_secret
        # One that the operator has just typed is known to them, and need not stand on the screen again.
        return app, "" if secret in (before, wanted.get("callback_secret")) else secret

    app, made_secret = with_toolbox(data_dir, change_all)
    if as_json:
        print_json(describe(app) | ({"callbackSecret": made_secret} if made_secret else {}))
        return
    show(app, as_json=False)
    if made_secret:
        print_fields({"callback_secret": made_secret})
        typer.echo("Keep the callback secret: it signs callbacks, and is shown this once.", err=True)


@apps_command.command("rotate-secret")
def rotate_secret(
    app_id: AppArgument, data_dir: DataDirOption = DEFAULT_DATA_DIR, as_json: JsonOption = False
) -> None:
    """Give an app a new secret. The old one and all tokens are void at once, and sessions end."""
    app, secret = with_toolbox(data_dir, lambda tools: tools.apps.rotate_secret(app_id))
    show_credentials(app, secret, as_json=as_json)


@apps_command.command("delete")
def delete_app(
    app_id: AppArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Delete an app with its accounts, topics and messages. There is no way back."""
    if not yes:
        app = with_toolbox(data_dir, lambda tools: tools.apps.get_app(app_id))
        question = f"All accounts, topics and messages of {app.name} will be deleted. Type its name to go on"
        if typer.prompt(question, err=True) != app.name:
            fail("not the app's name; nothing was deleted")
    with_toolbox(data_dir, lambda tools: tools.apps.delete_app(app_id))
    if as_json:
        print_json({"appId": str(app_id), "deleted": True})
    else:
        typer.echo(f"App {app_id} is deleted.")


# ------------------------------------------------------------------ shared by the commands


def with_toolbox(data_dir: Path, work: Callable[[Toolbox], Awaitable[T]], *, create: bool = False) -> T:
    """Do one thing with the store of a data directory, which is closed again when this returns."""

    async def run() -> T:
        async with open_toolbox(data_dir_at(data_dir), create=create) as tools:
            return await work(tools)

    return asyncio.run(run())


def show_credentials(app: App, secret: str, *, as_json: bool) -> None:
    """Show what an app's server needs. Programs read the JSON: its names stay, its values are texts."""
    fields = {
        "appId": str(app.app_id),
        "appKey": app.key,
        "appSecret": secret,
        "appPackage": app.package,
        "appName": app.name,
        "createdMs": str(app.created_ms),
    }
    if as_json:
        print_json(fields)
    else:
        print_fields({name: value for name, value in fields.items() if name != "createdMs"})
        typer.echo("Keep the secret: it is shown this once.", err=True)


def show(app: App, *, as_json: bool) -> None:
    """Show everything of an app but its secrets."""
    if as_json:
        print_json(describe(app))
        return
    settings = msgspec.structs.asdict(_masked(app.settings))
    heads = {
        "appId": app.app_id,
        "name": app.name,
        "package": app.package,
        "appKey": app.key,
        "created": _date(app),
    }
    print_fields({**heads, **{name: msgspec.json.encode(value).decode() for name, value in settings.items()}})


def describe(app: App) -> dict[str, object]:
    """An app as JSON: ``{"appId","appKey","appPackage","appName","createdMs","settings":{}}``, ids as texts."""
    return {
        "appId": str(app.app_id),
        "appKey": app.key,
        "appPackage": app.package,
        "appName": app.name,
        "createdMs": str(app.created_ms),
        "settings": _masked(app.settings),
    }


def _masked(settings: AppSettings) -> AppSettings:
    """The settings, with no more of the callback secret than whether there is one."""
    return msgspec.structs.replace(settings, callback_secret="set" if settings.callback_secret else "")


def _date(app: App) -> str:
    return datetime.fromtimestamp(app.created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
