"""Every error of this package.

    ImError
    ├── LocalProtocolError        our bug: something was sent that the state does not allow
    ├── RemoteProtocolError       the peer's fault: close the connection
    │   ├── BadMagic              the first bytes are no MIMC packet
    │   ├── BadVersion            a framing version this transport does not have
    │   ├── PacketTooBig          a length over the limit was announced; nothing was buffered
    │   ├── BadChecksum           the Adler-32 at the end does not fit
    │   ├── BadPacket             lengths or types inside a packet contradict each other
    │   └── BadPayload            a header or payload is not the protobuf message it should be
    ├── DomainError               a rule refuses; ``code`` is stable, nothing was changed
    │   ├── BadRequest        400 the request is malformed
    │   ├── Unauthenticated   401 no credentials were given
    │   ├── Forbidden         403 the caller may not do this
    │   │   ├── NotAMember        not a member of the topic or unlimited group
    │   │   ├── Muted             may not talk in the unlimited group for now
    │   │   └── ForeignApp        another app's account or topic
    │   ├── NoSuchTopic       404
    │   ├── SenderBlocked     405 the recipient has the sender on their blacklist
    │   ├── TooBig            413 a named limit of size was passed
    │   ├── MissingField      422 a required field is absent
    │   ├── RateLimited       429
    │   ├── UnknownApp        441
    │   ├── WrongAppKey       442
    │   ├── WrongAppSecret    443
    │   ├── InvalidToken      444 unknown, revoked or wrongly signed
    │   ├── TokenExpired      445
    │   ├── AccountBanned     446
    │   ├── TooManyConnections 447
    │   ├── TopicFull         448
    │   ├── OwnerMayNotLeave  500 the answer the original gives, text included
    │   └── OperatorError         told in the console and by commands, never by the API
    │       ├── BadOperatorName   400 no name for an operator
    │       ├── BadPassword       400 no password for an operator
    │       ├── NameTaken         400 there is an operator of this name
    │       ├── NoSuchOperator    404 there is none of this name
    │       ├── NoSuchAccount     404 users are not told who exists; operators are
    │       ├── NotSignedIn       401 no session, or one that has ended
    │       ├── SignInRefused     403 the operator's name or password is wrong
    │       ├── WrongSetupCode    403 not the code of this start, or there is an operator already
    │       └── TooManyAttempts   429 to sign in; says how long to wait
    └── Unavailable           503 the outcome is unknown or the server is too busy: repeat

Codes are for programs, texts for people; both may reach a peer, so neither holds anything secret.
"""

from __future__ import annotations

from typing import ClassVar


class ImError(Exception):
    """Any error this package raises on purpose."""


class LocalProtocolError(ImError):
    """We tried to send what the connection's state does not allow."""


class RemoteProtocolError(ImError):
    """The peer broke the protocol; the connection cannot go on."""

    reason: ClassVar[str] = "protocol_error"


class BadMagic(RemoteProtocolError):
    """The first bytes are no MIMC packet."""

    reason = "bad_magic"


class BadVersion(RemoteProtocolError):
    """The packet has a framing version that this transport does not speak."""

    reason = "bad_version"


