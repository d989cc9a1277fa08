"""Who may import whom. Arrows point inward; a needed new arrow changes this table, with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import openmimc

PACKAGE = Path(openmimc.__file__).parent

# Every room may also import ``openmimc.errors``, ``openmimc.model``, the package (for its version), and itself.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": set(),
    "wire": set(),
    "domain": set(),
    "store": {"domain.ports"},
    "bus": {"domain.ports"},
    "webhook": {"domain.ports"},
    "gateway": {"wire", "domain"},
    "rest": {"domain"},
    "admin": {"domain"},
    "client": {"wire"},
    "bench": {"wire", "client"},
    "app": {"wire", "domain", "store", "bus", "webhook", "gateway", "rest", "admin"},
    "cli": {"app", "client", "bench"},
    "__main__": {"cli"},
}

NETWORK = {
    "socket",
    "ssl",
    "select",
    "selectors",
    "http",
    "httpx",
    "httptools",
    "uvicorn",
    "uvloop",
    "websockets",
}
API = {"litestar", "prometheus_client"}
DATABASE = {"sqlite3", "asyncpg", "psycopg"}
BROKER = {"nats"}
PACKETS = {"google", "arc4"}
TIME = {"asyncio", "threading", "time", "datetime"}
TERMINAL = {"typer", "rich", "click"}

NEVER_KNOWS: dict[str, set[str]] = {
    "errors": NETWORK | API | DATABASE | BROKER | PACKETS | TIME | TERMINAL,
    "model": NETWORK | API | DATABASE | BROKER | PACKETS | TIME | TERMINAL,
    "wire": NETWORK | API | DATABASE | BROKER | TIME | TERMINAL,
    "domain": NETWORK | API | DATABASE | BROKER | PACKETS | TERMINAL,
    "store": NETWORK | API | BROKER | PACKETS | TERMINAL,
    "bus": API | DATABASE | PACKETS | TERMINAL,
    "webhook": API | DATABASE | BROKER | PACKETS | TERMINAL,
    "gateway": API | DATABASE | BROKER | PACKETS | TERMINAL,
    "rest": DATABASE | BROKER | PACKETS | TERMINAL,
    "admin": DATABASE | BROKER | PACKETS | TERMINAL,
    "client": API | DATABASE | BROKER | PACKETS | TERMINAL,
    "bench": API | DATABASE | BROKER | PACKETS | TERMINAL,
    "app": PACKETS,
    "cli": API | DATABASE | BROKER | PACKETS,
    "__main__": set(),
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def name_of(path: Path) -> str:
    """Dotted name below the package: "wire.connection", "wire" for its __init__."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, *, is_package: bool) -> Iterator[str]:
    """Absolute names that a module imports, wherever in it: "openmimc.wire.events", "json"."""
    package = f"openmimc.{module}".split(".")
    if not is_package:
        package.pop()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            # ``from openmimc import wire`` imports a room, ``from openmimc.wire import Event`` a value.
            yield from (f"{start}.{alias.name}" for alias in node.names)


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    room = module.partition(".")[0]
    allowed = MAY_IMPORT[room] | {room, "errors", "model"}
    found = []
    for name in imports_of(source, module, is_package=is_package):
        top, _, inner = name.partition(".")
        if top != "openmimc":
            if top in NEVER_KNOWS[room]:
                found.append(f"{module} imports {name}: {room} knows nothing of {top}")
        elif (
            inner and not inner.startswith("__version__") and not any(_is_in(inner, place) for place in allowed)
        ):
            found.append(f"{module} imports {name}: {room} may import {sorted(allowed)}")
    return found


def _is_in(name: str, place: str) -> bool:
    return name == place or name.startswith(place + ".")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    source = path.read_text(encoding="utf-8")

    assert violations(source, name_of(path), is_package=path.name == "__init__.py") == []


def test_every_room_is_in_the_table() -> None:
    assert {name_of(path).partition(".")[0] for path in modules()} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("room", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")))
def test_every_room_says_what_it_is_for(room: str) -> None:
    source = (PACKAGE / room / "__init__.py").read_text(encoding="utf-8")

    assert ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("model.topic", "from openmimc.domain.ports import Store"),
        ("wire.connection", "import asyncio"),
        ("wire.connection", "def f():\n    from openmimc.gateway import hub"),
        ("domain.messages", "import openmimc.store.sqlite"),
        ("domain.messages", "from openmimc import store"),
        ("domain.messages", "from ..store import sqlite"),
        ("domain.messages", "from sqlite3 import connect"),
        ("store.sqlite.store", "from openmimc.domain.apps import Apps"),
        ("gateway.hub", "from openmimc.rest.app import build_api"),
        ("rest.tokens", "from openmimc.gateway import Gateway"),
        ("client.user", "from openmimc.domain.clock import SystemClock"),
        ("cli.main", "from openmimc.store.sqlite import SqliteStore"),
    ],
)
def test_an_arrow_that_points_outward_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("store.sqlite.store", "from openmimc.domain.ports import Clock"),
        ("store.sqlite.store", "from . import accounts"),
        ("gateway.hub", "from openmimc.model.ids import UserId"),
        ("app.metrics", "import openmimc"),
        ("cli.main", "from openmimc import __version__"),
    ],
)
def test_an_arrow_of_the_table_is_fine(module: str, source: str) -> None:
    assert violations(source, module) == []
