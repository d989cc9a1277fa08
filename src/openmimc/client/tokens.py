"""Tokens: asking the app's fetcher, reading the token service's answer, keeping it while it is good.

The fetcher gives the answer of ``POST /api/account/token`` unchanged, as the official SDKs want it:
``{"code": 200, "message": "success", "data": {"appId", "appPackage", "appAccount", "miChid", "miUserId",
"miUserSecurityKey", "token", ...}}``, ids as strings or numbers.

Source: protocol reference, 2.1.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from openmimc.client.errors import TokenRefused, TokenUnavailable

TokenAnswer = Mapping[str, Any] | str | bytes
"""The token service's answer: as it came, or parsed."""

TokenFetcher = Callable[[], TokenAnswer | Awaitable[TokenAnswer]]
"""Gives a fresh token answer. A plain function is called in a thread, so it may block."""

_SUCCESS = 200


class Credentials(Struct, frozen=True):
    """What a login needs. Its text form hides the secrets.

    Attributes:
        app_package: "" when the service names none.
        security_key: Secret bytes, decoded.
    """

    app_id: int
    app_package: str
    account: str
    user_id: int
    token: str
    security_key: bytes

    def __repr__(self) -> str:
        return f"Credentials(app_id={self.app_id}, account={self.account!r}, user_id={self.user_id})"


class _Data(Struct):
    appId: int
    appAccount: str
    miUserId: int
    miUserSecurityKey: str
    token: str
    appPackage: str = ""


class _Head(Struct):
    code: int
    message: str | None = None


class _Full(Struct):
    data: _Data


def parse_token_answer(answer: TokenAnswer) -> Credentials:
    """Read a token service's answer.

    Raises:
        TokenRefused: its code is not 200.
        TokenUnavailable: it is no token answer. The text never repeats the answer.
    """
    try:
        document = msgspec.json.decode(answer) if isinstance(answer, str | bytes) else answer
        head = msgspec.convert(document, _Head, strict=False)
        if head.code != _SUCCESS:
            raise TokenRefused(head.code, head.message or "refused without a reason")
        data = msgspec.convert(document, _Full, strict=False).data
        security_key = base64.b64decode(data.miUserSecurityKey, validate=True)
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError) as error:
        raise TokenUnavailable(f"no token answer: {error}") from error
    if not data.token or not security_key:
        raise TokenUnavailable("no token answer: the token or the security key is empty")
    return Credentials(
        app_id=data.appId,
        app_package=data.appPackage,
        account=data.appAccount,
        user_id=data.miUserId,
        token=data.token,
        security_key=security_key,
    )


class Tokens:
    """One user's credentials: fetched when needed, kept until they are said to be bad.

    Attributes:
        is_fresh: The credentials were fetched, and the server has not taken them yet.
    """

    __slots__ = ("_account", "_app_id", "_credentials", "_fetch", "is_fresh")

    def __init__(self, app_id: int, account: str, fetch: TokenFetcher) -> None:
        self._app_id = app_id
        self._account = account
        self._fetch = fetch
        self._credentials: Credentials | None = None
        self.is_fresh = False

    @property
    def current(self) -> Credentials | None:
        """What was fetched last, unless it was discarded."""
        return self._credentials

    def discard(self) -> None:
        """Forget the credentials: the server does not take them any more."""
        self._credentials = None

    def confirm(self) -> None:
        """Note that the server took the credentials."""
        self.is_fresh = False

    async def get(self) -> Credentials:
        """Return credentials, fetched now if none are kept.

        Raises:
            TokenUnavailable: the fetcher raised (``__cause__``) or gave no answer for this app and account.
            TokenRefused: the token service refused.
        """
        if self._credentials is None:
            credentials = parse_token_answer(await self._ask())
            if (credentials.app_id, credentials.account) != (self._app_id, self._account):
                raise TokenUnavailable("the token answer is for another app or account")
            self._credentials = credentials
            self.is_fresh = True
        return self._credentials

    async def _ask(self) -> TokenAnswer:
        try:
            if inspect.iscoroutinefunction(self._fetch):
                answer = await self._fetch()
            else:
                answer = await asyncio.to_thread(self._fetch)
                if inspect.isawaitable(answer):
                    answer = await answer
        except Exception as error:  # The app's code: whatever it raises means that there is no token now.
            raise TokenUnavailable(f"the token fetcher failed: {type(error).__name__}") from error
        if not isinstance(answer, Mapping | str | bytes):
            raise TokenUnavailable(f"the token fetcher gave a {type(answer).__name__}")
        return answer
