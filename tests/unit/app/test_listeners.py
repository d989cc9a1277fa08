from __future__ import annotations

import socket

import pytest

from openmimc.app.errors import ConfigError, StartupError
from openmimc.app.listeners import Address, address_of, bind_listener

ANY = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def test_port_0_takes_a_free_one() -> None:
    with bind_listener("127.0.0.1", 0, option="tcp_port") as listener:
        host, port = address_of(listener)

        assert host == "127.0.0.1"
        assert port > 0
        socket.create_connection((host, port)).close()


def test_a_port_in_use_is_named_with_the_flag_to_change_it() -> None:
    with bind_listener("127.0.0.1", 0, option="tcp_port") as first:
        port = address_of(first).port

        with pytest.raises(StartupError) as caught:
            bind_listener("127.0.0.1", port, option="tcp_port")

    assert str(caught.value) == (
        f"port {port} of 127.0.0.1 is in use by another program; "
        "name another with --tcp-port (0 takes a free one)"
    )
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a" * 70])
def test_an_address_that_is_not_this_machines_is_named(host: str) -> None:
    with pytest.raises(ConfigError, match=host):
        bind_listener(host, 0, option="http_port")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address("127.0.0.1", 80), "127.0.0.1:80"),
        (Address("::1", 80), "[::1]:80"),
        (Address(ANY, 1), "0.0.0.0:1"),
    ],
)
def test_addresses_are_written_as_in_urls(address: Address, text: str) -> None:
    assert str(address) == text


@pytest.mark.parametrize(("host", "reachable"), [(ANY, "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3")])
def test_programs_on_this_machine_reach_a_listener_on_all_addresses(host: str, reachable: str) -> None:
    assert Address(host, 5222).reachable() == Address(reachable, 5222)
