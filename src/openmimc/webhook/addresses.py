"""Connecting to receivers: looking their names up, and keeping away from addresses that are not public.

Names are looked up here, in threads of this room's own and once at a time per host. In the event loop's few
threads, one app whose name server does not answer would hold up every other app.

Addresses are filtered between the lookup and the connection, so a name that means something else the next time
it is looked up gets nobody further.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore

LOOKUP_THREADS = 16

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
Lookup = Callable[[str, int], Awaitable[list[str]]]


class NotPublic(httpcore.ConnectError):
    """The receiver has no public address, and no other may be connected to."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large: none of this machine, its networks or its site.

    IPv4 addresses that are wrapped into IPv6 ones are judged by what is inside.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


class Resolver:
    """Looks names up. Who asks for a host that is being looked up gets the same answer."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, "webhook-lookup")
        self._under_way: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """A host's addresses, the best first.

        Raises:
            OSError: It has none, or they can not be found out.
        """
        key = (host, port)
        lookup = self._under_way.get(key)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._threads, _look_up, host, port)
            self._under_way[key] = lookup
            lookup.add_done_callback(lambda done: self._on_done(key, done))
        # Shielded: whoever loses patience must not take the answer from the others.
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Look nothing up any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _on_done(self, key: tuple[str, int], lookup: asyncio.Future[list[str]]) -> None:
        del self._under_way[key]
        if not lookup.cancelled():
            lookup.exception()  # Seen, even if everybody who asked has gone.


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as exc:
        raise OSError("not a host name") from exc
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens the connections of an HTTP client.

    Args:
        lookup: Finds a host's addresses.
        allow_private: Whether any of them will do; else only public ones.
    """

    def __init__(self, lookup: Lookup, *, allow_private: bool) -> None:
        self._lookup = lookup
        self._allow_private = allow_private
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that lets us.

        Raises:
            NotPublic: There is none that may be connected to.
            httpcore.ConnectError, httpcore.ConnectTimeout: None could be reached.
        """
        deadline_s = asyncio.get_running_loop().time() + timeout if timeout is not None else None
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._lookup(host, port)
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout("the name was not found in time") from exc
        except OSError as exc:
            raise httpcore.ConnectError("the name was not found") from exc
        if not self._allow_private:
            addresses = [address for address in addresses if is_public(address)]
            if not addresses:
                raise NotPublic
        failure: Exception = httpcore.ConnectError("no address")
        for number, address in enumerate(addresses):
            # An equal share of the time left: an address that swallows everything leaves some for the next.
            share_s = None
            if deadline_s is not None:
                left_s = deadline_s - asyncio.get_running_loop().time()
                share_s = max(left_s, 0.0) / (len(addresses) - number)
            try:
                return await self._backend.connect_tcp(address, port, share_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never called: receivers have URLs."""
        raise AssertionError("receivers have URLs")

    async def sleep(self, seconds: float) -> None:
        """Wait between tries of the client's own, of which there are none."""
        await asyncio.sleep(seconds)
