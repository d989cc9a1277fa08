"""``POST /api/account/token``: an app's server asks for a token for one of its users.

Source: protocol reference, 2.1 and 9.2; operation manual, "AppProxyService".
"""

from __future__ import annotations

import base64

from litestar import post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.domain.auth import Auth, TokenGrant
from openmimc.errors import AccountBanned
from openmimc.rest.answers import Answer, success
from openmimc.rest.documentation import Caller, documented
from openmimc.rest.requests import ApiRequest, Id, parse_app_id, read_json, require

MIMC_CHID = 9
"""The service number that goes into every packet header."""

REGION_BUCKET = 0
"""There is one region."""

TOKEN_EXAMPLE = {
    "appId": "2882303761517620813",
    "appPackage": "im.chat",
    "appAccount": "alice",
    "miChid": MIMC_CHID,
    "miUserId": "3312004879920128",
    "miUserSecurityKey": "Hb0fWxpFOXLYTbKDnUvsLw==",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3MDB9.c2lnbmF0dXJl",
    "feDomainName": "im.example.com",
    "relayDomainName": "im.example.com",
    "regionBucket": REGION_BUCKET,
    "ppsMiotDomainName": "im.example.com",
}


class TokenRequest(Struct, frozen=True, rename="camel"):
    """What the app's server sends. Fields that some demos add (``regionKey``) say nothing here."""

    app_id: Id | None = None
    app_key: Id | None = None
    app_secret: str | None = None
    app_account: str | None = None


class TokenData(Struct, frozen=True, rename="camel"):
    """What the SDKs read. Each type is the only one that suits all of them; a missing field breaks some.

    Attributes:
        mi_user_security_key: Padded base64.
        fe_domain_name: Where the SDKs connect, by way of the resolver or at once.
        relay_domain_name: Asked for at the resolver together with the frontend.
        pps_miot_domain_name: As ``relay_domain_name``; without it an SDK would ask for the vendor's.
    """

    app_id: str
    app_package: str
    app_account: str
    mi_chid: int
    mi_user_id: str
    mi_user_security_key: str
    token: str
    fe_domain_name: str
    relay_domain_name: str
    region_bucket: int
    pps_miot_domain_name: str


def token_data(grant: TokenGrant, fe_domain: str) -> TokenData:
    """Spell a grant the way the SDKs read it."""
    return TokenData(
        app_id=str(grant.app.app_id),
        app_package=grant.app.package,
        app_account=grant.account.name,
        mi_chid=MIMC_CHID,
        mi_user_id=str(grant.account.user_id),
        mi_user_security_key=base64.b64encode(grant.security_key).decode(),
        token=grant.token,
        fe_domain_name=fe_domain,
        relay_domain_name=fe_domain,
        region_bucket=REGION_BUCKET,
        pps_miot_domain_name=fe_domain,
    )


def token_page(auth: Auth, fe_domain: str) -> HTTPRouteHandler:
    """The page that issues tokens; ``fe_domain`` is the name clients find the frontend by."""

    @documented(
        "Tokens",
        "Get a token for a user",
        text="The app's server hands the answer on unchanged. The account is created if need be.",
        caller=Caller.APP_IN_BODY,
        body=TokenRequest,
        required=("appId", "appKey", "appSecret", "appAccount"),
        body_example={
            "appId": "2882303761517620813",
            "appKey": "5391762043813",
            "appSecret": "Zm9yIHRoZSBzYWtlIG9mIGl0IQ==",
            "appAccount": "alice",
        },
        data_example=TOKEN_EXAMPLE,
        errors=(AccountBanned,),
    )
    @post("/api/account/token", status_code=200, response_headers={"cache-control": "no-store"})
    async def issue_token(request: ApiRequest) -> Answer[TokenData]:
        asked = await read_json(request, TokenRequest)
        grant = await auth.issue_token(
            app_id=parse_app_id(require("appId", asked.app_id)),
            app_key=require("appKey", asked.app_key),
            app_secret=require("appSecret", asked.app_secret),
            account_name=require("appAccount", asked.app_account),
        )
        return success(token_data(grant, fe_domain))

    return issue_token
