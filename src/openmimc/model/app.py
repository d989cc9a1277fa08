"""Apps (tenants), their settings and accounts."""

from __future__ import annotations

from msgspec import Struct, field

from openmimc.model.ids import AppId, UserId


class AppSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator can set per app; names of the original's settings where it has them.

    Attributes:
        topicMemberCount: Most members of a topic, the owner included. 1 to 100000.
        msgStorageTime: Days that history is kept. 1 to 3650.
        inboxTime: Days that an undelivered message waits for a device. 1 to 3650.
        payloadMaxBytes: Largest payload of a message. 1 to 65536 bytes.
        tokenLifetime: Seconds that a token is good for. 60 to 31536000.
        copyToSender: Whether the sender's other devices get a copy.
        userMaxConnections: Most connections of one user at a time. 1 to 10000.
        instant_callback_url: Told of every message; "" for none.
        offline_callback_url: Told of messages that reached no device; "" for none.
        callback_secret: Signs callbacks. Made when an address is set and there is none.
        callbackOnPush: Whether pushes over REST cause instant callbacks; offline ones they always cause.
        enableContacts: Whether recent contacts can be asked for.
        contactExpireTime: Days after its last message that a contact stays recent. 1 to 3650.
        enableBlacklist: Whether users can block others.
        uuidTTL: Seconds after which an account is removed and its name is free; 0 for never.
        p2pMaxQps: One-to-one messages per second in the whole app, pushes included; 0 for no limit.
        p2tMaxQps: Topic messages per second in the whole app, pushes included; 0 for no limit.
        ucMaxQps: Messages to unlimited groups per second in the whole app, pushes included; 0 for no limit.
        offlineMsgMaxCount: With more messages waiting than this, a device whose SDK can fetch them itself is
            told so instead of being sent them; 0 for never.
    """

    topicMemberCount: int = 500
    msgStorageTime: int = 180
    inboxTime: int = 7
    payloadMaxBytes: int = 65_536
    tokenLifetime: int = 7 * 86_400
    copyToSender: bool = True
    userMaxConnections: int = 64
    instant_callback_url: str = ""
    offline_callback_url: str = ""
    callback_secret: str = ""
    callbackOnPush: bool = False
    enableContacts: bool = True
    contactExpireTime: int = 30
    enableBlacklist: bool = True
    uuidTTL: int = 0
    p2pMaxQps: int = 0
    p2tMaxQps: int = 0
    ucMaxQps: int = 0
    offlineMsgMaxCount: int = 0


class App(Struct, frozen=True):
    """One tenant.

    Attributes:
        key: Public half of the credentials, digits.
        secret_hash: SHA-256 of the secret; the secret itself is stored nowhere.
        key_generation: Grows when the secret is rotated; tokens of older generations are void.
        package: Reverse-domain name that is copied into every packet.
    """

    app_id: AppId
    name: str
    package: str
    key: str
    secret_hash: bytes
    key_generation: int
    created_ms: int
    settings: AppSettings = field(default_factory=AppSettings)


class Credentials(Struct, frozen=True):
    """What an app's own server proves itself with."""

    app_id: AppId
    key: str
    secret: str


class Account(Struct, frozen=True):
    """One user of one app.

    Attributes:
        name: The app's own user name, unique in the app: any text of 1 to 256 bytes of UTF-8.
        token_generation: Grows when the account's tokens are revoked.
        is_banned: Banned accounts can neither bind nor call the API; messages to them are kept.
    """

    app_id: AppId
    user_id: UserId
    name: str
    token_generation: int = 0
    is_banned: bool = False
