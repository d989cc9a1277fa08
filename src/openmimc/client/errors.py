"""What the SDK raises.

    ImError
    └── ClientError
        ├── NotLoggedIn         login() was not called, or the user was logged out since
        ├── ConnectionLost      the server cannot be reached, went silent or broke off
        ├── LoginRefused        the server refused the login; ``reason`` says why
        ├── LoginTimedOut       no login within the time given; ``__cause__`` is the last failure
        ├── TokenUnavailable    the token fetcher failed or gave something that is no token answer
        │   └── TokenRefused    the token service answered a code other than 200
        ├── Kicked              the server ended the session; ``reason`` says why
        ├── MessageRefused      the server refuses the message; ``code`` says why
        ├── SendTimedOut        no receipt in time: the outcome is unknown
        ├── GroupRefused        the server refuses what was asked of an unlimited group; ``code`` says why
        ├── GroupTimedOut       no answer to that in time: the outcome is unknown
        ├── ApiError            the API refuses a call of the app's server; ``code`` says why
        ├── UnexpectedAnswer    what answers a call is no messaging server
        └── NotAFormat          the payload is none of the recommended messages

None of them holds a token, a key or a payload.
"""

from __future__ import annotations

from openmimc.errors import ImError

KICKED_BY_SAME_RESOURCE = "single-resource-kick"
"""The same user logged in elsewhere with the same resource and asked to be alone (protocol reference, 5.8)."""

LOGGED_OUT = "logout"
"""The server's answer to a logout (protocol reference, 5.7)."""

TOKEN_REASONS = frozenset({"token-expired", "invalid-token"})
"""Reasons that a new token cures (protocol reference, 5.4)."""

BUSY_REASON = "unavailable"
"""The reason with which a server refuses a login that it cannot decide now."""

BUSY_CODES = frozenset({429, 503})
"""Codes that say: not now. Everything else stays refused however often it is repeated."""


class ClientError(ImError):
    """Any error that the SDK raises on purpose."""


class NotLoggedIn(ClientError):
    """There is no session: ``login()`` was not called, or the user was logged out since."""


class ConnectionLost(ClientError):
    """The server cannot be reached, went silent or broke off. The SDK connects again by itself."""


class LoginRefused(ClientError):
    """The server refused the login.

    Attributes:
        error_type: First word of the server, such as ``auto`` or ``cancel``.
        reason: Stable word for programs, such as ``invalid-token``.
        description: Sentence for people, possibly empty.
    """

    def __init__(self, error_type: str, reason: str, description: str = "") -> None:
        super().__init__(": ".join(part for part in (reason or error_type, description) if part))
        self.error_type = error_type
        self.reason = reason or error_type
        self.description = description

    @property
    def needs_token(self) -> bool:
        """Whether a new token may help."""
        return not TOKEN_REASONS.isdisjoint((self.error_type.lower(), self.reason.lower()))

    @property
    def is_temporary(self) -> bool:
        """Whether trying again later, with the same token, may help."""
        return self.reason.lower() == BUSY_REASON


class LoginTimedOut(ClientError):
    """The login did not succeed in the time given; ``__cause__`` is the last failure, if there was one."""


class TokenUnavailable(ClientError):
    """The token fetcher raised, or what it gave is no token answer for this user."""


class TokenRefused(TokenUnavailable):
    """The token service answered a code other than 200.

    Attributes:
        code: The service's code.
        text: The service's sentence.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    @property
    def is_temporary(self) -> bool:
        """Whether asking again later may help."""
        return self.code in BUSY_CODES or self.code >= 500


class Kicked(ClientError):
    """The server ended the session.

    Attributes:
        reason: Stable word for programs.
        description: Sentence for people, possibly empty.
    """

    def __init__(self, reason: str, description: str = "") -> None:
        super().__init__(": ".join(part for part in (reason, description) if part))
        self.reason = reason
        self.description = description

    @property
    def needs_token(self) -> bool:
        """Whether a new token may help."""
        return self.reason.lower() in TOKEN_REASONS

    @property
    def is_final(self) -> bool:
        """Whether coming back would only kick the other device in turn."""
        return self.reason.lower() == KICKED_BY_SAME_RESOURCE


class MessageRefused(ClientError):
    """The message was refused; it is stored nowhere.

    Attributes:
        packet_id: The message's.
        code: Stable number, the same as in REST answers.
        text: English sentence.
    """

    def __init__(self, packet_id: str, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.packet_id = packet_id
        self.code = code
        self.text = text

    @property
    def is_temporary(self) -> bool:
        """Whether sending it again later, with the same packet id, may succeed."""
        return self.code in BUSY_CODES


class SendTimedOut(ClientError):
    """No receipt came in time: the message may have been stored, or not.

    Sending it again with the same ``packet_id`` within 24 hours is safe: the server stores it once.
    """

    def __init__(self, packet_id: str, timeout_s: float) -> None:
        super().__init__(f"no receipt for {packet_id} within {timeout_s:g} s")
        self.packet_id = packet_id
        self.timeout_s = timeout_s


class GroupRefused(ClientError):
    """What was asked of an unlimited group was refused; nothing was changed.

    Attributes:
        group_id: The group.
        code: Stable number: 404 for no such group, 403 for what this user may not do.
        text: English sentence.
    """

    def __init__(self, group_id: int, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.group_id = group_id
        self.code = code
        self.text = text

    @property
    def is_temporary(self) -> bool:
        """Whether the same may succeed later. Here 500 says that as well (protocol reference, 10)."""
        return self.code in BUSY_CODES or self.code >= 500


class GroupTimedOut(ClientError):
    """No answer about an unlimited group came in time: it may have been done, or not.

    Asking again is safe: joining a group twice, or quitting it twice, is the same as once.
    """

    def __init__(self, group_id: int, timeout_s: float) -> None:
        super().__init__(f"no answer about group {group_id} within {timeout_s:g} s")
        self.group_id = group_id
        self.timeout_s = timeout_s


class ApiError(ClientError):
    """The API refuses a call; nothing was changed.

    Attributes:
        code: Stable number.
        text: English sentence.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    @property
    def is_temporary(self) -> bool:
        """Whether the same call may succeed later."""
        return self.code in BUSY_CODES


class UnexpectedAnswer(ClientError):
    """What answers a call is no messaging server, or something between refused it."""


class NotAFormat(ClientError):
    """The payload is none of the recommended messages."""
