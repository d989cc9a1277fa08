"""What the wheel brings along beside modules."""

from __future__ import annotations

import tomllib
from pathlib import Path

import openmimc

PACKAGE = Path(openmimc.__file__).parent
BUILT_OR_CODE = (".py", ".pyc", ".c", ".h", ".so")
PROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"


def test_every_file_of_the_package_is_in_the_wheel() -> None:
    """Templates, pictures and the like are read at run time, which a checkout alone does not show."""
    patterns = tomllib.loads(PROJECT.read_text())["tool"]["setuptools"]["package-data"]["openmimc"]
    packed = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    # A folder of ``**`` is taken with what is in it.
    packed |= {inner for path in packed if path.is_dir() for inner in path.iterdir()}

    # The native codec is built where the package is installed; its sources come with the source distribution.
    needed = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in BUILT_OR_CODE}

    assert needed - packed == set()
    assert PACKAGE / "admin/assets/demo/demo.js" in needed
