"""The token service's answer, made for an operator who needs no app secret."""

from __future__ import annotations

from typing import Any

import msgspec

from openmimc.app.build import frontend_name
from openmimc.app.config import Config, Secret
from openmimc.app.data_dir import DataDir
from openmimc.app.toolbox import Toolbox
from openmimc.domain.auth import Auth
from openmimc.model.ids import AppId
from openmimc.rest.answers import success
from openmimc.rest.tokens import token_data


async def make_token_answer(
    tools: Toolbox, data_dir: DataDir, server_key: Secret | None, app_id: AppId, account: str
) -> dict[str, Any]:
    """Answer as ``POST /api/account/token`` of the server that runs on the directory would.

    Args:
        tools: The directory's store.
        data_dir: Holds the server's key.
        server_key: The server's key where it comes from the environment.
        app_id: The account's app.
        account: Created if need be.

    Returns:
        JSON values; see the protocol reference, 2.1, for the shape.

    Raises:
        ConfigError: The server's key is not usable.
        UnknownApp: There is no such app.
        MissingField, TooBig, BadRequest, AccountBanned: As ``Auth.mint_token``.
    """
    auth = Auth(tools.apps, tools.store, data_dir.server_key(server_key), tools.clock)
    grant = await auth.mint_token(await tools.apps.get_app(app_id), account)
    server = data_dir.find_server()
    fe_domain = server.fe_domain if server else frontend_name(Config())
    answer: dict[str, Any] = msgspec.to_builtins(success(token_data(grant, fe_domain)))
    return answer
