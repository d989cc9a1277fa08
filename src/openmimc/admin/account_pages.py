"""Accounts of an app: finding them, their devices and connections, bans and revocations."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.admin.desk import Desk, Visit
from openmimc.domain.accounts import Accounts
from openmimc.domain.apps import Apps
from openmimc.model.insight import ConnectionInfo, Device

ACCOUNTS = "/console/apps/{app_id:str}/accounts"
ACCOUNT = "/console/apps/{app_id:str}/account"
BAN = "/console/apps/{app_id:str}/account/ban"
UNBAN = "/console/apps/{app_id:str}/account/unban"
REVOKE = "/console/apps/{app_id:str}/account/revoke"

ACCOUNTS_PER_PAGE = 50


class DeviceRow(Struct, frozen=True):
    """One device of an account.

    Attributes:
        connections: Its connections now; empty when it is away.
    """

    device: Device
    connections: tuple[ConnectionInfo, ...]


def account_pages(desk: Desk, apps: Apps, accounts: Accounts) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def search(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        prefix, after = visit.query("q"), visit.query("after")
        found = await accounts.search(app.app_id, prefix, after, ACCOUNTS_PER_PAGE + 1)
        shown = found[:ACCOUNTS_PER_PAGE]
        has_more = len(found) > ACCOUNTS_PER_PAGE
        return visit.render(
            "accounts.html",
            app=app,
            tab="accounts",
            accounts=shown,
            online={account.user_id for account in shown if accounts.is_online(account)},
            prefix=prefix,
            first_page=f"?{urlencode({'q': prefix})}" if after else "",
            next_page=f"?{urlencode({'q': prefix, 'after': shown[-1].name})}" if has_more else "",
        )

    async def show(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        account, devices, connections = await accounts.devices(app.app_id, visit.query("name"))
        return visit.render(
            "account.html",
            app=app,
            tab="accounts",
            account=account,
            devices=join_devices(devices, connections),
            online=len(connections),
        )

    async def ban(visit: Visit) -> Response[str]:
        _ = visit.text
        account = await accounts.set_banned(visit.app_id, visit.form.get("name", ""), True)
        visit.note("account_banned", app_id=account.app_id, user_id=account.user_id)
        return _back(visit, account.name, _("{name} is banned, and its sessions end.", name=account.name))

    async def unban(visit: Visit) -> Response[str]:
        _ = visit.text
        account = await accounts.set_banned(visit.app_id, visit.form.get("name", ""), False)
        visit.note("account_unbanned", app_id=account.app_id, user_id=account.user_id)
        return _back(visit, account.name, _("{name} may use the server again.", name=account.name))

    async def revoke(visit: Visit) -> Response[str]:
        _ = visit.text
        account = await accounts.revoke_tokens(visit.app_id, visit.form.get("name", ""))
        visit.note("account_tokens_revoked", app_id=account.app_id, user_id=account.user_id)
        sentence = _("All tokens of {name} are void, and its sessions end.", name=account.name)
        return _back(visit, account.name, sentence)

    return [
        desk.page(ACCOUNTS, search),
        desk.page(ACCOUNT, show),
        desk.deed(BAN, ban),
        desk.deed(UNBAN, unban),
        desk.deed(REVOKE, revoke),
    ]


def join_devices(devices: tuple[Device, ...], connections: tuple[ConnectionInfo, ...]) -> tuple[DeviceRow, ...]:
    """Each device with its connections, those that are online first."""
    rows = [
        DeviceRow(device, tuple(link for link in connections if link.resource == device.resource))
        for device in devices
    ]
    return tuple(sorted(rows, key=lambda row: not row.connections))


def _back(visit: Visit, name: str, notice: str) -> Response[str]:
    return visit.go(f"/console/apps/{visit.app_id}/account", notice, query=urlencode({"name": name}))
