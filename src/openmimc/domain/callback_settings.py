"""Where an app's callbacks go and what signs them: which values will do."""

from __future__ import annotations

import secrets
from urllib.parse import SplitResult, urlsplit

import msgspec

from openmimc.errors import BadRequest
from openmimc.model.app import AppSettings

URL_MAX_BYTES = 2048
SECRET_MIN_CHARACTERS = 16
SECRET_MAX_CHARACTERS = 256
SECRET_BYTES = 32
"""Random bytes of a secret that is made here: as many as the signature's hash has."""


def check_callback_settings(settings: AppSettings) -> None:
    """Check the addresses and the secret of an app's callbacks; "" is always fine.

    Raises:
        BadRequest: One of them will not do. The text names the setting and never quotes its value.
    """
    for name in ("instant_callback_url", "offline_callback_url"):
        if url := getattr(settings, name):
            _check_url(name, url)
    secret = settings.callback_secret
    if secret and not SECRET_MIN_CHARACTERS <= len(secret) <= SECRET_MAX_CHARACTERS:
        raise BadRequest(
            f"callback_secret must have {SECRET_MIN_CHARACTERS} to {SECRET_MAX_CHARACTERS} characters"
        )
    if not _is_printable_ascii(secret):
        raise BadRequest("callback_secret may hold printable ASCII characters only")


def with_callback_secret(settings: AppSettings) -> AppSettings:
    """The settings with a secret, made now if callbacks need one and there is none."""
    has_address = settings.instant_callback_url or settings.offline_callback_url
    if settings.callback_secret or not has_address:
        return settings
    return msgspec.structs.replace(settings, callback_secret=secrets.token_urlsafe(SECRET_BYTES))


def _check_url(name: str, url: str) -> None:
    if len(url.encode()) > URL_MAX_BYTES:
        raise BadRequest(f"{name} is longer than {URL_MAX_BYTES} bytes")
    if not _is_printable_ascii(url):
        raise BadRequest(f"{name}: write blanks and letters beyond ASCII percent-encoded, hosts in punycode")
    parts = _split(name, url)
    if parts.scheme not in ("http", "https"):
        raise BadRequest(f"{name} must begin with http:// or https://")
    if not parts.hostname:
        raise BadRequest(f"{name} names no host")
    if "@" in parts.netloc:
        raise BadRequest(f"{name} may hold no user and password: callbacks are signed instead")
    if "#" in url:
        raise BadRequest(f"{name} may have no fragment")


def _split(name: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_port_good = parts.port != 0  # Reading it checks its range.
    except ValueError as exc:
        raise BadRequest(f"{name} is no URL") from exc
    if not is_port_good:
        raise BadRequest(f"{name} is no URL")
    return parts


def _is_printable_ascii(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)
