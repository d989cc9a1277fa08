"""Apps: making them, knowing them, checking their credentials.

All apps are held in memory. Other processes may change them on the same store at any time, so whoever decides
on credentials or tokens refreshes first; that is one small read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import msgspec

from openmimc.domain.callback_settings import check_callback_settings, with_callback_secret
from openmimc.domain.names import check_text
from openmimc.domain.ports import AppStore, Clock
from openmimc.errors import BadRequest, MissingField, UnknownApp, WrongAppKey, WrongAppSecret
from openmimc.model.app import App, AppSettings, Credentials
from openmimc.model.ids import AppId

NAME_MAX_BYTES = 128
PACKAGE_MAX_BYTES = 128
KEY_MAX_BYTES = 64
SECRET_BYTES = 16
SECRET_MIN_CHARACTERS = 16
SECRET_MAX_BYTES = 256

SETTING_RANGES: Mapping[str, tuple[int, int]] = {
    "topicMemberCount": (1, 100_000),
    "msgStorageTime": (1, 3650),
    "inboxTime": (1, 3650),
    "payloadMaxBytes": (1, 65_536),
    "tokenLifetime": (60, 31_536_000),
    "userMaxConnections": (1, 10_000),
    "contactExpireTime": (1, 3650),
    "uuidTTL": (0, 315_360_000),
    "p2pMaxQps": (0, 1_000_000),
    "p2tMaxQps": (0, 1_000_000),
    "ucMaxQps": (0, 1_000_000),
    "offlineMsgMaxCount": (0, 1_000_000),
}
"""Smallest and greatest value of each numeric setting; units are in ``AppSettings``."""


def hash_secret(app_id: AppId, secret: str) -> bytes:
    """What is stored of a secret.

    A plain SHA-256 suffices: secrets are 128 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(f"{app_id}:{secret}".encode()).digest()


