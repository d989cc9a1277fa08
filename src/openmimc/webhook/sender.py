"""One attempt to hand a callback over, by HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextlib import aclosing
from enum import StrEnum
from types import TracebackType
from typing import Self

import httpcore
from msgspec import Struct

import openmimc
from openmimc.webhook.addresses import CheckedBackend, Lookup, NotPublic, Resolver

SUCCESS_STATUS = 200
"""The only status that counts as received. Source: protocol reference, 9.7."""

CONNECT_TIMEOUT_S = 5.0
ATTEMPT_TIMEOUT_S = 10.0
"""From the beginning of an attempt to the head of the answer."""

ANSWER_MAX_BYTES = 65_536
"""So much of an answer's body is read, to use its connection again; of a longer one nothing more."""

ANSWER_READ_S = 1.0
"""How long that may take. The outcome is known by then."""

KEEPALIVE_S = 15.0


class Result(StrEnum):
    """What an attempt came to; values are labels of the metric."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    NOT_SENT = "not_sent"


class Outcome(Struct, frozen=True):
    """What an attempt came to.

    Attributes:
        reason: For people; "" when delivered. Never holds an address, a header or what was answered.
    """

    result: Result
    reason: str = ""


DELIVERED = Outcome(Result.DELIVERED)


class Sender:
    """Posts JSON, and tells what came of it.

    Redirects are not followed, cookies not kept, and no proxy is asked for: a request goes to the configured
    address or nowhere. Certificates are checked against the system's authorities.

    Args:
        allow_private: Whether receivers may be on this machine or in private networks.
        max_connections: As many as there may be attempts at a time, or attempts would wait for each other.
        lookup: Finds a host's addresses; the system's resolver when None.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        max_connections: int,
        lookup: Lookup | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
    ) -> None:
        self._resolver = Resolver()
        self._attempt_timeout_s = attempt_timeout_s
        self._timeouts = {"timeout": {"connect": connect_timeout_s}}
        self._http = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=max_connections,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=CheckedBackend(lookup or self._resolver, allow_private=allow_private),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        self._resolver.close()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Make one attempt. Returns at the latest a moment after the time for an attempt; never raises.

        Args:
            url: Of ASCII alone, http or https.
            headers: Those of this attempt, besides the usual ones.
            body: JSON.
        """
        try:
            status = await self._status_of(url, headers, body)
        except NotPublic:
            return Outcome(Result.FORBIDDEN, "the receiver's address is not public")
        except (TimeoutError, httpcore.TimeoutException):
            return Outcome(Result.TIMEOUT, "no answer in time")
        except httpcore.ConnectError as exc:
            return Outcome(Result.UNREACHABLE, _why(exc))
        except (httpcore.NetworkError, httpcore.ProtocolError):
            return Outcome(Result.UNREACHABLE, "the connection broke or spoke no HTTP")
        if status == SUCCESS_STATUS:
            return DELIVERED
        return Outcome(Result.REFUSED, f"status {status}")

    async def _status_of(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        target = httpcore.URL(url)
        usual = {
            "Host": _authority(url),
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"openmimc/{openmimc.__version__}",
        }
        async with (
            asyncio.timeout(self._attempt_timeout_s) as limit,
            self._http.stream(
                "POST",
                target,
                headers=list({**usual, **headers}.items()),
                content=body,
                extensions=self._timeouts,
            ) as response,
        ):
            limit.reschedule(None)  # The outcome is known; what follows has a limit of its own.
            await _read_a_little(response)
            return response.status


async def _read_a_little(response: httpcore.Response) -> None:
    """Read an answer's body to its end if that is near; else the connection is closed with the answer."""
    try:
        async with asyncio.timeout(ANSWER_READ_S), aclosing(response.aiter_stream()) as chunks:  # type: ignore[type-var] # An async generator, declared as an iterator.
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > ANSWER_MAX_BYTES:
                    return
    except (TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        return  # The status has arrived, and it alone counts.


def _why(exc: BaseException | None) -> str:
    """Why there is no connection, as far as an operator can do something about it."""
    while exc is not None:
        match exc:
            case ssl.SSLCertVerificationError():
                return "the receiver's certificate is not trusted"
            case ssl.SSLError():
                return "no TLS with the receiver"
            case socket.gaierror():
                return "the receiver's name was not found"
        exc = exc.__cause__ or exc.__context__
    return "cannot connect"


def _authority(url: str) -> str:
    """Host and port as written in a URL, which is what the header ``Host`` says."""
    return url.partition("://")[2].partition("/")[0].partition("?")[0]
