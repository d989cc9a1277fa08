"""``/gslb/``."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from openmimc.rest import resolver as resolver_module
from openmimc.rest.resolver import Resolver, lookup_ipv4
from tests.unit.rest.world import ORIGIN, World, as_transport

GO = "ver=4.0&type=wifi&list=fe.example.com&"
CPP = (
    "ver=4.0&type=wifi&list=fe.example.com,relay.example.com,pps.example.com&uuid=0&sdkver=35&osver=23"
    "&os=MI%204LTE%3A1.1.1&mi=2&"
)
IOS = "ver=4.0&list=fe.example.com,relay.example.com"


class Dns:
    """A name service that can be changed, broken and slow."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.fault: Exception | None = None
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        await self.go_on.wait()
        if self.fault:
            raise self.fault
        return list(self.addresses)


async def addresses(
    resolver: Resolver, host_header: str = "im.example.com", local: str | None = "10.0.0.1"
) -> list[str]:
    return await resolver.addresses(host_header=host_header, local_host=local)


@pytest.fixture
def expire_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver_module, "LOOKUP_TTL_S", 0.0)


# ------------------------------------------------------------------ the page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (GO, ["fe.example.com"]),
        (CPP, ["fe.example.com", "relay.example.com", "pps.example.com"]),
        (IOS, ["fe.example.com", "relay.example.com"]),
        ("list=a&list=b,,a", ["a", "b"]),
        ("list=%E7%94%A8,b", ["用", "b"]),
        ("", []),
        ("list=", []),
    ],
)
@pytest.mark.parametrize("path", ["/gslb/", "/gslb", "//gslb//"])
async def test_every_name_asked_for_gets_the_frontends_addresses(
    world: World, path: str, query: str, names: list[str]
) -> None:
    """Source: protocol reference, 2.2."""
    response = await world.http.get(f"{ORIGIN}{path}?{query}")

    assert response.status_code == 200
    assert response.json() == {"S": "Ok", "R": {"wifi": {name: ["127.0.0.1:5222"] for name in names}}}


async def test_another_kind_of_network_is_answered_next_to_wifi(world: World) -> None:
    response = await world.http.get("/gslb/?type=lte&list=fe")

    assert response.json()["R"] == {"lte": {"fe": ["127.0.0.1:5222"]}, "wifi": {"fe": ["127.0.0.1:5222"]}}


async def test_the_page_keeps_status_200_when_refusing(world: World) -> None:
    """The Java SDK reads nothing else."""
    wrong_method = await world.http.post("/gslb/", json={})
    wrong_query = await world.http.get("/gslb/?list=%ff")

    assert [(r.status_code, r.json()["code"]) for r in (wrong_method, wrong_query)] == [(200, 405), (200, 400)]


async def test_a_server_on_a_unix_socket_has_no_address_of_its_own(world: World) -> None:
    async def on_unix_socket(scope: Any, receive: Any, send: Any) -> None:
        await world.api(scope | {"server": ("/run/openmimc.sock", None)}, receive, send)

    async with httpx.AsyncClient(transport=as_transport(on_unix_socket), base_url="http://x") as http:
        response = await http.get("/gslb/?list=fe")

    assert response.json() == {"S": "Ok", "R": {"wifi": {"fe": []}}}


# ------------------------------------------------------------------ the addresses


async def test_a_public_address_is_given_out_without_asking_anybody() -> None:
    dns = Dns()

    assert await addresses(Resolver("192.0.2.7", 5222, dns)) == ["192.0.2.7:5222"]
    assert dns.asked == []


async def test_a_public_name_is_looked_up_once_and_remembered() -> None:
    dns = Dns("192.0.2.7", "192.0.2.8")
    resolver = Resolver("im.example.com", 443, dns)

    answers = await asyncio.gather(*(addresses(resolver) for _ in range(5)))

    assert answers == [["192.0.2.7:443", "192.0.2.8:443"]] * 5
    assert dns.asked == ["im.example.com"]


@pytest.mark.usefixtures("expire_at_once")
async def test_a_public_name_is_looked_up_again_when_its_time_is_over() -> None:
    dns = Dns("192.0.2.7")
    resolver = Resolver("im.example.com", 443, dns)

    first = await addresses(resolver)
    dns.addresses = ["192.0.2.8"]
    second = await addresses(resolver)

    assert (first, second) == (["192.0.2.7:443"], ["192.0.2.8:443"])


@pytest.mark.usefixtures("expire_at_once")
async def test_a_failing_lookup_leaves_the_addresses_known_before() -> None:
    dns = Dns("192.0.2.7")
    resolver = Resolver("im.example.com", 443, dns)
    first = await addresses(resolver)
    dns.fault = OSError("no such name")

    with capture_logs() as logs:
        second = await addresses(resolver)

    assert first == second
    assert [entry["event"] for entry in logs] == ["public_host_not_resolved"]


@pytest.mark.parametrize("fault", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_public_name_without_addresses_falls_back_to_the_local_one(fault: Exception) -> None:
    dns = Dns()
    dns.fault = fault

    with capture_logs():
        assert await addresses(Resolver("im.example.com", 5222, dns)) == ["10.0.0.1:5222"]


async def test_a_slow_name_service_does_not_hold_up_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor every later answer: a failure is believed for a while."""
    monkeypatch.setattr(resolver_module, "LOOKUP_TIMEOUT_S", 0.01)
    dns = Dns("192.0.2.7")
    dns.go_on.clear()
    resolver = Resolver("im.example.com", 5222, dns)

    with capture_logs() as logs:
        answers = [await addresses(resolver) for _ in range(3)]

    assert answers == [["10.0.0.1:5222"]] * 3
    assert len(dns.asked) == len(logs) == 1


@pytest.mark.parametrize(
    ("host_header", "local", "expected"),
    [
        ("203.0.113.5:8080", "10.0.0.1", ["203.0.113.5:5222"]),
        ("203.0.113.5", "10.0.0.1", ["203.0.113.5:5222"]),
        ("resolver.msg.xiaomi.net", "10.0.0.1", ["10.0.0.1:5222"]),
        ("", "10.0.0.1", ["10.0.0.1:5222"]),
        ("999.1.1.1", "10.0.0.1", ["10.0.0.1:5222"]),
        ("[::1]:8080", "::1", []),
        ("x", "::ffff:10.0.0.1", ["10.0.0.1:5222"]),
        ("x", "testserver", []),
        ("x", None, []),
    ],
)
async def test_without_a_public_host_the_address_the_client_reached_is_given_out(
    host_header: str, local: str | None, expected: list[str]
) -> None:
    assert await addresses(Resolver("", 5222), host_header, local) == expected


async def test_the_systems_resolver_knows_the_local_host() -> None:
    assert await lookup_ipv4("localhost") == ["127.0.0.1"]
