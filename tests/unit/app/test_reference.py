from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from openmimc.app.config import options
from openmimc.app.reference import render_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def test_the_page_in_the_repository_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference()


def test_the_page_has_every_option_with_its_places() -> None:
    page = render_reference()

    for option in options():
        assert f"### {option.name}\n" in page
        assert f"`{option.variable}`" in page
        assert not option.flag or f"`{option.flag}`" in page


def test_the_check_fails_on_a_page_that_is_not_current(tmp_path: Path) -> None:
    page = tmp_path / "configuration.md"
    command = [sys.executable, "-m", "openmimc.app.reference", str(page)]

    missing = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    subprocess.run(command, check=True)  # noqa: S603 - ours
    current = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    page.write_text(page.read_text() + "\nA change.\n")
    changed = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert (missing.returncode, current.returncode, changed.returncode) == (1, 0, 1)
    assert missing.stderr == f"{page} is not current; run: make proto\n"
