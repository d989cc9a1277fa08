"""``/api/push/...``: an app's own server sends in a user's name.

Source: protocol reference, 9.2 and 9.9; operation manual, "Push Messages".
"""

from __future__ import annotations

import base64

from litestar import post
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType

from openmimc.domain.auth import Auth
from openmimc.domain.messages import Messages, Pushed
from openmimc.errors import (
    AccountBanned,
    BadRequest,
    NoSuchTopic,
    RateLimited,
    SenderBlocked,
    TooBig,
)
from openmimc.model.app import App
from openmimc.rest.answers import Answer, success
from openmimc.rest.documentation import Caller, documented
from openmimc.rest.requests import ApiRequest, Id, parse_app_id, parse_topic_id, read_json, require

BASE64 = "base64"
"""The one ``msgType`` that is not text."""

PAGE = "Push"
REQUIRED = ("appId", "appKey", "appSecret", "fromAccount", "msg")
ERRORS = (AccountBanned, RateLimited, TooBig)
EXAMPLE = {
    "appId": "2882303761517620813",
    "appKey": "5391762043813",
    "appSecret": "Zm9yIHRoZSBzYWtlIG9mIGl0IQ==",
    "fromAccount": "alice",
    "fromResource": "server",
    "msg": "aGVsbG8=",
    "msgType": BASE64,
    "isStore": True,
    "bizType": "greeting",
}


class PushRequest(Struct, frozen=True, rename="camel"):
    """What every push has.

    Attributes:
        app_id: With ``app_key`` and ``app_secret``, what the app's server proves itself with.
        from_account: The user in whose name it is sent; made if need be.
        from_resource: The device it seems to come from.
        msg: The payload: text, or base64 of it.
        msg_type: ``base64``, or empty for text.
        is_store: Whether history keeps it; as a JSON boolean, or what stands for one in other languages.
        biz_type: The app's own label.
    """

    app_id: Id | None = None
    app_key: Id | None = None
    app_secret: str | None = None
    from_account: str | None = None
    from_resource: str | None = None
    msg: str | None = None
    msg_type: str | None = None
    is_store: bool | int | str | None = None
    biz_type: str | None = None


class PushP2PRequest(PushRequest, frozen=True, rename="camel"):
    """A message to one account."""

    to_account: str | None = None


class PushP2PMoreRequest(PushRequest, frozen=True, rename="camel"):
    """A message to many accounts."""

    to_accounts: list[str] | None = None


class PushP2TRequest(PushRequest, frozen=True, rename="camel"):
    """A message to one topic."""

    topic_id: Id | None = None


class PushP2TMoreRequest(PushRequest, frozen=True, rename="camel"):
    """A message to many topics."""

    topic_ids: list[Id] | None = None


class PushP2URequest(PushRequest, frozen=True, rename="camel"):
    """A message to one unlimited group."""

    topic_id: Id | None = None


class PushP2UMoreRequest(PushRequest, frozen=True, rename="camel"):
    """A message to many unlimited groups."""

    topic_ids: list[Id] | None = None


class PushData(Struct, frozen=True, rename="camel"):
    """What a push to one came to."""

    packet_id: str


class PushMoreData(Struct, frozen=True, rename="camel"):
    """What a push to many came to.

    Attributes:
        packet_ids: In the order of the targets; repeated and blocked ones have none.
        blocked: The accounts that block the sender and got nothing; left out when there are none.
    """

    packet_ids: list[str]
    blocked: list[str] | UnsetType = UNSET


def parse_payload(msg: str, msg_type: str) -> bytes:
    """The payload of a push.

    Raises:
        BadRequest: It is not of the type it is said to be, or there is no such type.
    """
    if msg_type == BASE64:
        try:
            return base64.b64decode(msg, validate=True)
        except ValueError as exc:
            raise BadRequest("msg is no base64") from exc
    if msg_type:
        raise BadRequest("msgType can only be base64, or empty for text")
    try:
        return msg.encode()
    except UnicodeEncodeError as exc:
        raise BadRequest("msg is no valid Unicode text") from exc


def parse_is_store(value: bool | int | str | None) -> bool:
    """Whether history keeps a message; it does unless told otherwise.

    Raises:
        BadRequest: It is neither yes nor no.
    """
    match value.lower() if isinstance(value, str) else value:
        # 1 matches true as well, and 0 false.
        case None | 1 | "1" | "true":
            return True
        case 0 | "0" | "false":
            return False
        case _:
            raise BadRequest("isStore can only be true or false")


