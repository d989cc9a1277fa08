"""``/api/uctopic``: unlimited groups.

The group is named by the header ``topicId``, since no path names it; where headers are hard to send, the query
may do so. Joining and leaving are packets, not calls. No manual describes these paths: names and shapes are
what the SDKs and their demos send and read.

Source: protocol reference, 7.2, 7.3 and 9.9. ``GET /api/uctopic`` and ``/forbid`` are ours.
"""

from __future__ import annotations

from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType

from openmimc.domain.auth import Auth
from openmimc.domain.groups import Groups
from openmimc.errors import Forbidden, NoSuchTopic, NotAMember
from openmimc.model.app import App
from openmimc.model.group import Group, GroupMember
from openmimc.model.ids import TopicId, UserId
from openmimc.rest.answers import Answer, success
from openmimc.rest.callers import Callers
from openmimc.rest.documentation import Caller, Query, documented
from openmimc.rest.requests import (
    ApiRequest,
    Id,
    header_or_query,
    parse_number,
    parse_topic_id,
    parse_user_id,
    read_json,
    require,
    while_connected,
)

PATH = "/api/uctopic"

BATCH = 500
"""Members of one answer."""

HOLD_S = 20.0
"""How long an empty list is held back from the one SDK that asks for it until it is not empty, five times a
second. Well below its timeout of 100 s, and below what proxies between us allow a request to take."""

PAGE = "Unlimited groups"
EXAMPLE_ID = "8103265498034170"
GROUP_EXAMPLE = {
    "topicId": EXAMPLE_ID,
    "topicName": "stadium",
    "ownerId": "3312004879920128",
    "ownerAccount": "alice",
    "memberNum": 1,
}
GROUP = Query("topicId", "The group's id, in a header or in the query.", EXAMPLE_ID, or_header=True)


class CreateGroupRequest(Struct, frozen=True, rename="camel"):
    """A new unlimited group.

    Attributes:
        owner_uuid: One SDK sends it; if given, the caller's.
    """

    topic_name: str | None = None
    extra: str | None = None
    owner_uuid: Id | None = None


class ForbidRequest(Struct, frozen=True, rename="camel"):
    """Whom to mute, where, and for how long.

    Attributes:
        account: A member.
        forbid_until: UTC epoch seconds; 0 lifts it.
    """

    topic_id: Id | None = None
    account: str | None = None
    forbid_until: Id | None = None


class GroupData(Struct, frozen=True, rename="camel", kw_only=True):
    """An unlimited group.

    Attributes:
        extra: The app's own text; left out when unset.
        member_num: How many members there are.
    """

    topic_id: str
    topic_name: str
    owner_id: str
    owner_account: str
    extra: str | UnsetType = UNSET
    member_num: int


class GroupMemberData(Struct, frozen=True, rename="camel"):
    """A member of an unlimited group.

    Attributes:
        app_accout: The same as ``appAccount``: some clients read it by this name.
        forbid_until: UTC epoch seconds before which the member may not talk; left out when not muted.
    """

    app_id: str
    uuid: str
    app_account: str
    app_accout: str
    forbid_until: int | UnsetType = UNSET


class GroupMembersData(Struct, frozen=True, rename="camel"):
    """Some of an unlimited group's members, by ascending ``uuid``.

    Attributes:
        is_end: Whether there are none with a greater ``uuid``.
        member_num: How many members the group has in all.
    """

    members: list[GroupMemberData]
    is_end: bool
    member_num: int


class OnlineData(Struct, frozen=True, rename="camel"):
    """How many are there.

    Attributes:
        user_cnt: Members with a device that is logged in now.
    """

    topic_id: str
    user_cnt: int


def group_data(group: Group) -> GroupData:
    """Spell an unlimited group."""
    return GroupData(
        topic_id=str(group.group_id),
        topic_name=group.name,
        owner_id=str(group.owner_id),
        owner_account=group.owner_account,
        extra=group.extra or UNSET,
        member_num=group.member_count,
    )


def member_data(app: App, member: GroupMember) -> GroupMemberData:
    """Spell a member."""
    return GroupMemberData(
        app_id=str(app.app_id),
        uuid=str(member.user_id),
        app_account=member.account,
        app_accout=member.account,
        forbid_until=member.muted_until_s or UNSET,
    )


