"""``/api/topic/{appId}``: ordinary groups.

Source: protocol reference, 9.3; operation manual, "Group Chat Information". Where the two editions of the
manual differ, both requests are understood; a member's leaving is answered as in the older one (the topic
without the leaver), which tells more.
"""

from __future__ import annotations

from litestar import delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Struct, UnsetType

from openmimc.domain.auth import Auth
from openmimc.domain.topics import Topics
from openmimc.errors import (
    BadRequest,
    Forbidden,
    MissingField,
    NoSuchTopic,
    NotAMember,
    OwnerMayNotLeave,
    TopicFull,
)
from openmimc.model.topic import Topic
from openmimc.rest.answers import Answer, success
from openmimc.rest.callers import Callers
from openmimc.rest.documentation import Caller, Query, documented
from openmimc.rest.requests import (
    ApiRequest,
    Id,
    parse_topic_id,
    parse_user_id,
    query_values,
    read_json,
    require,
    split_accounts,
)

APP = "/api/topic/{app_id:str}"
TOPIC = APP + "/{topic_id:str}"

PAGE = "Topics"
INFO_EXAMPLE = {
    "topicId": "8103265498034170",
    "ownerUuid": "3312004879920128",
    "ownerAccount": "alice",
    "topicName": "tea",
    "bulletin": "",
}
TOPIC_EXAMPLE = {
    "topicInfo": INFO_EXAMPLE,
    "members": [
        {"uuid": "3312004879920128", "account": "alice"},
        {"uuid": "5087700012345678", "account": "bob"},
    ],
}


class CreateRequest(Struct, frozen=True, rename="camel"):
    """A new topic. ``accounts``: names separated by commas, or a list of names."""

    topic_name: str | None = None
    accounts: str | list[str] | None = None
    extra: str | None = None


class InviteRequest(Struct, frozen=True):
    """New members, as in ``CreateRequest``."""

    accounts: str | list[str] | None = None


class UpdateRequest(Struct, frozen=True, rename="camel"):
    """Any of the fields. An owner or name that is empty, which neither can be, counts as absent.

    Attributes:
        topic_id: If given, the one in the path.
    """

    topic_id: Id | None = None
    owner_uuid: Id | None = None
    owner_account: str | None = None
    topic_name: str | None = None
    bulletin: str | None = None
    extra: str | None = None


class TopicInfo(Struct, frozen=True, rename="camel"):
    """A topic without its members.

    Attributes:
        bulletin: "" when unset.
        extra: Left out when unset: the original's answers know it only for topics that have one.
    """

    topic_id: str
    owner_uuid: str
    owner_account: str
    topic_name: str
    bulletin: str
    extra: str | UnsetType = UNSET


class MemberInfo(Struct, frozen=True):
    """One member."""

    uuid: str
    account: str


class TopicData(Struct, frozen=True, rename="camel"):
    """A topic and its members, the owner first."""

    topic_info: TopicInfo
    members: list[MemberInfo]


def topic_info(topic: Topic) -> TopicInfo:
    """Spell a topic without its members."""
    return TopicInfo(
        topic_id=str(topic.topic_id),
        owner_uuid=str(topic.owner_id),
        owner_account=topic.owner.account,
        topic_name=topic.name,
        bulletin=topic.bulletin,
        extra=topic.extra or UNSET,
    )


def topic_data(topic: Topic) -> TopicData:
    """Spell a topic with its members."""
    return TopicData(
        topic_info=topic_info(topic),
        members=[MemberInfo(uuid=str(member.user_id), account=member.account) for member in topic.members],
    )


