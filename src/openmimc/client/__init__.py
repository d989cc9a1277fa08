"""The Python SDK: log in as a user, send and receive, stay connected; or call the API as an app's server.

Speaks the same protocol as the other SDKs, through the same ``openmimc.wire`` as the server; of the server
itself it knows nothing.
"""

from openmimc.client.app_results import (
    Contact,
    GroupConversation,
    HistoryMessage,
    LastMessage,
    PushReceipt,
    Topic,
    TopicInfo,
    TopicMember,
    UnlimitedGroup,
    UnlimitedGroupMember,
)
from openmimc.client.app_server import AppServer
from openmimc.client.errors import (
    ApiError,
    ClientError,
    ConnectionLost,
    GroupRefused,
    GroupTimedOut,
    Kicked,
    LoginRefused,
    LoginTimedOut,
    MessageRefused,
    NotAFormat,
    NotLoggedIn,
    SendTimedOut,
    TokenRefused,
    TokenUnavailable,
    UnexpectedAnswer,
)
from openmimc.client.messages import GroupMessage, Message, OnlineMessage, OnlineReceipt, SendReceipt, Status
from openmimc.client.settings import Settings
from openmimc.client.user import MIMCUser

__all__ = [
    "ApiError",
    "AppServer",
    "ClientError",
    "ConnectionLost",
    "Contact",
    "GroupConversation",
    "GroupMessage",
    "GroupRefused",
    "GroupTimedOut",
    "HistoryMessage",
    "Kicked",
    "LastMessage",
    "LoginRefused",
    "LoginTimedOut",
    "MIMCUser",
    "Message",
    "MessageRefused",
    "NotAFormat",
    "NotLoggedIn",
    "OnlineMessage",
    "OnlineReceipt",
    "PushReceipt",
    "SendReceipt",
    "SendTimedOut",
    "Settings",
    "Status",
    "TokenRefused",
    "TokenUnavailable",
    "Topic",
    "TopicInfo",
    "TopicMember",
    "UnexpectedAnswer",
    "UnlimitedGroup",
    "UnlimitedGroupMember",
]
