"""The Python SDK: log in as a user, send and receive, stay connected.

Speaks the same protocol as the other SDKs, through the same ``openmimc.wire`` as the server; of the server
itself it knows nothing.
"""

from openmimc.client.errors import (
    ClientError,
    ConnectionLost,
    Kicked,
    LoginRefused,
    LoginTimedOut,
    MessageRefused,
    NotAFormat,
    NotLoggedIn,
    SendTimedOut,
    TokenRefused,
    TokenUnavailable,
)
from openmimc.client.messages import Message, SendReceipt, Status
from openmimc.client.settings import Settings
from openmimc.client.user import MIMCUser

__all__ = [
    "ClientError",
    "ConnectionLost",
    "Kicked",
    "LoginRefused",
    "LoginTimedOut",
    "MIMCUser",
    "Message",
    "MessageRefused",
    "NotAFormat",
    "NotLoggedIn",
    "SendReceipt",
    "SendTimedOut",
    "Settings",
    "Status",
    "TokenRefused",
    "TokenUnavailable",
]
