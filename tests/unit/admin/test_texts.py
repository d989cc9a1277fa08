from __future__ import annotations

import ast
import json
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

import openmimc.admin
from openmimc.admin.texts import LANGUAGES, Translator, choose_language

ADMIN = Path(openmimc.admin.__file__).parent
TEMPLATES = sorted((ADMIN / "templates").glob("*.html"))
CATALOGS = sorted((ADMIN / "catalogs").glob("*.json"))

SPOKEN = {"OpenMIMC", "Python", "SQLite", "SDK", "MIMC", "ms", "alice", "bob"}
"""Names and units that are the same in every language."""


def texts_of_template(path: Path) -> Iterator[str]:
    """What a template hands to ``_`` and ``n_``; of counted texts the plural, under which they are."""
    tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "n_"):
            argument = call.args[call.node.name == "n_"]
            if isinstance(argument, nodes.Const):
                yield argument.value


def texts_of_module(path: Path) -> Iterator[str]:
    """What a module hands to ``_``, ``_.count`` and ``mark``."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        match call.func:
            case ast.Name(id="_" | "mark"):
                argument = call.args[0]
            case ast.Attribute(value=ast.Name(id="_"), attr="count"):
                argument = call.args[1]
            case _:
                continue
        if isinstance(argument, ast.Constant):
            yield argument.value


def shown_texts() -> set[str]:
    texts = {text for path in TEMPLATES for text in texts_of_template(path)}
    return texts | {text for path in ADMIN.glob("*.py") for text in texts_of_module(path)}


def catalog_of(language: str) -> dict[str, str]:
    catalog: dict[str, str] = {}
    for path in CATALOGS:
        if path.name.endswith(f".{language}.json"):
            catalog |= json.loads(path.read_text(encoding="utf-8"))
    return catalog


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_everything_that_is_shown_is_translated(language: str) -> None:
    assert shown_texts() - catalog_of(language).keys() == set()


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_everything_that_is_translated_is_shown(language: str) -> None:
    assert catalog_of(language).keys() - shown_texts() == set()


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_text_is_translated_in_two_ways(language: str) -> None:
    files = [json.loads(path.read_text(encoding="utf-8")) for path in CATALOGS if f".{language}." in path.name]
    ways = Counter(text for text, _ in {pair for catalog in files for pair in catalog.items()})

    assert [text for text, count in ways.items() if count > 1] == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.name)
def test_translations_fill_the_same_gaps(path: Path) -> None:
    catalog: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))

    assert [text for text, found in catalog.items() if fields_of(found) != fields_of(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_but_by_the_catalog(path: Path) -> None:
    # What Jinja puts in stands for something, so that a tag that is cut by it is still a tag.
    source = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "0", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    attributes = re.findall(r'(?:title|alt|placeholder|aria-label)="([^"]*)"', source)
    spoken = re.sub(r"<[^>]*>", " ", source)
    # Some macros yield attributes alone.
    spoken = re.sub(r'[\w-]+="[^"]*"', " ", spoken)

    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"&\w+;", " ", " ".join([spoken, *attributes])))
    assert set(words) - SPOKEN == set()


def test_a_text_that_no_catalog_has_stays_english() -> None:
    assert Translator("zh")("No such text, {name}", name="x") == "No such text, x"


def test_counted_texts_know_one_from_many() -> None:
    english = Translator("en")

    assert english.count("{n} byte", "{n} bytes", 1) == "1 byte"
    assert english.count("{n} byte", "{n} bytes", 0) == "0 bytes"
    assert english.count("{n} byte", "{n} bytes", 1234) == "1,234 bytes"


def test_braces_in_what_is_filled_in_are_left_alone() -> None:
    assert Translator("en")("The app {name} is made.", name="{evil!r}") == "The app {evil!r} is made."


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        (None, None, "", "en"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "fr, zh;q=0.4, en;q=0.5", "en"),
        (None, None, "ZH-TW", "zh"),
        (None, None, "zh;q=0, en", "en"),
        (None, None, "zh;q=lots", "en"),
        (None, None, ",;;q=,", "en"),
        (None, "en", "zh", "en"),
        ("zh", "en", "en", "zh"),
        ("fr", "zh", "en", "zh"),
        ("fr", "../../etc", "", "en"),
    ],
)
def test_the_language_is_the_readers(
    asked: str | None, remembered: str | None, accepted: str, language: str
) -> None:
    assert choose_language(asked, remembered, accepted) == language
