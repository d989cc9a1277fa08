"""``openmimc topic`` and ``openmimc group``: an app's ordinary and its unlimited groups."""

from __future__ import annotations

from typing import Annotated

import typer

from openmimc.app.toolbox import Toolbox
from openmimc.cli.apps import with_toolbox
from openmimc.cli.output import print_json, print_table
from openmimc.cli.places import DEFAULT_DATA_DIR, AppArgument, DataDirOption, JsonOption
from openmimc.model.group import Group
from openmimc.model.ids import TopicId
from openmimc.model.topic import Topic

PAGE_MAX = 200
"""Most topics or groups that one listing gives."""

AfterOption = Annotated[int, typer.Option("--after", metavar="ID", min=0, help="Go on beyond this id.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=PAGE_MAX, help="Show at most N.")]

topics_command = typer.Typer(help="See an app's topics, its ordinary groups.", no_args_is_help=True)
groups_command = typer.Typer(help="See an app's unlimited groups.", no_args_is_help=True)


@topics_command.callback()
@groups_command.callback()
def _group() -> None:
    """Without this, a group of one command would be that command."""


@topics_command.command("list")
def list_topics(
    app_id: AppArgument,
    after: AfterOption = 0,
    limit: LimitOption = PAGE_MAX,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """List an app's topics by id. Their members are told by the REST API, to those who are in them."""

    async def read(tools: Toolbox) -> tuple[tuple[Topic, int], ...]:
        await tools.apps.get_app(app_id)
        return await tools.store.list_topics(app_id, after=TopicId(after), limit=limit + 1)

    found = with_toolbox(data_dir, read)
    rows = [_row(topic.topic_id, topic.name, topic.owner.account, members) for topic, members in found[:limit]]
    _show(rows, has_more=len(found) > limit, as_json=as_json, empty="The app has no topics.")


@groups_command.command("list")
def list_groups(
    app_id: AppArgument,
    after: AfterOption = 0,
    limit: LimitOption = PAGE_MAX,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """List an app's unlimited groups by id."""

    async def read(tools: Toolbox) -> tuple[Group, ...]:
        await tools.apps.get_app(app_id)
        return await tools.store.list_groups(app_id, after=TopicId(after), limit=limit + 1)

    found = with_toolbox(data_dir, read)
    rows = [
        _row(group.group_id, group.name, group.owner_account, group.member_count) for group in found[:limit]
    ]
    _show(rows, has_more=len(found) > limit, as_json=as_json, empty="The app has no unlimited groups.")


def _row(topic_id: TopicId, name: str, owner: str, members: int) -> dict[str, object]:
    return {"topicId": str(topic_id), "topicName": name, "ownerAccount": owner, "memberNum": members}


def _show(rows: list[dict[str, object]], *, has_more: bool, as_json: bool, empty: str) -> None:
    if as_json:
        print_json(rows)
        return
    print_table(("ID", "NAME", "OWNER", "MEMBERS"), [tuple(row.values()) for row in rows], empty=empty)
    if has_more:
        typer.echo(f"There are more: --after {rows[-1]['topicId']}", err=True)
