"""Reading what forms send."""

from __future__ import annotations

from urllib.parse import parse_qsl

from litestar.exceptions import InternalServerException

from openmimc.admin.render import PageRequest
from openmimc.errors import BadRequest

FIELDS_MAX = 200
"""More fields than the largest form has."""


async def read_form(request: PageRequest) -> dict[str, str]:
    """The fields of a form, URL-encoded in UTF-8; of a field given twice the last one counts.

    Raises:
        BadRequest: It is no such form, or did not arrive.
        litestar.exceptions.http_exceptions.RequestEntityTooLarge: It is larger than the app takes.
    """
    try:
        body = await request.body()
    except InternalServerException as exc:
        # The one thing Litestar means by it while it reads: the client hung up.
        raise BadRequest("the form did not arrive") from exc
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError as exc:
        raise BadRequest("this is no form") from exc
    return dict(pairs)
