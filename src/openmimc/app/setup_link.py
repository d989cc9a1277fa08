"""The way into a console that has no operator yet."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from openmimc.app.data_dir import RunningServer

SETUP_PATH = "/console/setup"


def setup_link(code: str, server: RunningServer) -> str:
    """The address that leads to the set-up with its code.

    The code is in the fragment, which browsers send to no server: so it gets into no proxy's log.
    """
    return f"{server.http_url}{SETUP_PATH}#{code}"


def print_setup(code: str, server: RunningServer, console: Console | None = None) -> None:
    """Show the link on standard error."""
    console = console or Console(stderr=True)
    # Without frames and line breaks of ours, so that it can be copied.
    console.print(
        Text("The console has no operator yet. Set it up here, with a link that works once:", style="dim"),
        soft_wrap=True,
    )
    console.print(Text(f"  {setup_link(code, server)}", style="bold"), soft_wrap=True)
