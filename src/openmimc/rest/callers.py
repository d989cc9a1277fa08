"""Who calls: a user with a token, or an app's server that speaks for a user.

Source: protocol reference, 9.1; operation manual, "Group Chat Information", remarks.
"""

from __future__ import annotations

import base64
import binascii

from openmimc.domain.auth import Auth, Principal
from openmimc.errors import BadRequest, ForeignApp, Unauthenticated, UnknownApp
from openmimc.model.ids import AppId
from openmimc.rest.requests import ApiRequest, Id, header_text, parse_app_id, require


class Callers:
    """Finds out on whose behalf a request is made."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def identify(self, request: ApiRequest, app_id: Id | None = None) -> Principal:
        """Return the account that makes a request.

        The header ``token`` decides if it is there; else ``appKey``, ``appSecret`` and ``appAccount`` do, and
        the account is created if need be. An empty header counts as absent.

        The app may be named by the header ``appId`` too. A token tells its app by itself, so there the name
        may be missing everywhere; wherever it stands, it has to be that of the token's app.

        Args:
            request: Only its headers are looked at.
            app_id: The app that the path or the body names; None or "" if they name none.

        Raises:
            Unauthenticated: There is neither.
            InvalidToken, TokenExpired: The token is no good.
            ForeignApp: The token is for another app than the one named, or two apps are named.
            MissingField, UnknownApp, WrongAppKey, WrongAppSecret: The app's credentials do not hold.
            MissingField, TooBig, BadRequest: ``appAccount`` is no account name.
            AccountBanned: The account may not use the server.
        """
        named = [name for name in (app_id, header_text(request, "appId")) if name not in (None, "")]
        if token := header_text(request, "token"):
            principal = await self._auth.check_token(token)
            if not all(_names_app(name, principal.app.app_id) for name in named):
                raise ForeignApp
            return principal
        key = header_text(request, "appKey")
        secret = header_text(request, "appSecret")
        account = read_account(request)
        if not (key or secret or account):
            raise Unauthenticated
        number = parse_app_id(require("appId", named[0] if named else None))
        if not all(_names_app(name, number) for name in named):
            raise ForeignApp
        return await self._auth.speak_for(number, key, secret, account)


def read_account(request: ApiRequest) -> str:
    """The header ``appAccount``, which ``appAccountEncode: base64`` announces as base64 of UTF-8.

    Raises:
        BadRequest: It is not encoded as announced.
    """
    account = header_text(request, "appAccount")
    encoding = header_text(request, "appAccountEncode").lower()
    if not encoding:
        return account
    if encoding != "base64":
        raise BadRequest("appAccountEncode can only be base64")
    try:
        return base64.b64decode(account.encode(), validate=True).decode()
    except (binascii.Error, UnicodeError) as exc:
        raise BadRequest("appAccount is no base64 of UTF-8") from exc


def _names_app(name: Id, app_id: AppId) -> bool:
    try:
        return parse_app_id(name) == app_id
    except UnknownApp:
        return False
