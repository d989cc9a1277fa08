"""AppProxyService: the small part of an app's own server that messaging needs.

A client must not hold the app's key and secret. So it asks this service, with its own login of the app, and
this service asks the token service on its behalf and hands the answer back unchanged:

    client ── own login ──> this service ── appId, appKey, appSecret, appAccount ──> token service
           <── answer, byte for byte ───                                        <──

Configuration comes from the environment: MIMC_APP_ID, MIMC_APP_KEY, MIMC_APP_SECRET, and MIMC_TOKEN_URL, HOST
and PORT where the defaults do not fit.

Source: operation manual, "Security Authentication".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import sys
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from litestar import Litestar, Request, Response, route
from litestar.datastructures import State

TOKEN_SERVICE_TIMEOUT_S = 2.0
"""Clients wait about as long for a token; an answer after that helps nobody."""

USERS: dict[str, tuple[bytes, bytes]] = {
    "alice": (
        b"demo salt of alice",
        bytes.fromhex(
            "de84b53bc03e54bcd5b864653cfdd4f23c75f1df02be59be31a01a1655826f8a"
            "d301f9ea7ff658204bedb7c5aecea72568db80e2129a8d913b9425b548131c6c"
        ),
    ),
    "bob": (
        b"demo salt of bob",
        bytes.fromhex(
            "d681e6db598a604b548a05d3e21427e2ce28b5e1574e9dd098d4f23f1e148a3b"
            "7cb1a9403db2f4e876f5c5ba0f49282a0f6d253466f5283be8081462348c13ed"
        ),
    ),
}
"""The app's own users: account to salt and password hash. Replace this table by your app's own login."""


@dataclass(frozen=True)
class Credentials:
    """What only the app's server may know."""

    app_id: str
    app_key: str
    app_secret: str
    token_url: str

    @classmethod
    def from_environment(cls) -> Credentials:
        """Read them; end the program with a clear sentence if one is missing."""
        try:
            return cls(
                app_id=os.environ["MIMC_APP_ID"],
                app_key=os.environ["MIMC_APP_KEY"],
                app_secret=os.environ["MIMC_APP_SECRET"],
                token_url=os.environ.get("MIMC_TOKEN_URL", "http://127.0.0.1:8080/api/account/token"),
            )
        except KeyError as missing:
            sys.exit(f"app_proxy: set {missing.args[0]} in the environment")


def hash_password(password: str, salt: bytes) -> bytes:
    """A hash that is slow and hungry on purpose, so that a stolen table is of little use."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def check_login(authorization: str) -> str | None:
    """Return the user's account if the header ``Authorization`` has a right name and password (HTTP Basic)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # An unknown name costs as much time as a wrong password, so that names cannot be guessed by the clock.
    salt, expected = USERS.get(name, (b"nobody", b""))
    return name if hmac.compare_digest(hash_password(password, salt), expected) else None


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response[Any]:
    """An answer of the token service's shape, so that SDKs can read and report it."""
    return Response({"code": status, "message": message, "data": None}, status_code=status, headers=headers)


@route("/mimc/token", http_method=["GET", "POST"])
async def give_token(request: Request[None, None, State], state: State) -> Response[Any]:
    """Give the user who is logged in a token for messaging. The account is the login's, never the request's."""
    # In a thread: the hash takes some 50 ms, in which other requests go on.
    account = await asyncio.to_thread(check_login, request.headers.get("authorization", ""))
    if account is None:
        return refusal(
            401, "wrong name or password", {"WWW-Authenticate": 'Basic realm="app", charset="UTF-8"'}
        )
    credentials: Credentials = state.credentials
    try:
        async with asyncio.timeout(TOKEN_SERVICE_TIMEOUT_S):
            answer = await state.http.post(
                credentials.token_url,
                json={
                    "appId": credentials.app_id,
                    "appKey": credentials.app_key,
                    "appSecret": credentials.app_secret,
                    "appAccount": account,
                },
            )
            answer.raise_for_status()
    except (httpx.HTTPError, TimeoutError) as error:
        # Not the error's text: it may name hosts that are nobody's business outside.
        print(f"app_proxy: the token service failed: {type(error).__name__}", file=sys.stderr)
        return refusal(502, "the token service is not available")
    return Response(answer.content, media_type="application/json")


async def open_http(app: Litestar) -> None:
    """Connections to the token service are kept between requests."""
    app.state.http = httpx.AsyncClient()


async def close_http(app: Litestar) -> None:
    """Close them with the service."""
    await app.state.http.aclose()


def make_app(credentials: Credentials) -> Litestar:
    """The service, ready to be run by any ASGI server."""
    return Litestar(
        [give_token],
        state=State({"credentials": credentials}),
        on_startup=[open_http],
        on_shutdown=[close_http],
        openapi_config=None,
    )


def main() -> None:
    """Serve until Ctrl-C."""
    uvicorn.run(
        make_app(Credentials.from_environment()),
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8090")),
        access_log=False,
    )


if __name__ == "__main__":
    main()
