from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from litestar import Request

from openmimc.admin.guard import safe_next
from openmimc.admin.peers import UNKNOWN, Peers

PEERS = Peers([ipaddress.ip_network("192.0.2.1"), ipaddress.ip_network("2001:db8:1::/48")])


def request(client: str | None, *headers: tuple[str, str], scheme: str = "http") -> Request[Any, Any, Any]:
    scope: Any = {
        "type": "http",
        "scheme": scheme,
        "client": None if client is None else (client, 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    return Request(scope)


@pytest.mark.parametrize(
    ("client", "chain", "address"),
    [
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("192.0.2.1", "198.51.100.1", "198.51.100.1"),
        ("192.0.2.1", "8.8.8.8, 198.51.100.1", "198.51.100.1"),
        ("192.0.2.1", "198.51.100.1, 2001:db8:1::2", "198.51.100.1"),
        ("::ffff:192.0.2.1", "198.51.100.1", "198.51.100.1"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", ", ", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "nonsense", "nonsense"),
        (None, "198.51.100.1", UNKNOWN),
    ],
)
def test_the_client_is_the_last_in_the_chain_that_is_no_proxy_of_ours(
    client: str | None, chain: str, address: str
) -> None:
    assert PEERS.address_of(request(client, ("x-forwarded-for", chain))) == address


def test_a_chain_may_come_in_several_headers() -> None:
    chained = request("192.0.2.1", ("x-forwarded-for", "8.8.8.8"), ("x-forwarded-for", "198.51.100.1"))

    assert PEERS.address_of(chained) == "198.51.100.1"


@pytest.mark.parametrize(
    ("client", "scheme", "said", "is_secure"),
    [
        ("203.0.113.5", "https", None, True),
        ("203.0.113.5", "http", None, False),
        ("203.0.113.5", "http", "https", False),
        ("192.0.2.1", "http", "https", True),
        ("192.0.2.1", "http", "HTTPS", True),
        ("192.0.2.1", "http", "http", False),
        ("192.0.2.1", "http", "https, http", False),
        ("192.0.2.1", "http", None, False),
        (None, "http", "https", False),
    ],
)
def test_tls_is_ours_or_a_proxys(client: str | None, scheme: str, said: str | None, is_secure: bool) -> None:
    headers = [] if said is None else [("x-forwarded-proto", said)]

    assert PEERS.is_secure(request(client, *headers, scheme=scheme)) is is_secure


@pytest.mark.parametrize(("client", "host"), [("192.0.2.1", "chat.example"), ("203.0.113.5", "inner:8080")])
def test_the_host_is_the_proxys_word_or_the_requests(client: str, host: str) -> None:
    headers = [("host", "Inner:8080"), ("x-forwarded-host", "Chat.example")]

    assert PEERS.host_of(request(client, *headers)) == host


@pytest.mark.parametrize(
    "path", ["/console/apps", "/console/apps/1?x=%20y", "/console/message?id=a&b=%2F%2Fc", "/console/"]
)
def test_pages_of_the_console_may_follow_the_sign_in(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize("path", ["", "/", "/console", "/demo", "/console/ü", "/console/a\tb", "console/apps"])
def test_nothing_else_may(path: str) -> None:
    assert safe_next(path) == "/console"