class Apps:
    """All apps of the server."""

    def __init__(self, store: AppStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._apps: dict[AppId, App] = {}
        self._version: int | None = None

    @property
    def version(self) -> int | None:
        """The store's version of what is in memory, another one after any change; None before a refresh."""
        return self._version

    async def refresh(self) -> bool:
        """Learn of changes by other processes.

        Returns:
            Whether anything had changed.
        """
        snapshot = await self._store.load_apps(self._version)
        if snapshot is None:
            return False
        self._version = snapshot.version
        self._apps = {app.app_id: app for app in snapshot.apps}
        return True

    def find(self, app_id: AppId) -> App | None:
        """The app as of the last refresh, or None."""
        return self._apps.get(app_id)

    async def get_app(self, app_id: AppId) -> App:
        """The app as it is now.

        Raises:
            UnknownApp: There is none.
        """
        await self.refresh()
        app = self._apps.get(app_id)
        if app is None:
            raise UnknownApp
        return app

    async def list_apps(self) -> list[App]:
        """All apps as they are now, oldest first."""
        await self.refresh()
        return sorted(self._apps.values(), key=lambda app: (app.created_ms, app.app_id))

    async def create_app(
        self, name: str, package: str = "", *, credentials: Credentials | None = None
    ) -> tuple[App, str]:
        """Make an app.

        Args:
            name: For people; need not be unique.
            package: Reverse-domain name; made from the id when empty.
            credentials: Those that the app has from another server, so that its clients and its own server
                need no change; new ones are made when None.

        Returns:
            The app and its secret, which can not be had again.

        Raises:
            MissingField, TooBig, BadRequest: Name, package or credentials can not be used, or the id is taken.
        """
        check_text("name", name, max_bytes=NAME_MAX_BYTES)
        check_text("package", package, max_bytes=PACKAGE_MAX_BYTES, may_be_empty=True)
        await self.refresh()
        if credentials is None:
            credentials = Credentials(self._new_app_id(), _new_key(), _new_secret())
        else:
            _check_credentials(credentials)
            if credentials.app_id in self._apps:
                raise BadRequest(f"there is an app {credentials.app_id} already")
        app_id, secret = credentials.app_id, credentials.secret
        app = App(
            app_id=app_id,
            name=name,
            package=package or f"app.{app_id}",
            key=credentials.key,
            secret_hash=hash_secret(app_id, secret),
            key_generation=1,
            created_ms=self._clock.now_ms(),
        )
        await self._store.save_app(app)
        await self.refresh()
        return app, secret

    async def change_settings(self, app_id: AppId, changes: Mapping[str, str]) -> App:
        """Set settings by name from their texts; all or none are set.

        Where a callback's address is set and there is no ``callback_secret``, one is made.

        Raises:
            UnknownApp: There is no such app.
            BadRequest: A name is no setting's, or a value is not of its type or range.
        """
        app = await self.get_app(app_id)
        settings = with_callback_secret(parse_settings(app.settings, changes))
        app = msgspec.structs.replace(app, settings=settings)
        await self._store.save_app(app)
        await self.refresh()
        return app

    async def rotate_secret(self, app_id: AppId) -> tuple[App, str]:
        """Give the app a new secret; the old one and all tokens are void at once.

        Raises:
            UnknownApp: There is no such app.
        """
        app = await self.get_app(app_id)
        secret = _new_secret()
        app = msgspec.structs.replace(
            app, secret_hash=hash_secret(app_id, secret), key_generation=app.key_generation + 1
        )
        await self._store.save_app(app)
        await self.refresh()
        return app, secret

    async def delete_app(self, app_id: AppId) -> None:
        """Remove the app and, bit by bit, everything in it.

        Raises:
            UnknownApp: There is no such app.
        """
        if not await self._store.delete_app(app_id):
            raise UnknownApp
        await self.refresh()

    async def check_credentials(self, app_id: AppId, key: str, secret: str) -> App:
        """Check what an app's server shows to prove itself.

        Raises:
            UnknownApp, WrongAppKey, WrongAppSecret: The first that does not fit. All comparisons take the
                same time whatever the difference.
        """
        if not key:
            raise MissingField("appKey")
        if not secret:
            raise MissingField("appSecret")
        app = await self.get_app(app_id)
        is_key_right = hmac.compare_digest(app.key.encode(), key.encode(errors="replace"))
        offered = hash_secret(app_id, secret.encode(errors="replace").decode())
        is_secret_right = hmac.compare_digest(app.secret_hash, offered)
        if not is_key_right:
            raise WrongAppKey
        if not is_secret_right:
            raise WrongAppSecret
        return app

    def _new_app_id(self) -> AppId:
        # 19 digits, below 2**63: the shape of the original's ids.
        while True:
            app_id = AppId(2_000_000_000_000_000_000 + secrets.randbelow(7_000_000_000_000_000_000))
            if app_id not in self._apps:
                return app_id


def parse_settings(settings: AppSettings, changes: Mapping[str, str]) -> AppSettings:
    """Return ``settings`` with some of them set from texts.

    Raises:
        BadRequest: A name is no setting's, or a value is not of its type or range.
    """
    known = {field.name: field.type for field in msgspec.structs.fields(AppSettings)}
    values: dict[str, object] = {}
    for name, text in changes.items():
        if name not in known:
            raise BadRequest(f"no setting is named {name}; there are {', '.join(known)}")
        try:
            value = msgspec.convert(text, known[name], strict=False)
        except msgspec.ValidationError as exc:
            raise BadRequest(f"{name}: {exc}") from exc
        if name in SETTING_RANGES:
            low, high = SETTING_RANGES[name]
            if not low <= value <= high:
                raise BadRequest(f"{name} must be from {low} to {high}")
        values[name] = value
    changed = msgspec.structs.replace(settings, **values)
    check_callback_settings(changed)
    return changed


def _check_credentials(credentials: Credentials) -> None:
    """Check what somebody brought along."""
    if not 0 < credentials.app_id < 2**63:
        raise BadRequest("appId must be from 1 to 9223372036854775807")
    check_text("appKey", credentials.key, max_bytes=KEY_MAX_BYTES)
    check_text("appSecret", credentials.secret, max_bytes=SECRET_MAX_BYTES)
    # A plain hash is no protection for a secret that can be guessed.
    if len(credentials.secret) < SECRET_MIN_CHARACTERS:
        raise BadRequest(f"appSecret has less than {SECRET_MIN_CHARACTERS} characters")


def _new_key() -> str:
    return str(5_000_000_000_000 + secrets.randbelow(5_000_000_000_000))


def _new_secret() -> str:
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