def topic_pages(auth: Auth, topics: Topics) -> list[HTTPRouteHandler]:
    """The pages of ordinary groups.

    Bodies are read before callers are identified, because that may create an account, and a malformed request
    changes nothing.
    """
    callers = Callers(auth)

    @documented(
        PAGE,
        "Create a topic",
        text="The caller becomes its owner. Accounts that nobody has seen before are created.",
        caller=Caller.USER,
        body=CreateRequest,
        required=("topicName",),
        body_example={"topicName": "tea", "accounts": "bob"},
        data_example=TOPIC_EXAMPLE,
        errors=(Forbidden, TopicFull),
    )
    @post(APP, status_code=200)
    async def create(request: ApiRequest, app_id: FromPath[str]) -> Answer[TopicData]:
        asked = await read_json(request, CreateRequest)
        name = require("topicName", asked.topic_name)
        accounts = split_accounts(asked.accounts)
        caller = await callers.identify(request, app_id)
        topic = await topics.create(caller, name=name, accounts=accounts, extra=asked.extra or "")
        return success(topic_data(topic))

    @documented(
        PAGE,
        "Show a topic",
        text="For its members.",
        caller=Caller.USER,
        data_example=TOPIC_EXAMPLE,
        errors=(NoSuchTopic, NotAMember),
    )
    @get(TOPIC)
    async def show(request: ApiRequest, app_id: FromPath[str], topic_id: FromPath[str]) -> Answer[TopicData]:
        caller = await callers.identify(request, app_id)
        return success(topic_data(await topics.get(caller, parse_topic_id(topic_id))))

    @documented(PAGE, "List the topics that the caller is in", caller=Caller.USER, data_example=[INFO_EXAMPLE])
    @get(APP + "/account")
    async def list_mine(request: ApiRequest, app_id: FromPath[str]) -> Answer[list[TopicInfo]]:
        caller = await callers.identify(request, app_id)
        return success([topic_info(topic) for topic in await topics.list_mine(caller)])

    @documented(
        PAGE,
        "Add members",
        text="For any member. All the accounts are added, or none.",
        caller=Caller.USER,
        body=InviteRequest,
        required=("accounts",),
        body_example={"accounts": "bob"},
        data_example=TOPIC_EXAMPLE,
        errors=(NoSuchTopic, NotAMember, TopicFull),
    )
    @post(TOPIC + "/accounts", status_code=200)
    async def invite(request: ApiRequest, app_id: FromPath[str], topic_id: FromPath[str]) -> Answer[TopicData]:
        asked = await read_json(request, InviteRequest)
        accounts = split_accounts(asked.accounts)
        caller = await callers.identify(request, app_id)
        return success(topic_data(await topics.invite(caller, parse_topic_id(topic_id), accounts)))

    @documented(
        PAGE,
        "Leave a topic",
        text="For members, the owner excepted. The answer shows the topic without the leaver.",
        caller=Caller.USER,
        data_example=TOPIC_EXAMPLE,
        errors=(NoSuchTopic, NotAMember, OwnerMayNotLeave),
    )
    @delete(TOPIC + "/account", status_code=200)
    async def leave(request: ApiRequest, app_id: FromPath[str], topic_id: FromPath[str]) -> Answer[TopicData]:
        caller = await callers.identify(request, app_id)
        return success(topic_data(await topics.leave(caller, parse_topic_id(topic_id))))

    @documented(
        PAGE,
        "Remove members",
        text="For the owner. Accounts that are not in the topic are passed over.",
        caller=Caller.USER,
        query=(Query("accounts", "Names separated by commas.", "dave,erin"),),
        data_example=TOPIC_EXAMPLE,
        errors=(Forbidden, MissingField, NoSuchTopic, NotAMember),
    )
    @delete(TOPIC + "/accounts", status_code=200)
    async def kick(request: ApiRequest, app_id: FromPath[str], topic_id: FromPath[str]) -> Answer[TopicData]:
        accounts = [name for value in query_values(request, "accounts") for name in split_accounts(value)]
        caller = await callers.identify(request, app_id)
        return success(topic_data(await topics.kick(caller, parse_topic_id(topic_id), accounts)))

    @documented(
        PAGE,
        "Change a topic or hand it over",
        text="For the owner. What is absent stays as it is; the new owner must be a member.",
        caller=Caller.USER,
        body=UpdateRequest,
        body_example={"topicName": "tea", "bulletin": ""},
        data_example=TOPIC_EXAMPLE,
        errors=(Forbidden, MissingField, NoSuchTopic, NotAMember),
    )
    @put(TOPIC)
    async def update(request: ApiRequest, app_id: FromPath[str], topic_id: FromPath[str]) -> Answer[TopicData]:
        asked = await read_json(request, UpdateRequest)
        number = parse_topic_id(topic_id)
        if asked.topic_id is not None and str(asked.topic_id) != topic_id:
            raise BadRequest("topicId is not the topic of the path")
        owner_id = None if asked.owner_uuid in (None, "") else parse_user_id("ownerUuid", asked.owner_uuid)
        caller = await callers.identify(request, app_id)
        topic = await topics.update(
            caller,
            number,
            owner_account=asked.owner_account or None,
            owner_id=owner_id,
            name=asked.topic_name or None,
            bulletin=asked.bulletin,
            extra=asked.extra,
        )
        return success(topic_data(topic))

    @documented(
        PAGE,
        "Dismiss a topic",
        text="For the owner. Messages that already lie in inboxes are still delivered.",
        caller=Caller.USER,
        message="success!",
        errors=(Forbidden, NoSuchTopic, NotAMember),
    )
    @delete(TOPIC, status_code=200)
    async def dismiss(request: ApiRequest, app_id: FromPath[str], topic_id: FromPath[str]) -> Answer[None]:
        caller = await callers.identify(request, app_id)
        await topics.dismiss(caller, parse_topic_id(topic_id))
        # The original's text, with its exclamation mark.
        return success(None, "success!")

    return [create, show, list_mine, invite, leave, kick, update, dismiss]
