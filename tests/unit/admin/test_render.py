from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, Response, get
from litestar.testing import TestClient

from openmimc.admin.render import PAGE_POLICY, PageRequest, Pages

PAGES = Pages(lambda name: f"/console/assets/1/{name}")


@get("/page")
async def page(request: PageRequest) -> Response[Any]:
    return PAGES.render(request, "failure.html", status=404, sentence="<b>&</b>", status_code=404)


@get("/demo")
async def demo(request: PageRequest) -> Response[Any]:
    return PAGES.render(request, "failure.html", status=404, sentence="", policy="default-src 'self'")


@pytest.fixture
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(Litestar([page, demo], openapi_config=None)) as client:
        yield client


def test_what_a_page_is_given_is_escaped(client: TestClient[Litestar]) -> None:
    assert "<p>&lt;b&gt;&amp;&lt;/b&gt;</p>" in client.get("/page").text


def test_headers_bind_the_browser(client: TestClient[Litestar]) -> None:
    headers = client.get("/page").headers

    assert headers["content-security-policy"] == PAGE_POLICY
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/demo").headers["content-security-policy"] == "default-src 'self'"


def test_a_chosen_language_is_remembered(client: TestClient[Litestar]) -> None:
    chosen = client.get("/page?lang=zh")

    assert "未找到" in chosen.text
    assert "HttpOnly" in chosen.headers["set-cookie"]
    assert "未找到" in client.get("/page").text
    assert "set-cookie" not in client.get("/page?lang=zh").headers


@pytest.mark.parametrize("query", ["", "?lang=", "?lang=xx", "?lang=../en", "?lang=xx&lang=%00"])
def test_an_unknown_language_is_no_choice(client: TestClient[Litestar], query: str) -> None:
    answer = client.get(f"/page{query}", headers={"accept-language": "zh"})

    assert "未找到" in answer.text
    assert "set-cookie" not in answer.headers


def test_the_other_language_is_this_page_again(client: TestClient[Litestar]) -> None:
    html = client.get('/page?q=a%26b"<&lang=en&after=%FF').text

    assert 'href="?q=a%26b%22%3C&amp;after=%EF%BF%BD&amp;lang=zh"' in html


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("when", 1_766_003_600_123, "2025-12-17 20:33:20"),
        ("clock", 1_766_003_600_123, "20:33:20.123"),
        ("day", 1_766_003_600_123, "2025-12-17"),
    ],
)
def test_times_are_utc_and_say_so_to_programs(name: str, value: int, text: str) -> None:
    shown = PAGES.filters[name](value)

    assert shown == f'<time datetime="2025-12-17T20:33:20.123Z">{text}</time>'


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("lapse", 0, "0 ms"),
        ("lapse", 999, "999 ms"),
        ("lapse", 1500, "1.50 s"),
        ("lapse", 90_000, "1.5 min"),
        ("lapse", 5_400_000, "1.5 h"),
        ("lapse", 129_600_000, "1.5 d"),
        ("uptime", 59, "59 s"),
        ("uptime", 61, "1 min 1 s"),
        ("uptime", 3661, "1 h 1 min"),
        ("uptime", 90_000, "1 d 1 h"),
        ("bytes", 0, "0 B"),
        ("bytes", 1023, "1023 B"),
        ("bytes", 1536, "1.5 KiB"),
        ("bytes", 5 * 1024**3, "5.0 GiB"),
        ("bytes", 5000 * 1024**4, "5,000.0 TiB"),
        ("grouped", 1234567, "1,234,567"),
    ],
)
def test_numbers_have_the_unit_that_suits_them(name: str, value: int, text: str) -> None:
    assert PAGES.filters[name](value) == text
