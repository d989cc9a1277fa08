"""Node's own test runner, one file at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk_js.conftest import RunNode

FILES = sorted(path.name for path in Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("name", FILES)
def test_what_the_file_says(run_node: RunNode, name: str) -> None:
    run = run_node("--test", "--test-reporter=tap", name)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "\n# pass 0\n" not in run.stdout


def test_there_are_files() -> None:
    assert len(FILES) >= 4
