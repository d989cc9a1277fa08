from __future__ import annotations

import asyncio
import socket
import threading

import httpcore
import pytest

from openmimc.webhook import addresses
from openmimc.webhook.addresses import CheckedBackend, NotPublic, Resolver, is_public

PATIENCE_S = 10.0


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - judged, not bound to
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_an_address_of_this_machine_or_its_networks_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


class Names:
    """A lookup that knows what the test says, and remembers what it was asked."""

    def __init__(self, **known: list[str]) -> None:
        self._known = known
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._known[host]


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["10.0.0.1", "::1"], []])
async def test_a_name_without_a_public_address_is_refused_before_a_connection(answer: list[str]) -> None:
    backend = CheckedBackend(Names(inside=answer), allow_private=False)

    with pytest.raises(NotPublic):
        await backend.connect_tcp("inside", 80, timeout=1.0)


async def test_the_address_that_was_looked_up_is_the_one_connected_to() -> None:
    """One lookup: a name that means something else the next time has no next time."""
    names = Names(receiver=["127.0.0.1"])
    listener = socket.create_server(("127.0.0.1", 0))
    backend = CheckedBackend(names, allow_private=True)

    stream = await backend.connect_tcp("receiver", listener.getsockname()[1], timeout=5.0)

    assert stream.get_extra_info("server_addr") == listener.getsockname()
    assert names.asked == ["receiver"]
    await stream.aclose()
    listener.close()


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    backend = CheckedBackend(Names(both=["::1", "127.0.0.1"]), allow_private=True)

    stream = await backend.connect_tcp("both", listener.getsockname()[1], timeout=5.0)

    assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
    await stream.aclose()
    listener.close()


async def test_a_lookup_that_takes_too_long_is_a_timeout() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.get_running_loop().create_future()
        return []

    with pytest.raises(httpcore.ConnectTimeout):
        await CheckedBackend(never, allow_private=True).connect_tcp("slow", 80, timeout=0.02)


async def test_a_name_that_is_none_can_not_be_connected_to() -> None:
    resolver = Resolver()
    backend = CheckedBackend(resolver, allow_private=True)

    for host in ("x" * 300, "a..b"):
        with pytest.raises(httpcore.ConnectError):
            await backend.connect_tcp(host, 80, timeout=5.0)
    resolver.close()


async def test_who_asks_for_a_host_that_is_being_looked_up_waits_for_the_same_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So a name server that does not answer for one app takes one thread, whatever the app sends."""
    may_answer = threading.Event()
    lookups: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        lookups.append(host)
        assert may_answer.wait(PATIENCE_S)
        return ["127.0.0.1"]

    monkeypatch.setattr(addresses, "_look_up", look_up)
    resolver = Resolver()
    asking = [asyncio.create_task(resolver("receiver", 80)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    may_answer.set()

    answers = await asyncio.gather(*asking, return_exceptions=True)
    again = await resolver("receiver", 80)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [["127.0.0.1"]] * 4
    assert again == ["127.0.0.1"]
    assert lookups == ["receiver"] * 2
    resolver.close()
