"""What may be a name: accounts, resources, topic names and the like.

U+0000 is refused everywhere because not every database can hold it.
"""

from __future__ import annotations

from openmimc.errors import BadRequest, MissingField, TooBig

ACCOUNT_MAX_BYTES = 256
RESOURCE_MAX_BYTES = 128
TOPIC_NAME_MAX_BYTES = 512
BULLETIN_MAX_BYTES = 10_240
EXTRA_MAX_BYTES = 10_240
"""The original's limit for a topic's extra text; the bulletin's is ours, alike."""
PACKET_ID_MAX_BYTES = 256
BIZ_TYPE_MAX_BYTES = 1024


def check_text(field: str, value: str, *, max_bytes: int, may_be_empty: bool = False) -> None:
    """Check one text of a request.

    Args:
        field: Its name in the request, for the error's text.
        value: Any text.
        max_bytes: Most bytes of UTF-8.
        may_be_empty: Whether "" is fine.

    Raises:
        MissingField: It is empty and may not be.
        TooBig: It is longer than ``max_bytes``.
        BadRequest: It holds U+0000, or half a surrogate pair.
    """
    if not value:
        if may_be_empty:
            return
        raise MissingField(field)
    try:
        size = len(value.encode())
    except UnicodeEncodeError as exc:
        raise BadRequest(f"{field} is no valid Unicode text") from exc
    if size > max_bytes:
        raise TooBig(f"{field} is longer than {max_bytes} bytes")
    if "\0" in value:
        raise BadRequest(f"{field} contains U+0000")


def check_account(value: str, field: str = "appAccount") -> None:
    """Check an account name; raises as ``check_text``."""
    check_text(field, value, max_bytes=ACCOUNT_MAX_BYTES)


def check_resource(value: str) -> None:
    """Check a device's name; raises as ``check_text``."""
    check_text("resource", value, max_bytes=RESOURCE_MAX_BYTES)
