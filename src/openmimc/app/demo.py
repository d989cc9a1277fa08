"""First steps: an app to try things with, and what to type."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from openmimc.app.config import Config
from openmimc.app.data_dir import DataDir, RunningServer
from openmimc.domain.apps import Apps
from openmimc.model.app import App

DEMO_NAME = "demo"
DEMO_PACKAGE = "org.openmimc.demo"


class DemoApp(Struct, frozen=True):
    """The app with its secret, which nobody can show again."""

    app: App
    secret: str


async def make_demo_app(apps: Apps, data_dir: DataDir) -> DemoApp:
    """Make the app and remember that it was made: deleted by the operator, it does not come back."""
    app, secret = await apps.create_app(DEMO_NAME, DEMO_PACKAGE)
    data_dir.remember_demo_app(str(app.app_id))
    return DemoApp(app, secret)


def print_demo(
    demo: DemoApp,
    server: RunningServer,
    data_dir: DataDir,
    console: Console | None = None,
    *,
    has_page: bool = True,
) -> None:
    """Show the credentials and what to try, on standard error.

    Args:
        demo: The app.
        server: Where it can be tried.
        data_dir: What the commands are told to use.
        console: Where to show it; standard error when None.
        has_page: Whether the server has the demo page.
    """
    console = console or Console(stderr=True)
    grid = Table.grid(padding=(0, 2))
    rows = [
        ("REST API", server.http_url),
        ("WebSocket", server.websocket_url),
        ("TCP", server.tcp),
        ("TCP with TLS", server.tls_tcp or ""),
        ("appId", str(demo.app.app_id)),
        ("appKey", demo.app.key),
        ("appSecret", demo.secret),
    ]
    for name, value in rows:
        if value:
            grid.add_row(Text(name, style="dim"), Text(value, style="bold"))
    console.print(
        Panel(grid, title="A demo app was made for you", subtitle="the secret is shown this once", expand=False)
    )
    command = f"{_program()} chat"
    where = "" if data_dir.path == Config().data_dir else f" --data-dir {shlex.quote(str(data_dir.path))}"
    body = json.dumps(
        {"appId": str(demo.app.app_id), "appKey": demo.app.key, "appSecret": demo.secret, "appAccount": "alice"}
    )
    # Without frames and line breaks of ours, so that they can be copied.
    page = (("Try it in a browser:", "dim"), (f"  {server.http_url}/demo", "bold"))
    for line, style in (
        *(page if has_page else ()),
        ("Try it in two other terminals:", "dim"),
        (f"  {command} alice --to bob{where}", "bold"),
        (f"  {command} bob --to alice{where}", "bold"),
        ("A token, as your app's server asks for it:", "dim"),
        (f"  curl {server.http_url}/api/account/token -d {shlex.quote(body)}", ""),
    ):
        console.print(Text(line, style=style), soft_wrap=True)


def _program() -> str:
    """How this program was called, as far as it has to be typed."""
    if shutil.which("openmimc"):
        return "openmimc"
    called = Path(sys.argv[0])
    return str(called) if called.name == "openmimc" else f"{sys.executable} -m openmimc"
