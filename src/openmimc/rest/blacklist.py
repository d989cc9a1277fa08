"""``/api/blacklist``: from whom the caller wants to hear nothing.

Source: protocol reference, 9.6.
"""

from __future__ import annotations

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from openmimc.domain.auth import Auth
from openmimc.domain.blacklist import Blacklist
from openmimc.errors import Forbidden, MissingField
from openmimc.rest.answers import Answer, success
from openmimc.rest.callers import Callers
from openmimc.rest.documentation import Caller, Query, documented
from openmimc.rest.requests import ApiRequest, Id, query_value, read_json, require

PATH = "/api/blacklist"

PAGE = "Blacklist"
QUERY = (Query("blackAccount", "The account that is, or may be, blocked.", "bob"),)


class BlockRequest(Struct, frozen=True, rename="camel"):
    """Whom to block.

    Attributes:
        app_id: If given, the app of the credentials; usually the header ``appId`` tells it.
    """

    app_id: Id | None = None
    black_account: Id | None = None


class BlockedData(Struct, frozen=True, rename="camel"):
    """Whether the caller blocks an account."""

    is_black: bool


def blacklist_pages(auth: Auth, blacklist: Blacklist) -> list[HTTPRouteHandler]:
    """The pages of blacklists."""
    callers = Callers(auth)

    @documented(
        PAGE,
        "Block an account",
        text="It cannot write to the caller any more; the caller still can write to it.",
        caller=Caller.USER_OF_APP,
        body=BlockRequest,
        required=("blackAccount",),
        body_example={"blackAccount": "bob"},
        errors=(Forbidden,),
    )
    @post(PATH, status_code=200)
    async def block(request: ApiRequest) -> Answer[None]:
        asked = await read_json(request, BlockRequest)
        account = require("blackAccount", asked.black_account)
        caller = await callers.identify(request, asked.app_id)
        await blacklist.block(caller, account)
        return success(None)

    @documented(
        PAGE,
        "Unblock an account",
        text="Fine if it was not blocked.",
        caller=Caller.USER_OF_APP,
        query=QUERY,
        errors=(Forbidden, MissingField),
    )
    @delete(PATH, status_code=200)
    async def unblock(request: ApiRequest) -> Answer[None]:
        account = require("blackAccount", query_value(request, "blackAccount"))
        caller = await callers.identify(request)
        await blacklist.unblock(caller, account)
        return success(None)

    @documented(
        PAGE,
        "Whether the caller blocks an account",
        caller=Caller.USER_OF_APP,
        query=QUERY,
        data_example={"isBlack": True},
        errors=(Forbidden, MissingField),
    )
    @get(PATH)
    async def show(request: ApiRequest) -> Answer[BlockedData]:
        account = require("blackAccount", query_value(request, "blackAccount"))
        caller = await callers.identify(request)
        return success(BlockedData(is_black=await blacklist.is_blocked(caller, account)))

    return [block, unblock, show]
