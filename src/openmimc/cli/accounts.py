"""``openmimc account``: the users of an app. Works beside a running server, which knows within a second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from openmimc.app.toolbox import ACCOUNTS_PAGE_MAX, Toolbox
from openmimc.cli.apps import with_toolbox
from openmimc.cli.output import print_fields, print_json, print_table
from openmimc.cli.places import DEFAULT_DATA_DIR, AppArgument, DataDirOption, JsonOption
from openmimc.model.app import Account
from openmimc.model.insight import Device

accounts_command = typer.Typer(
    help="Find accounts of an app, ban them, make their tokens void.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]


@accounts_command.command("search")
def search_accounts(
    app_id: AppArgument,
    prefix: Annotated[
        str, typer.Argument(metavar="PREFIX", help="What the names begin with; all accounts when not given.")
    ] = "",
    after: Annotated[str, typer.Option("--after", metavar="NAME", help="Go on beyond this name.")] = "",
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=ACCOUNTS_PAGE_MAX, help="Show at most N.")
    ] = ACCOUNTS_PAGE_MAX,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """List an app's accounts by name."""

    async def search(tools: Toolbox) -> tuple[Account, ...]:
        await tools.apps.get_app(app_id)
        return await tools.accounts.search(app_id, prefix, after, limit + 1)

    found = with_toolbox(data_dir, search)
    accounts, has_more = found[:limit], len(found) > limit
    if as_json:
        print_json([describe(account) for account in accounts])
        return
    print_table(
        ("NAME", "UUID", "BANNED"),
        [(account.name, account.user_id, "yes" if account.is_banned else "") for account in accounts],
        empty="There are no such accounts.",
    )
    if has_more:
        typer.echo(f"There are more: --after {accounts[-1].name!r}", err=True)


@accounts_command.command("show")
def show_account(
    app_id: AppArgument,
    name: NameArgument,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Show an account and its devices. Which of them are connected only the server knows: see its console."""

    async def find(tools: Toolbox) -> tuple[Account, tuple[Device, ...]]:
        await tools.apps.get_app(app_id)
        account, devices, _ = await tools.accounts.devices(app_id, name)
        return account, devices

    account, devices = with_toolbox(data_dir, find)
    if as_json:
        print_json(describe(account) | {"devices": [describe_device(device) for device in devices]})
        return
    show(account)
    print_table(
        ("DEVICE", "HAS EVERYTHING UP TO", "SEEN"),
        [(device.resource, device.cursor or "nothing", _date(device.seen_ms)) for device in devices],
        empty="It has never logged in.",
    )


@accounts_command.command("ban")
def ban_account(
    app_id: AppArgument,
    name: NameArgument,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Keep an account out: it cannot log in or use the API, and is logged out within a second."""
    _report(_set_banned(app_id, name, data_dir, is_banned=True), "is banned", as_json=as_json)


@accounts_command.command("unban")
def unban_account(
    app_id: AppArgument,
    name: NameArgument,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Let a banned account in again."""
    _report(_set_banned(app_id, name, data_dir, is_banned=False), "is not banned any more", as_json=as_json)


@accounts_command.command("revoke")
def revoke_tokens(
    app_id: AppArgument,
    name: NameArgument,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Make all tokens of an account void. It is logged out within a second; with a new token it is welcome."""

    async def revoke(tools: Toolbox) -> Account:
        await tools.apps.get_app(app_id)
        return await tools.accounts.revoke_tokens(app_id, name)

    _report(with_toolbox(data_dir, revoke), "needs new tokens", as_json=as_json)


def describe(account: Account) -> dict[str, object]:
    """An account as JSON: ``{"appAccount","uuid","isBanned","tokenGeneration"}``, the id as a text."""
    return {
        "appAccount": account.name,
        "uuid": str(account.user_id),
        "isBanned": account.is_banned,
        "tokenGeneration": account.token_generation,
    }


def describe_device(device: Device) -> dict[str, object]:
    """A device as JSON: ``{"resource","sequence","seenMs"}``; up to that sequence it has everything."""
    return {"resource": device.resource, "sequence": str(device.cursor), "seenMs": str(device.seen_ms)}


def show(account: Account) -> None:
    """Show an account's own fields."""
    print_fields(
        {
            "appAccount": account.name,
            "uuid": account.user_id,
            "banned": "yes" if account.is_banned else "no",
            "tokenGeneration": account.token_generation,
        }
    )


def _set_banned(app_id: AppArgument, name: str, data_dir: DataDirOption, *, is_banned: bool) -> Account:
    async def change(tools: Toolbox) -> Account:
        await tools.apps.get_app(app_id)
        return await tools.accounts.set_banned(app_id, name, is_banned)

    return with_toolbox(data_dir, change)


def _report(account: Account, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(describe(account))
    else:
        typer.echo(f"{account.name} {what}.")


def _date(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
