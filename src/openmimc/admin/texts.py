"""What the pages say, in the reader's language.

A text's key is its English wording, so English needs no catalog and nothing can lack it. Other languages have
JSON files in ``catalogs/``, ``NAME.LANGUAGE.json``, each one object of English text to translation; files of
one language are put together. A text that is counted is under its plural.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""Languages that pages come in, each by its own name; the first serves whoever asks for none of them."""

COOKIE = "lang"
DEFAULT = "en"


def mark(text: str) -> str:
    """Say that a text is going to be shown, where it is not translated yet. Returns it as it is."""
    return text


class Translator:
    """The texts of one language.

    Attributes:
        language: A key of ``LANGUAGES``.
    """

    __slots__ = ("_texts", "language")

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = load_catalog(language)

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language, with ``{name}`` replaced by ``values``.

        What no catalog has stays English: a page with one English sentence is better than none.
        """
        found = self._texts.get(text, text)
        return found.format_map(values) if values else found

    def count(self, one: str, many: str, n: int, **values: object) -> str:
        """A counted text: ``one`` for exactly 1, else ``many``, in which ``{n}`` is the number in digits."""
        found = self._texts.get(many, one if n == 1 else many)
        return found.format_map({"n": f"{n:,}", **values})


@functools.cache
def load_catalog(language: str) -> Mapping[str, str]:
    """All texts of a language by their English wording; empty for English."""
    texts: dict[str, str] = {}
    for entry in files(__package__).joinpath("catalogs").iterdir():
        if entry.name.endswith(f".{language}.json"):
            texts |= json.loads(entry.read_text(encoding="utf-8"))
    return texts


@functools.cache
def translator_of(language: str) -> Translator:
    """The one translator of a language."""
    return Translator(language)


def choose_language(asked: str | None, remembered: str | None, accepted: str) -> str:
    """Which language to answer in.

    Args:
        asked: For by the address, if at all.
        remembered: From an earlier choice, if any.
        accepted: The browser's ``Accept-Language``, "" if it has none.
    """
    for choice in (asked, remembered):
        if choice is not None and choice in LANGUAGES:
            return choice
    for language in _by_preference(accepted):
        if language in LANGUAGES:
            return language
    return DEFAULT


def _by_preference(accepted: str) -> list[str]:
    """Primary subtags of an ``Accept-Language``, the best liked first; what can not be read is left out."""
    wishes: list[tuple[float, int, str]] = []
    for part in accepted.split(",")[:16]:
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        if weight > 0:
            wishes.append((-weight, len(wishes), tag.partition("-")[0].strip().lower()))
    return [language for _, _, language in sorted(wishes)]
