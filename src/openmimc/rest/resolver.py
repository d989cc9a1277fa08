"""``/gslb/``: SDKs ask at which addresses the frontend listens.

Source: protocol reference, 2.2.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable

import structlog
from litestar import HttpMethod, route
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.rest.documentation import Query, documented
from openmimc.rest.requests import ApiRequest, header_text, query_values

LOOKUP_TIMEOUT_S = 0.7
"""The Java SDK waits 1 s for the whole answer."""

LOOKUP_TTL_S = 30.0
"""How long the addresses of the public host are trusted, and how long a failure is believed."""

NETWORKS = "wifi"
"""The one kind of network that every SDK reads, whatever it asked for."""

log = structlog.get_logger(__name__)


class GslbAnswer(Struct, frozen=True):
    """Shape: ``{"S":"Ok","R":{"wifi":{"<name>":["1.2.3.4:5222"]}}}``; ``S`` is compared with exactly this."""

    S: str
    R: dict[str, dict[str, list[str]]]


async def lookup_ipv4(host: str) -> list[str]:
    """Ask the system's resolver for a host's IPv4 addresses, in its order.

    Raises:
        OSError: It has none, or the resolver can not be reached.
        UnicodeError: It can not be a host's name.
    """
    found = await asyncio.get_running_loop().getaddrinfo(
        host, None, family=socket.AF_INET, type=socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """Knows under which dotted IPv4 addresses clients reach this server's TCP port.

    The first that there is of: the public host the operator named; the address in the request's ``Host``
    header, if it is one, because the client has just reached us there; the local address of the connection.
    Names and IPv6 are never given out: the C++ SDK takes neither.

    Args:
        public_host: Name or IPv4 address; "" when the operator gave none.
        tcp_port: Where clients of that host find the frontend.
        lookup: Finds a name's addresses; raises as ``lookup_ipv4``.
    """

    def __init__(
        self,
        public_host: str,
        tcp_port: int,
        lookup: Callable[[str], Awaitable[list[str]]] = lookup_ipv4,
    ) -> None:
        self._public_host = public_host
        self._tcp_port = tcp_port
        self._lookup = lookup
        self._public: list[str] = []
        self._fresh_until_s = float("-inf")
        self._turn = asyncio.Lock()

    async def addresses(self, *, host_header: str, local_host: str | None) -> list[str]:
        """The frontend's addresses, ``"ipv4:port"``; empty if no IPv4 address is known.

        Args:
            host_header: The request's, "" when absent.
            local_host: Local end of the request's connection; None, or a UNIX socket's path, is no address.
        """
        hosts = await self._public_addresses()
        if not hosts:
            name = host_header.rpartition(":")[0] or host_header
            nearest = _as_ipv4(name) or _as_ipv4(local_host or "")
            hosts = [nearest] if nearest else []
        return [f"{host}:{self._tcp_port}" for host in hosts]

    async def _public_addresses(self) -> list[str]:
        if not self._public_host:
            return []
        if literal := _as_ipv4(self._public_host):
            return [literal]
        async with self._turn:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._fresh_until_s:
                try:
                    self._public = await asyncio.wait_for(self._lookup(self._public_host), LOOKUP_TIMEOUT_S)
                except (OSError, UnicodeError, TimeoutError) as exc:
                    # The addresses known so far, if any, are a better guess than none.
                    log.warning(
                        "public_host_not_resolved", host=self._public_host, reason=str(exc) or "timeout"
                    )
                self._fresh_until_s = loop.time() + LOOKUP_TTL_S
            return self._public


def resolver_page(resolver: Resolver) -> HTTPRouteHandler:
    """The page that names the frontend's addresses."""

    @documented(
        "Frontend",
        "Find the frontend's addresses",
        text="SDKs ask this before they connect over TCP.",
        query=(
            Query("list", "Names to resolve, separated by commas.", "fe", is_required=False),
            Query("type", "A kind of network; `wifi` is always answered as well.", "wifi", is_required=False),
        ),
        data_example={"S": "Ok", "R": {NETWORKS: {"fe": ["192.0.2.1:5222"]}}},
    )
    @route("/gslb", http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200)
    async def resolve(request: ApiRequest) -> GslbAnswer:
        server = request.scope["server"]
        addresses = await resolver.addresses(
            host_header=header_text(request, "host"),
            local_host=server[0] if server else None,
        )
        names = [name for value in query_values(request, "list") for name in value.split(",") if name]
        table = dict.fromkeys(names, addresses)
        return GslbAnswer(S="Ok", R=dict.fromkeys([*query_values(request, "type"), NETWORKS], table))

    return resolve


def _as_ipv4(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # A socket that listens on both families reports IPv4 peers this way.
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else None
    return str(address)
