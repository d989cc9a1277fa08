"""What is shipped is what the sources make."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.sdk_js.conftest import SDK

SHIPPED = ("mimc.js", "mimc.global.js", "mimc.d.ts", "package.json")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_file_is_current(built: Path, name: str) -> None:
    shipped = files("openmimc").joinpath("admin", "assets", "sdk", name).read_bytes()

    assert shipped == (built / name).read_bytes(), "run: make sdk"


def test_nothing_else_is_built(built: Path) -> None:
    assert sorted(path.name for path in built.iterdir()) == sorted(SHIPPED)


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((SDK / "package-lock.json").read_text())["packages"]

    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_a_typed_program_may_use_it(node: str, built: Path, tmp_path: Path) -> None:
    (tmp_path / "mimc.js").write_bytes((built / "mimc.js").read_bytes())
    (tmp_path / "mimc.d.ts").write_bytes((built / "mimc.d.ts").read_bytes())
    program = tmp_path / "program.ts"
    program.write_text(
        """
import { MIMCUser, Refused, type Receipt } from "./mimc.js";
const user = new MIMCUser("1", "alice", null, { endpoints: { websocketUrl: "ws://h/" } });
user.registerFetchToken(async () => "{}");
user.on("message", (message) => console.log(message.text.length, message.getFromAccount().length));
export const receipt: Promise<Receipt> = user.send("bob", new Uint8Array([1]), { bizType: "x" });
export const packetId: string = user.sendMessage("bob", "text");
export const code = (error: unknown): number => (error instanceof Refused ? error.code : 0);
// @ts-expect-error There is no such event.
user.on("nonsense", () => undefined);
"""
    )
    compiler = SDK / "node_modules" / "typescript" / "bin" / "tsc"
    options = (
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "es2022",
        "--moduleResolution",
        "bundler",
    )

    run = subprocess.run(  # noqa: S603 - our own tools
        [node, compiler, *options, program], check=False, capture_output=True, text=True, timeout=100
    )

    assert run.returncode == 0, run.stdout
