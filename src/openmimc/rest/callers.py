"""Who calls: a user with a token, or an app's server that speaks for a user.

Source: protocol reference, 9.1; operation manual, "Group Chat Information", remarks.
"""

from __future__ import annotations

import base64
import binascii

from openmimc.domain.auth import Auth, Principal
from openmimc.errors import BadRequest, ForeignApp, Unauthenticated, UnknownApp
from openmimc.model.ids import AppId
from openmimc.rest.requests import ApiRequest, header_text, parse_app_id


class Callers:
    """Finds out on whose behalf a request is made."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def identify(self, request: ApiRequest, app_id: str) -> Principal:
        """Return the account that makes a request.

        The header ``token`` decides if it is there; else ``appKey``, ``appSecret`` and ``appAccount`` do, and
        the account is created if need be. An empty header counts as absent.

        Args:
            request: Only its headers are looked at.
            app_id: The app that the path names.

        Raises:
            Unauthenticated: There is neither.
            InvalidToken, TokenExpired, ForeignApp: The token is no good, or none for this app.
            MissingField, UnknownApp, WrongAppKey, WrongAppSecret: The app's credentials do not hold.
            MissingField, TooBig, BadRequest: ``appAccount`` is no account name.
            AccountBanned: The account may not use the server.
        """
        if token := header_text(request, "token"):
            principal = await self._auth.check_token(token)
            if not _names_app(app_id, principal.app.app_id):
                raise ForeignApp
            return principal
        key = header_text(request, "appKey")
        secret = header_text(request, "appSecret")
        account = read_account(request)
        if not (key or secret or account):
            raise Unauthenticated
        return await self._auth.speak_for(parse_app_id(app_id), key, secret, account)


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


def _names_app(text: str, app_id: AppId) -> bool:
    try:
        return parse_app_id(text) == app_id
    except UnknownApp:
        return False
