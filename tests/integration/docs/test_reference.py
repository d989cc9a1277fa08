"""Tables and command lines of the documentation, held against the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from openmimc.app.config import options
from openmimc.cli.main import cli
from openmimc.domain.apps import SETTING_RANGES
from openmimc.model.app import AppSettings
from tests.integration.docs.markdown import PAGES, ROOT, blocks_of, commands_of, links_of, rows_of

REFERENCE = ROOT / "docs" / "reference"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_the_documentation_shows_commands() -> None:
    """Otherwise the next test would look at nothing."""
    assert sum(len(list(commands_of(page))) for page in PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_program_understands_every_command_line(page: Path) -> None:
    for words in commands_of(page):
        command: Any = typer.main.get_command(cli)
        while hasattr(command, "commands") and words and not words[0].startswith("-"):
            assert words[0] in command.commands
            command, words = command.commands[words[0]], words[1:]
        known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        flags = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert flags <= known | {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    assert [name_of(target.resolve()) for target in links_of(page) if not target.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_json_in_the_documentation_is_json(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "json":
            json.loads(block.text)


def test_every_setting_is_listed_with_its_default_and_range() -> None:
    listed = {row[0].strip("`"): row for row in rows_of(REFERENCE / "limits.md")}

    for field in msgspec.structs.fields(AppSettings):
        row = listed[field.name]
        if field.name in SETTING_RANGES:
            low, high = SETTING_RANGES[field.name]
            assert row[1].startswith(f"{field.default:,}")
            assert row[2] == f"{low:,} to {high:,}"


def test_options_named_in_the_documentation_exist() -> None:
    known = {option.flag for option in options()} | {option.name for option in options()}
    text = (REFERENCE / "limits.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\(`(\w+)`\)", text))

    assert named
    assert named <= known


def test_every_metric_is_listed() -> None:
    """The other direction too: what is listed exists in the code that names metrics."""
    source = (ROOT / "src" / "openmimc" / "app" / "metrics.py").read_text(encoding="utf-8")
    in_code = set(re.findall(r'"(openmimc_\w+)"', source))
    heads = [row[0].strip("`") for row in rows_of(REFERENCE / "metrics.md")]
    listed = {head.removesuffix("_total") for head in heads if head.startswith("openmimc_")}

    assert in_code
    assert listed == in_code - {"openmimc_build"}  # Which has no table of its own.


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    explained = (ROOT / "docs" / "explanation" / "dependencies.md").read_text(encoding="utf-8")

    for requirement in (requirement for group in groups for requirement in group):
        name = re.split(r"[^\w-]", requirement)[0]
        assert f"`{name}`" in explained
