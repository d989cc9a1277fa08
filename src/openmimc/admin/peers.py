"""Where a request comes from, seen through the reverse proxies in front.

Anybody can write ``X-Forwarded-For`` and ``X-Forwarded-Proto``, so they are believed only when they come from a
proxy that the operator of the server has named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

from openmimc.admin.render import PageRequest

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "unknown"
"""The peer of a request that came over no network."""


class Peers:
    """Tells who sent a request, and how.

    Args:
        proxies: Addresses of the reverse proxies in front.
    """

    def __init__(self, proxies: Iterable[Network] = ()) -> None:
        self._proxies = tuple(proxies)

    def address_of(self, request: PageRequest) -> str:
        """The client's address: the last one in the chain that is no proxy of ours."""
        address = request.client.host if request.client else UNKNOWN
        chain = [part.strip() for part in ",".join(request.headers.getall("x-forwarded-for", [])).split(",")]
        while chain and self._is_proxy(address):
            if not (before := chain.pop()):
                break
            address = before
        return address

    def is_secure(self, request: PageRequest) -> bool:
        """Whether the client speaks TLS, with us or with a proxy."""
        if request.scope["scheme"] == "https":
            return True
        if request.client is None or not self._is_proxy(request.client.host):
            return False
        said = request.headers.get("x-forwarded-proto", "")
        return said.rpartition(",")[2].strip().lower() == "https"

    def host_of(self, request: PageRequest) -> str:
        """The host, with its port where it is not the usual one, under which the client knows the server."""
        if request.client is not None and self._is_proxy(request.client.host):
            said = request.headers.get("x-forwarded-host", "").rpartition(",")[2].strip()
            if said:
                return said.lower()
        return request.headers.get("host", "").lower()

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._proxies)
