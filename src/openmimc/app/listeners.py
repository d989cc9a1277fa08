"""Listening sockets: bound before anything else is started, so that a taken port is known at once."""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from openmimc.app.errors import ConfigError, StartupError

BACKLOG = 2048
"""Connections that may wait to be accepted: a server that comes back meets all its clients at once."""


_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound to it here


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def reachable(self) -> Address:
        """Where programs on this machine connect to: "all addresses" is none to connect to."""
        return self._replace(host=_LOOPBACK.get(self.host, self.host))


def bind_listener(host: str, port: int, *, option: str) -> socket.socket:
    """Bind a TCP socket; it listens once a server is started on it.

    Args:
        host: Name or address; of several addresses the first is taken.
        port: 0 takes a free one.
        option: Name of the port's option, for errors.

    Raises:
        StartupError: Somebody else has the port.
        ConfigError: This machine has no such address, or the port is for root alone.
    """
    flag = "--" + option.replace("_", "-")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as exc:
        raise ConfigError(f"host: there is no address {host}") from exc
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        # A server that comes back must not wait for connections of its predecessor to be forgotten.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Binding does not collide with another socket that is bound and does not listen yet; listening does.
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRINUSE:
            raise StartupError(
                f"port {port} of {host} is in use by another program; "
                f"name another with {flag} (0 takes a free one)"
            ) from exc
        raise ConfigError(
            f"cannot listen on port {port} of {host}: {exc.strerror}; see host and {flag}"
        ) from exc
    sock.setblocking(False)
    return sock


def address_of(sock: socket.socket) -> Address:
    """Where a bound socket listens; the real port where 0 was asked for."""
    host, port = sock.getsockname()[:2]
    return Address(host, port)
