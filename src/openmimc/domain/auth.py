"""Who is calling: tokens, security keys and app credentials.

A token is a JWT signed with a key derived from the server's own key (HS256). It carries app, account, user
id, times, and two generations: the app's (raised when its secret is rotated) and the account's (raised when
its tokens are revoked). The SDKs keep tokens in files, so the security key that belongs to a token must live as
long as the token does: it is not stored but derived from the token and the server's key.
"""

from __future__ import annotations

import hashlib
import hmac

import jwt
import msgspec
from msgspec import Struct

from openmimc.domain.apps import Apps
from openmimc.domain.names import check_account
from openmimc.domain.ports import AccountStore, Clock
from openmimc.errors import AccountBanned, InvalidToken, TokenExpired
from openmimc.model.app import Account, App
from openmimc.model.ids import AppId

SERVER_KEY_MIN_BYTES = 32
SECURITY_KEY_BYTES = 16
"""As long as the original's; all SDKs were tried with it."""


class Principal(Struct, frozen=True):
    """An account that has proved itself, or for which its app has spoken."""

    app: App
    account: Account


class TokenGrant(Struct, frozen=True):
    """A fresh token and what belongs to it.

    Attributes:
        security_key: Secret bytes that the client signs BIND with and ciphers payloads with.
    """

    app: App
    account: Account
    token: str
    security_key: bytes


class _Claims(Struct, frozen=True):
    app: str
    acc: str
    uid: str
    iat: int
    exp: int
    gen: int
    agen: int


class Auth:
    """Issues and checks tokens; checks app credentials.

    Args:
        server_key: At least 32 secret bytes. Whoever has them can be anybody.
    """

    def __init__(self, apps: Apps, accounts: AccountStore, server_key: bytes, clock: Clock) -> None:
        if len(server_key) < SERVER_KEY_MIN_BYTES:
            raise ValueError(f"the server key has less than {SERVER_KEY_MIN_BYTES} bytes")
        self._apps = apps
        self._accounts = accounts
        self._clock = clock
        # Two keys from one: a signature can never serve as a security key.
        self._token_key = hmac.digest(server_key, b"openmimc token", "sha256")
        self._security_key = hmac.digest(server_key, b"openmimc security key", "sha256")

    async def issue_token(self, app_id: AppId, app_key: str, app_secret: str, account_name: str) -> TokenGrant:
        """Give an app's server a token for one of its users, who is created if need be.

        Raises:
            MissingField, UnknownApp, WrongAppKey, WrongAppSecret: The credentials do not hold.
            MissingField, TooBig, BadRequest: The account name is none.
            AccountBanned: The account may not use the server.
        """
        check_account(account_name)
        app = await self._apps.check_credentials(app_id, app_key, app_secret)
        return await self.mint_token(app, account_name)

    async def mint_token(self, app: App, account_name: str) -> TokenGrant:
        """Give a token without the app's secret: for the operator of this server.

        Raises:
            MissingField, TooBig, BadRequest: The account name is none.
            AccountBanned: The account may not use the server.
        """
        check_account(account_name)
        (account,) = await self._accounts.ensure_accounts(app.app_id, (account_name,))
        if account.is_banned:
            raise AccountBanned
        now_s = self._clock.now_ms() // 1000
        claims = _Claims(
            app=str(app.app_id),
            acc=account.name,
            uid=str(account.user_id),
            iat=now_s,
            exp=now_s + app.settings.tokenLifetime,
            gen=app.key_generation,
            agen=account.token_generation,
        )
        token = jwt.encode(msgspec.structs.asdict(claims), self._token_key, algorithm="HS256")
        return TokenGrant(app, account, token, self.derive_security_key(token))

    async def check_token(self, token: str) -> Principal:
        """Return who a token stands for.

        Raises:
            InvalidToken: Unknown, revoked or wrongly signed.
            TokenExpired: It was good once.
            AccountBanned: A new token would not help.
        """
        claims = self._read(token)
        await self._apps.refresh()
        app = self._apps.find(AppId(int(claims.app)))
        if app is None or app.key_generation != claims.gen:
            raise InvalidToken
        account = await self._accounts.find_account(app.app_id, claims.acc)
        if account is None or str(account.user_id) != claims.uid:
            raise InvalidToken
        if account.is_banned:
            raise AccountBanned
        if account.token_generation != claims.agen:
            raise InvalidToken
        if self._clock.now_ms() // 1000 >= claims.exp:
            raise TokenExpired
        return Principal(app, account)

    async def speak_for(self, app_id: AppId, app_key: str, app_secret: str, account_name: str) -> Principal:
        """Let an app's server act as one of its users, who is created if need be.

        Raises:
            As ``issue_token``.
        """
        check_account(account_name)
        app = await self._apps.check_credentials(app_id, app_key, app_secret)
        (account,) = await self._accounts.ensure_accounts(app.app_id, (account_name,))
        if account.is_banned:
            raise AccountBanned
        return Principal(app, account)

    async def check_credentials(self, app_id: AppId, app_key: str, app_secret: str) -> App:
        """Return the app that an app's server has proved to be of; nobody's account is touched.

        Raises:
            UnknownApp, WrongAppKey, WrongAppSecret: The first that does not fit.
        """
        return await self._apps.check_credentials(app_id, app_key, app_secret)

    def derive_security_key(self, token: str) -> bytes:
        """The secret bytes that belong to a token."""
        digest = hmac.digest(self._security_key, token.encode(errors="replace"), hashlib.sha256)
        return digest[:SECURITY_KEY_BYTES]

    def _read(self, token: str) -> _Claims:
        try:
            # Times are checked against our own clock, after the generations: revoked is worse than expired.
            claims = jwt.decode(
                token,
                self._token_key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            return msgspec.convert(claims, _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, UnicodeError) as exc:
            raise InvalidToken from exc
