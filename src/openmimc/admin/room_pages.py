"""Topics and unlimited groups of an app."""

from __future__ import annotations

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from openmimc.admin.desk import Desk, Visit
from openmimc.domain.apps import Apps
from openmimc.domain.ports import GroupStore, TopicStore
from openmimc.model.ids import TopicId

TOPICS = "/console/apps/{app_id:str}/topics"
GROUPS = "/console/apps/{app_id:str}/groups"

ROOMS_PER_PAGE = 50


def room_pages(desk: Desk, apps: Apps, topics: TopicStore, groups: GroupStore) -> list[HTTPRouteHandler]:
    """The pages of this module."""

    async def list_topics(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        after = visit.query_number("after")
        found = await topics.list_topics(app.app_id, after=TopicId(after), limit=ROOMS_PER_PAGE + 1)
        shown = found[:ROOMS_PER_PAGE]
        return visit.render(
            "topics.html",
            app=app,
            tab="topics",
            topics=shown,
            first_page="?" if after else "",
            next_page=f"?after={shown[-1][0].topic_id}" if len(found) > len(shown) else "",
        )

    async def list_groups(visit: Visit) -> Response[str]:
        app = await apps.get_app(visit.app_id)
        after = visit.query_number("after")
        found = await groups.list_groups(app.app_id, after=TopicId(after), limit=ROOMS_PER_PAGE + 1)
        shown = found[:ROOMS_PER_PAGE]
        return visit.render(
            "groups.html",
            app=app,
            tab="groups",
            groups=shown,
            first_page="?" if after else "",
            next_page=f"?after={shown[-1].group_id}" if len(found) > len(shown) else "",
        )

    return [desk.page(TOPICS, list_topics), desk.page(GROUPS, list_groups)]