def push_pages(auth: Auth, messages: Messages) -> list[HTTPRouteHandler]:
    """The pages of pushes."""

    async def authenticate(asked: PushRequest) -> App:
        return await auth.check_credentials(
            parse_app_id(require("appId", asked.app_id)),
            require("appKey", asked.app_key),
            require("appSecret", asked.app_secret),
        )

    async def send_p2p(app: App, asked: PushRequest, to_accounts: list[str]) -> Pushed:
        return await messages.push_p2p(
            app,
            from_account=require("fromAccount", asked.from_account),
            from_resource=asked.from_resource or "",
            to_accounts=to_accounts,
            payload=parse_payload(require("msg", asked.msg), asked.msg_type or ""),
            biz_type=asked.biz_type,
            is_store=parse_is_store(asked.is_store),
        )

    async def send_p2t(app: App, asked: PushRequest, topic_ids: list[Id]) -> Pushed:
        return await messages.push_p2t(
            app,
            from_account=require("fromAccount", asked.from_account),
            from_resource=asked.from_resource or "",
            topic_ids=[parse_topic_id(topic_id) for topic_id in topic_ids],
            payload=parse_payload(require("msg", asked.msg), asked.msg_type or ""),
            biz_type=asked.biz_type,
            is_store=parse_is_store(asked.is_store),
        )

    async def send_p2u(app: App, asked: PushRequest, group_ids: list[Id]) -> Pushed:
        return await messages.push_group(
            app,
            from_account=require("fromAccount", asked.from_account),
            from_resource=asked.from_resource or "",
            group_ids=[parse_topic_id(group_id) for group_id in group_ids],
            payload=parse_payload(require("msg", asked.msg), asked.msg_type or ""),
            biz_type=asked.biz_type,
            is_store=parse_is_store(asked.is_store),
        )

    @documented(
        PAGE,
        "Send a message to an account",
        text="It arrives like one that the user sent himself.",
        caller=Caller.APP_IN_BODY,
        body=PushP2PRequest,
        required=(*REQUIRED, "toAccount"),
        body_example={**EXAMPLE, "toAccount": "bob"},
        data_example={"packetId": "h2Jv0aQe7Kc-1"},
        errors=(*ERRORS, SenderBlocked),
    )
    @post("/api/push/p2p", status_code=200)
    async def push_p2p(request: ApiRequest) -> Answer[PushData]:
        asked = await read_json(request, PushP2PRequest)
        app = await authenticate(asked)
        pushed = await send_p2p(app, asked, [require("toAccount", asked.to_account)])
        return success(PushData(pushed.packet_ids[0]))

    @documented(
        PAGE,
        "Send a message to many accounts",
        text="At most 500, in one transaction. Those who block the sender are left out and named.",
        caller=Caller.APP_IN_BODY,
        body=PushP2PMoreRequest,
        required=(*REQUIRED, "toAccounts"),
        body_example={**EXAMPLE, "toAccounts": ["bob", "carol", "dave"]},
        data_example={"packetIds": ["h2Jv0aQe7Kc-2", "h2Jv0aQe7Kc-3"], "blocked": ["dave"]},
        errors=ERRORS,
    )
    @post("/api/push/p2p/more", status_code=200)
    async def push_p2p_more(request: ApiRequest) -> Answer[PushMoreData]:
        asked = await read_json(request, PushP2PMoreRequest)
        app = await authenticate(asked)
        return success(_more_data(await send_p2p(app, asked, asked.to_accounts or [])))

    @documented(
        PAGE,
        "Send a message to a topic",
        text="The sender need not be a member.",
        caller=Caller.APP_IN_BODY,
        body=PushP2TRequest,
        required=(*REQUIRED, "topicId"),
        body_example={**EXAMPLE, "topicId": "8103265498034170"},
        data_example={"packetId": "h2Jv0aQe7Kc-4"},
        errors=(*ERRORS, NoSuchTopic),
    )
    @post("/api/push/p2t", status_code=200)
    async def push_p2t(request: ApiRequest) -> Answer[PushData]:
        asked = await read_json(request, PushP2TRequest)
        app = await authenticate(asked)
        pushed = await send_p2t(app, asked, [require("topicId", asked.topic_id)])
        return success(PushData(pushed.packet_ids[0]))

    @documented(
        PAGE,
        "Send a message to many topics",
        text="At most 500, in one transaction: all get it, or none.",
        caller=Caller.APP_IN_BODY,
        body=PushP2TMoreRequest,
        required=(*REQUIRED, "topicIds"),
        body_example={**EXAMPLE, "topicIds": ["8103265498034170", "5640993217704321"]},
        data_example={"packetIds": ["h2Jv0aQe7Kc-5", "h2Jv0aQe7Kc-6"]},
        errors=(*ERRORS, NoSuchTopic),
    )
    @post("/api/push/p2t/more", status_code=200)
    async def push_p2t_more(request: ApiRequest) -> Answer[PushMoreData]:
        asked = await read_json(request, PushP2TMoreRequest)
        app = await authenticate(asked)
        return success(_more_data(await send_p2t(app, asked, asked.topic_ids or [])))

    @documented(
        PAGE,
        "Send a message to an unlimited group",
        text="The sender need not be a member.",
        caller=Caller.APP_IN_BODY,
        body=PushP2URequest,
        required=(*REQUIRED, "topicId"),
        body_example={**EXAMPLE, "topicId": "8103265498034170"},
        data_example={"packetId": "h2Jv0aQe7Kc-7"},
        errors=(*ERRORS, NoSuchTopic),
    )
    @post("/api/push/p2u", status_code=200)
    async def push_p2u(request: ApiRequest) -> Answer[PushData]:
        asked = await read_json(request, PushP2URequest)
        app = await authenticate(asked)
        pushed = await send_p2u(app, asked, [require("topicId", asked.topic_id)])
        return success(PushData(pushed.packet_ids[0]))

    @documented(
        PAGE,
        "Send a message to many unlimited groups",
        text="At most 500, in one transaction: all get it, or none.",
        caller=Caller.APP_IN_BODY,
        body=PushP2UMoreRequest,
        required=(*REQUIRED, "topicIds"),
        body_example={**EXAMPLE, "topicIds": ["8103265498034170", "5640993217704321"]},
        data_example={"packetIds": ["h2Jv0aQe7Kc-8", "h2Jv0aQe7Kc-9"]},
        errors=(*ERRORS, NoSuchTopic),
    )
    @post("/api/push/p2u/more", status_code=200)
    async def push_p2u_more(request: ApiRequest) -> Answer[PushMoreData]:
        asked = await read_json(request, PushP2UMoreRequest)
        app = await authenticate(asked)
        return success(_more_data(await send_p2u(app, asked, asked.topic_ids or [])))

    return [push_p2p, push_p2p_more, push_p2t, push_p2t_more, push_p2u, push_p2u_more]


def _more_data(pushed: Pushed) -> PushMoreData:
    return PushMoreData(list(pushed.packet_ids), list(pushed.blocked) or UNSET)
