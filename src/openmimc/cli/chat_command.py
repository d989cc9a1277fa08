"""``openmimc chat``: where to connect and how to get a token; the talking itself is in ``chat``."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Struct

from openmimc.cli.output import fail
from openmimc.cli.places import (
    DEFAULT_DATA_DIR,
    DataDirOption,
    data_dir_at,
    parse_app_id,
    server_key_given,
)
from openmimc.errors import BadRequest
from openmimc.model.ids import AppId

KEY_VARIABLE = "OPENMIMC_APP_KEY"
SECRET_VARIABLE = "OPENMIMC_APP_SECRET"  # noqa: S105 - a variable's name
REQUEST_TIMEOUT_S = 10.0

FetchToken = Callable[[], Awaitable[dict[str, Any]]]


class Transport(StrEnum):
    """How to connect."""

    TCP = "tcp"
    TLS = "tls"
    WEBSOCKET = "websocket"


class Server(Struct, frozen=True):
    """A server to talk through, and how to get a token for it.

    Attributes:
        tcp: "host:port", or None where it is not known.
        tls_tcp: As ``tcp``.
    """

    app_id: AppId
    http_url: str
    websocket_url: str
    tcp: str | None
    tls_tcp: str | None
    fetch_token: FetchToken


def chat(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Who you are; made if need be.")],
    to: Annotated[str | None, typer.Option("--to", metavar="ACCOUNT", help="Whom to talk to at first.")] = None,
    app_id: Annotated[
        str | None,
        typer.Option(
            "--app-id",
            metavar="APP_ID",
            envvar="OPENMIMC_APP_ID",
            help="The app. On a data directory: by default the demo app, or the only one.",
        ),
    ] = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help=f"HTTP address of a server elsewhere; the app's key and secret are taken from {KEY_VARIABLE} "
            f"and {SECRET_VARIABLE}.",
        ),
    ] = None,
    transport: Annotated[
        Transport | None,
        typer.Option(help="By default tcp on a data directory, websocket with --url."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where TCP, with or without TLS, is; needed with --url only."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="PEM file of an authority to trust besides the system's."),
    ] = None,
) -> None:
    """Chat in the terminal, as one user of an app, on a server here or elsewhere. Type /help when it runs."""
    from rich.console import Console

    from openmimc.cli.chat import run_chat  # Here, so that other commands start without the client's libraries.

    wanted = None if app_id is None else parse_app_id(app_id)
    trust = _trust(ca)
    if url is None:
        server = asyncio.run(_server_of_directory(data_dir, wanted, account))
    else:
        server = _server_elsewhere(url, wanted, account, trust)
    chosen = transport or (Transport.TCP if url is None else Transport.WEBSOCKET)
    target: dict[str, Any] = {}
    if chosen is Transport.WEBSOCKET:
        target["websocket"] = server.websocket_url
    else:
        known = server.tcp if chosen is Transport.TCP else server.tls_tcp
        target[chosen.value] = address or known
        if not target[chosen.value]:
            fail(f"where is the server's {chosen.value} port? Give --address HOST:PORT, or another --transport")
    try:
        asyncio.run(
            run_chat(
                account=account,
                app_id=str(server.app_id),
                fetch_token=server.fetch_token,
                base_url=server.http_url,
                ssl_context=trust,
                to=to,
                stdin=sys.stdin,
                console=Console(),
                **target,
            )
        )
    except ValueError as exc:
        fail(str(exc))


def _trust(ca: Path | None) -> ssl.SSLContext | None:
    if ca is None:
        return None
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as exc:
        raise BadRequest(f"--ca: cannot use {ca}: {exc.strerror or exc}") from exc
    return context


async def _server_of_directory(path: Path, wanted: AppId | None, account: str) -> Server:
    from openmimc.app.token_answer import make_token_answer  # As above.
    from openmimc.app.toolbox import open_toolbox

    data_dir = data_dir_at(path)
    data_dir.check_exists()
    running = data_dir.find_server()
    if running is None:
        raise BadRequest(
            f"no server runs on {path}; start one in another terminal: openmimc serve --data-dir {path}"
        )
    async with open_toolbox(data_dir) as tools:
        app_ids = [app.app_id for app in await tools.apps.list_apps()]
    app_id = wanted or _choose(app_ids, data_dir.find_demo_app())

    async def fetch_token() -> dict[str, Any]:
        async with open_toolbox(data_dir) as tools:
            return await make_token_answer(tools, data_dir, server_key_given(), app_id, account)

    return Server(app_id, running.http_url, running.websocket_url, running.tcp, running.tls_tcp, fetch_token)


def _choose(app_ids: list[AppId], demo: str | None) -> AppId:
    for app_id in app_ids:
        if str(app_id) == demo:
            return app_id
    if len(app_ids) == 1:
        return app_ids[0]
    if not app_ids:
        raise BadRequest("there are no apps; make one with: openmimc app create NAME")
    raise BadRequest("there are several apps; choose one with --app-id (openmimc app list shows them)")


def _server_elsewhere(url: str, app_id: AppId | None, account: str, trust: ssl.SSLContext | None) -> Server:
    import httpx  # As above.

    scheme, _, rest = url.rstrip("/").partition("://")
    if scheme not in {"http", "https"} or not rest:
        raise BadRequest("--url: starts with http:// or https://")
    key, secret = os.environ.get(KEY_VARIABLE), os.environ.get(SECRET_VARIABLE)
    if app_id is None or not key or not secret:
        raise BadRequest(f"--url needs --app-id, and {KEY_VARIABLE} and {SECRET_VARIABLE} in the environment")
    body = {"appId": str(app_id), "appKey": key, "appSecret": secret, "appAccount": account}

    async def fetch_token() -> dict[str, Any]:
        verify = True if trust is None else trust
        async with httpx.AsyncClient(verify=verify, timeout=REQUEST_TIMEOUT_S) as client:
            response = await client.post(f"{scheme}://{rest}/api/account/token", json=body)
            answer: dict[str, Any] = response.raise_for_status().json()
            return answer

    websocket = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/"
    return Server(app_id, f"{scheme}://{rest}", websocket, None, None, fetch_token)
