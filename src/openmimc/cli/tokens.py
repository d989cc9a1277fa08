"""``openmimc token``: a token without the app's secret, for the operator of the server."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from openmimc.app.toolbox import Toolbox
from openmimc.cli.apps import with_toolbox
from openmimc.cli.output import print_json
from openmimc.cli.places import (
    DEFAULT_DATA_DIR,
    AppArgument,
    DataDirOption,
    JsonOption,
    data_dir_at,
    server_key_given,
)


def print_token(
    app_id: AppArgument,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The app's own name of the user.")],
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    as_json: JsonOption = False,
) -> None:
    """Make a token for one user of an app; the user is created if need be.

    Without --json the token alone is printed, for the HTTP header "token".
    With --json: what the token service answers, for an SDK's token fetcher.
    """
    from openmimc.app.token_answer import make_token_answer  # Here, so that other commands start faster.

    async def mint(tools: Toolbox) -> dict[str, Any]:
        return await make_token_answer(tools, data_dir_at(data_dir), server_key_given(), app_id, account)

    answer = with_toolbox(data_dir, mint)
    if as_json:
        print_json(answer)
    else:
        typer.echo(answer["data"]["token"])
