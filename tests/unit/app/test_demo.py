from __future__ import annotations

import io
import json
import shlex
from pathlib import Path

from rich.console import Console

from openmimc.app.data_dir import DataDir, RunningServer
from openmimc.app.demo import make_demo_app, print_demo
from openmimc.domain.apps import Apps
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore

SERVER = RunningServer(1, False, "127.0.0.1:8080", "127.0.0.1:5222", None, "127.0.0.1")


async def test_the_credentials_shown_are_the_apps_and_can_be_copied(tmp_path: Path) -> None:
    clock = FakeClock()
    apps = Apps(MemoryStore(clock), clock)
    data_dir = DataDir(tmp_path / "my data")
    data_dir.create()
    shown = io.StringIO()

    demo = await make_demo_app(apps, data_dir)
    print_demo(demo, SERVER, data_dir, Console(file=shown, width=40))

    lines = shown.getvalue().splitlines()
    assert await apps.check_credentials(demo.app.app_id, demo.app.key, demo.secret) == demo.app
    assert data_dir.find_demo_app() == str(demo.app.app_id)
    (curl,) = (shlex.split(line) for line in lines if "curl" in line)
    assert json.loads(curl[3]) == {
        "appId": str(demo.app.app_id),
        "appKey": demo.app.key,
        "appSecret": demo.secret,
        "appAccount": "alice",
    }
    assert "  http://127.0.0.1:8080/demo" in lines
    assert any(line.endswith(f"chat alice --to bob --data-dir '{data_dir.path}'") for line in lines)
    assert any(line.endswith(f"chat bob --to alice --data-dir '{data_dir.path}'") for line in lines)


async def test_no_page_is_promised_where_there_is_none(tmp_path: Path) -> None:
    clock = FakeClock()
    data_dir = DataDir(tmp_path / "data")
    data_dir.create()
    shown = io.StringIO()

    demo = await make_demo_app(Apps(MemoryStore(clock), clock), data_dir)
    print_demo(demo, SERVER, data_dir, Console(file=shown, width=200), has_page=False)

    assert "/demo" not in shown.getvalue().replace("org.openmimc.demo", "")