class PacketTooBig(RemoteProtocolError):
    """A length above the limit was announced; nothing of it was buffered."""

    reason = "packet_too_big"

    def __init__(self, announced_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{announced_bytes} bytes announced, {limit_bytes} allowed")
        self.announced_bytes = announced_bytes
        self.limit_bytes = limit_bytes


class BadChecksum(RemoteProtocolError):
    """The Adler-32 at the packet's end does not fit its bytes."""

    reason = "bad_checksum"


class BadPacket(RemoteProtocolError):
    """Lengths or types inside a packet contradict each other."""

    reason = "bad_packet"


class BadPayload(RemoteProtocolError):
    """A header or payload does not parse as the message it should be."""

    reason = "bad_payload"


class DomainError(ImError):
    """A rule refuses the request; nothing was changed.

    Attributes:
        code: Stable number for programs: ``code`` of a REST answer and of a packet ack.
        text: English sentence for people.
    """

    code: ClassVar[int] = 400
    default_text: ClassVar[str] = "refused"

    def __init__(self, text: str = "") -> None:
        self.text = text or self.default_text
        super().__init__(self.text)


class BadRequest(DomainError):
    """The request is malformed."""

    code = 400
    default_text = "bad request"


class Unauthenticated(DomainError):
    """No credentials were given."""

    code = 401
    default_text = "no token, and no app key, secret and account"


class Forbidden(DomainError):
    """The caller may not do this."""

    code = 403
    default_text = "not allowed"


class NotAMember(Forbidden):
    """The caller is not a member of the topic or unlimited group."""

    default_text = "not a member of this topic"


class Muted(Forbidden):
    """The group's owner lets the member not talk for now."""

    default_text = "muted in this group"


class ForeignApp(Forbidden):
    """The account or topic named belongs to another app."""

    default_text = "addressed to another app"


class NoSuchTopic(DomainError):
    """There is no topic of this id in the caller's app."""

    code = 404
    default_text = "no such topic"


class SenderBlocked(DomainError):
    """The recipient has the sender on their blacklist."""

    code = 405
    default_text = "blocked by the recipient"


class TooBig(DomainError):
    """A named limit of size was passed."""

    code = 413
    default_text = "too big"


class MissingField(DomainError):
    """A required field is absent or empty."""

    code = 422

    def __init__(self, field: str) -> None:
        super().__init__(f"missing field: {field}")
        self.field = field


class RateLimited(DomainError):
    """More requests than the app's limits allow."""

    code = 429
    default_text = "too many requests"


class UnknownApp(DomainError):
    """There is no app of this id."""

    code = 441
    default_text = "unknown app"


class WrongAppKey(DomainError):
    """The app key is not this app's."""

    code = 442
    default_text = "wrong app key"


class WrongAppSecret(DomainError):
    """The app secret is not this app's."""

    code = 443
    default_text = "wrong app secret"


class InvalidToken(DomainError):
    """The token is unknown, revoked or wrongly signed; a new one helps."""

    code = 444
    default_text = "invalid token"


class TokenExpired(DomainError):
    """The token was good once; a new one helps."""

    code = 445
    default_text = "token expired"


class AccountBanned(DomainError):
    """The account may not use the server; a new token does not help."""

    code = 446
    default_text = "account banned"


class TooManyConnections(DomainError):
    """The user has as many connections as the app's ``userMaxConnections`` allows."""

    code = 447
    default_text = "too many connections of this user"


class TopicFull(DomainError):
    """The topic would get more members than the app's ``topicMemberCount``."""

    code = 448
    default_text = "topic is full"


class OwnerMayNotLeave(DomainError):
    """The owner tried to leave; code and text are the ones the original answers.

    Source: operation manual, "Topic member leave topic".
    """

    code = 500
    default_text = "quit topic fail"


class OperatorError(DomainError):
    """A rule for those who run the server refuses; users and apps are never told."""


class BadOperatorName(OperatorError):
    """The text is no name for an operator."""

    code = 400
    default_text = "an operator's name has 1 to 64 characters, no blanks around it and no control characters"


class BadPassword(OperatorError):
    """The text is no password for an operator."""

    code = 400
    default_text = "a password has 10 to 1,000 characters"


class NameTaken(OperatorError):
    """There is an operator of this name already."""

    code = 400
    default_text = "there is an operator of this name already"


class NoSuchOperator(OperatorError):
    """There is no operator of this name."""

    code = 404
    default_text = "there is no operator of this name"


class NoSuchAccount(OperatorError):
    """The app has no account of this name. Users are not told who exists; operators are."""

    code = 404
    default_text = "no such account"


class NotSignedIn(OperatorError):
    """There is no such session of an operator, or it has ended."""

    code = 401
    default_text = "not signed in"


class SignInRefused(OperatorError):
    """The name or the password of an operator is wrong; which one is not said."""

    code = 403
    default_text = "wrong name or password"


class WrongSetupCode(OperatorError):
    """It is not the code that this start of the server printed, or there is an operator already."""

    code = 403
    default_text = "the set-up code is wrong or was used"


class TooManyAttempts(OperatorError):
    """Somebody guesses passwords.

    Attributes:
        retry_after_s: How long until the next attempt is let through.
    """

    code = 429
    default_text = "too many attempts"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many attempts; wait {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Unavailable(ImError):
    """Not done, or not known to be done: repeat later, with the same packet id."""

    code: ClassVar[int] = 503
    text: ClassVar[str] = "temporarily unavailable, repeat"
