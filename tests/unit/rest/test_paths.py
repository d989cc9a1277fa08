"""Request targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.rest.paths import is_api_path, is_sdk_path, tidy_path


@pytest.mark.parametrize(
    ("path", "tidy"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("/api/account/token", "/api/account/token"),
        ("/api/account/token/", "/api/account/token"),
        ("//api///account//token//", "/api/account/token"),
        ("http://resolver.msg.xiaomi.net/gslb/", "/gslb"),
        ("https://im.example.com:8080//api/topic/1", "/api/topic/1"),
        ("HTTP://im.example.com", "/"),
        ("http:///gslb/", "/gslb"),
        ("/api/http://x", "/api/http:/x"),
    ],
)
def test_all_spellings_of_a_path_are_one(path: str, tidy: str) -> None:
    assert tidy_path(path) == tidy


@given(st.text(st.sampled_from("/ahtps:.%é"), max_size=30))
def test_a_tidy_path_has_one_slash_first_none_last_and_stays_as_it_is(path: str) -> None:
    tidy = tidy_path(path)

    assert tidy.startswith("/")
    assert "//" not in tidy
    assert tidy == "/" or not tidy.endswith("/")
    assert tidy_path(tidy) == tidy


@pytest.mark.parametrize(
    ("path", "is_api", "is_sdk"),
    [
        ("/api", True, True),
        ("/api/x", True, True),
        ("/apix", False, False),
        ("/gslb", False, True),
        ("/gslb/x", False, False),
        ("/healthz", False, False),
    ],
)
def test_paths_are_told_apart(path: str, is_api: bool, is_sdk: bool) -> None:
    assert (is_api_path(path), is_sdk_path(path)) == (is_api, is_sdk)
