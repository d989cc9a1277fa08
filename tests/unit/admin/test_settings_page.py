from __future__ import annotations

import msgspec
import pytest

from openmimc.admin.refusals import explain
from openmimc.admin.settings_page import GROUPS, find_wrong, is_switch, values_of
from openmimc.admin.texts import Translator
from openmimc.domain.apps import SETTING_RANGES, parse_settings
from openmimc.errors import BadRequest, DomainError, MissingField, NoSuchAccount, UnknownApp
from openmimc.model.app import AppSettings

ENGLISH = Translator("en")
SETTINGS = AppSettings()


def test_every_setting_is_on_the_page_once() -> None:
    shown = [setting.name for group in GROUPS for setting in group.settings]

    assert sorted(shown) == sorted(msgspec.structs.asdict(SETTINGS))


def test_every_number_has_a_unit_and_says_what_zero_means() -> None:
    for group in GROUPS:
        for setting in group.settings:
            assert bool(setting.unit) == (setting.name in SETTING_RANGES), setting.name
            if setting.name in SETTING_RANGES:
                assert bool(setting.zero) == (SETTING_RANGES[setting.name][0] == 0), setting.name


def test_what_the_form_shows_is_what_it_takes() -> None:
    values = values_of(SETTINGS)

    assert parse_settings(SETTINGS, values) == SETTINGS
    assert {name for name in values if is_switch(name)} == {
        name for name, value in values.items() if value in ("true", "false")
    }


def test_the_callback_secret_is_not_in_the_form() -> None:
    assert values_of(AppSettings(callback_secret="x" * 32))["callback_secret"] == ""


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("inboxTime", "0", "Use a number from 1 to 3650."),
        ("inboxTime", "soon", "Use a whole number."),
        ("inboxTime", "", "Use a whole number."),
        ("inboxTime", "1.5", "Use a whole number."),
        ("uuidTTL", "-1", "Use a number from 0 to 315360000."),
        ("instant_callback_url", "ftp://a.example", "Begin with http:// or https://."),
        ("instant_callback_url", "http://", "The address names no host."),
        ("instant_callback_url", "http://a.example:99999/", "This is no address."),
        ("instant_callback_url", "http://a.example/#top", "Leave out the part behind #."),
        (
            "offline_callback_url",
            "http://me:word@a.example/",
            "Leave out user and password: callbacks are signed instead.",
        ),
        (
            "offline_callback_url",
            "http://bücher.example/",
            "Write blanks and letters beyond ASCII percent-encoded, and such hosts in punycode.",
        ),
        ("offline_callback_url", "http://a.example/" + "x" * 3000, "This is longer than 2048 bytes."),
        ("callback_secret", "short", "Use 16 to 256 characters."),
        ("callback_secret", "ä" * 20, "Use only letters, digits and signs of ASCII, without blanks."),
    ],
)
def test_a_refused_value_is_explained(name: str, value: str, sentence: str) -> None:
    assert find_wrong(ENGLISH, SETTINGS, {name: value, "copyToSender": "false"}) == {name: sentence}


def test_no_rule_of_settings_is_explained_in_its_own_words() -> None:
    """The rules' own texts are English only."""
    chinese = Translator("zh")
    values = {"inboxTime": "0", "instant_callback_url": "ftp://a", "callback_secret": "short"}

    wrong = find_wrong(chinese, SETTINGS, values)

    assert all(any(character > "\u4e00" for character in sentence) for sentence in wrong.values())
    assert wrong.keys() == values.keys()


@pytest.mark.parametrize(
    ("exc", "sentence"),
    [
        (UnknownApp(), "There is no such app. It may have been deleted."),
        (NoSuchAccount(), "There is no such account. It may have been removed."),
        (MissingField("name"), "Fill this in."),
        (BadRequest("package is longer than 128 bytes"), "This is longer than 128 bytes."),
        (BadRequest("something new"), "something new"),
    ],
)
def test_a_refusal_is_said_in_words(exc: DomainError, sentence: str) -> None:
    assert explain(ENGLISH, exc) == sentence