def group_pages(auth: Auth, groups: Groups) -> list[HTTPRouteHandler]:
    """The pages of unlimited groups.

    Requests are read to the end before callers are identified, because that may create an account.
    """
    callers = Callers(auth)

    @documented(
        PAGE,
        "Create an unlimited group",
        text="The caller becomes its owner and first member. Others join by their SDKs.",
        caller=Caller.USER_OF_APP,
        body=CreateGroupRequest,
        required=("topicName",),
        body_example={"topicName": "stadium"},
        data_example=GROUP_EXAMPLE,
        errors=(Forbidden,),
    )
    @post(PATH, status_code=200)
    async def create(request: ApiRequest) -> Answer[GroupData]:
        asked = await read_json(request, CreateGroupRequest)
        name = require("topicName", asked.topic_name)
        # 0 and "" stand for a number that the SDK does not know yet.
        owner_id = parse_user_id("ownerUuid", asked.owner_uuid) if asked.owner_uuid not in _NO_IDS else None
        caller = await callers.identify(request)
        if owner_id not in (None, caller.account.user_id):
            raise Forbidden("ownerUuid is not the caller")
        return success(group_data(await groups.create(caller, name=name, extra=asked.extra or "")))

    @documented(
        PAGE,
        "Show an unlimited group",
        text="For its members and its owner.",
        caller=Caller.USER_OF_APP,
        query=(GROUP,),
        data_example=GROUP_EXAMPLE,
        errors=(NoSuchTopic, NotAMember),
    )
    @get(PATH)
    async def show(request: ApiRequest) -> Answer[GroupData]:
        group_id = _group_id(request)
        caller = await callers.identify(request)
        return success(group_data(await groups.get(caller, group_id)))

    @documented(
        PAGE,
        "Dismiss an unlimited group",
        text="For the owner. Members who are logged in are told.",
        caller=Caller.USER_OF_APP,
        query=(GROUP,),
        errors=(Forbidden, NoSuchTopic),
    )
    @delete(PATH, status_code=200)
    async def dismiss(request: ApiRequest) -> Answer[None]:
        group_id = _group_id(request)
        caller = await callers.identify(request)
        await groups.dismiss(caller, group_id)
        return success(None)

    @documented(
        PAGE,
        "List the unlimited groups that the caller is in",
        text="Ids alone, in the order of joining. With a slash at the end of the path, an empty list is held "
        f"back for {HOLD_S:.0f} seconds or until the caller joins a group.",
        caller=Caller.USER_OF_APP,
        data_example=[EXAMPLE_ID],
    )
    @get(f"{PATH}/topics")
    async def list_mine(request: ApiRequest) -> Answer[list[str]]:
        caller = await callers.identify(request)
        if _has_trailing_slash(request):
            ids = await while_connected(request, groups.list_mine_later(caller, HOLD_S))
        else:
            ids = await groups.list_mine(caller)
        return success([str(group_id) for group_id in ids])

    @documented(
        PAGE,
        "List an unlimited group's members",
        text=f"For members and the owner; at most {BATCH}. To go on, ask with the last `uuid` until `isEnd`.",
        caller=Caller.USER_OF_APP,
        query=(
            GROUP,
            Query(
                "startUuid",
                "Members with a greater `uuid` are wanted; 0 for the first. In a header or in the query.",
                "0",
                or_header=True,
                is_required=False,
            ),
        ),
        data_example={
            "members": [
                {
                    "appId": "2882303761517620813",
                    "uuid": "3312004879920128",
                    "appAccount": "alice",
                    "appAccout": "alice",
                }
            ],
            "isEnd": True,
            "memberNum": 1,
        },
        errors=(NoSuchTopic, NotAMember),
    )
    @get(f"{PATH}/userlist")
    async def list_members(request: ApiRequest) -> Answer[GroupMembersData]:
        group_id = _group_id(request)
        after = UserId(parse_number("startUuid", header_or_query(request, "startUuid") or 0))
        caller = await callers.identify(request)
        group, members, is_end = await groups.members(caller, group_id, after=after, limit=BATCH)
        spelled = [member_data(caller.app, member) for member in members]
        return success(GroupMembersData(spelled, is_end, group.member_count))

    @documented(
        PAGE,
        "Count the members of an unlimited group who are online",
        text="For members and the owner.",
        caller=Caller.USER_OF_APP,
        query=(GROUP,),
        data_example={"topicId": EXAMPLE_ID, "userCnt": 1},
        errors=(NoSuchTopic, NotAMember),
    )
    @get(f"{PATH}/onlineinfo")
    async def count_online(request: ApiRequest) -> Answer[OnlineData]:
        group_id = _group_id(request)
        caller = await callers.identify(request)
        return success(OnlineData(str(group_id), await groups.count_online(caller, group_id)))

    @documented(
        PAGE,
        "Mute a member of an unlimited group",
        text="For the owner. Until that time the member's messages are refused (403); they still receive.",
        caller=Caller.USER_OF_APP,
        body=ForbidRequest,
        required=("topicId", "account", "forbidUntil"),
        body_example={"topicId": EXAMPLE_ID, "account": "bob", "forbidUntil": 1766007200},
        errors=(Forbidden, NoSuchTopic),
    )
    @post(f"{PATH}/forbid", status_code=200)
    async def forbid(request: ApiRequest) -> Answer[None]:
        asked = await read_json(request, ForbidRequest)
        group_id = parse_topic_id(require("topicId", asked.topic_id))
        account = require("account", asked.account)
        until_s = parse_number("forbidUntil", require("forbidUntil", asked.forbid_until))
        caller = await callers.identify(request)
        await groups.mute(caller, group_id, account=account, until_s=until_s)
        return success(None)

    return [create, show, dismiss, list_mine, list_members, count_online, forbid]


_NO_IDS = (None, "", 0, "0")


def _group_id(request: ApiRequest) -> TopicId:
    return parse_topic_id(require("topicId", header_or_query(request, "topicId")))


def _has_trailing_slash(request: ApiRequest) -> bool:
    # The path itself was tidied before it came here.
    return bool(request.scope["raw_path"].endswith(b"/"))
