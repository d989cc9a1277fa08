"""Operators: who may use the console, and their sessions.

The first operator is made by whoever has the set-up code of the running server; all others by an operator on
the machine. A session is a random token in one browser; stored is its SHA-256 alone, so that a copy of the
store signs nobody in.

Source: RFC 9106 (Argon2), NIST SP 800-63B (what to ask of passwords).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets

from msgspec import Struct

from openmimc.domain.attempts import Attempts
from openmimc.domain.passwords import Argon2, Hasher, Passwords, normalized
from openmimc.domain.ports import Clock, OperatorStore
from openmimc.errors import (
    BadOperatorName,
    NameTaken,
    NoSuchOperator,
    NotSignedIn,
    SignInRefused,
    TooManyAttempts,
    WrongSetupCode,
)
from openmimc.model.operator import Operator, OperatorSession

NAME_MAX_CHARACTERS = 64
SESSION_MS = 12 * 3600 * 1000
"""A working day; then the password is asked for again."""
TOKEN_BYTES = 32
SETUP_CODE_BYTES = 20
"""As a text of 27 characters: short enough to be typed, far too many to be guessed."""

PEER_BURST = 10
NAME_BURST = 20
"""More than from one peer, so that somebody with one address can not keep an operator out."""
ATTEMPT_EVERY_MS = 30_000
"""After the burst. A name can then be tried about a million times a year, which is nothing to a password."""

_IPV6_SITE_BITS = 64
"""Whoever has one address of IPv6 has all those that share so many bits with it."""


class SignIn(Struct, frozen=True):
    """A fresh session.

    Attributes:
        token: Secret; whoever shows it is the operator until ``expires_ms``.
    """

    name: str
    token: str
    expires_ms: int


class SignedIn(Struct, frozen=True):
    """Whose session a token is.

    Attributes:
        csrf: What the session's forms carry to prove that they are ours; see ``csrf_of``.
    """

    name: str
    csrf: str


class Operators:
    """All operators of the server.

    Args:
        hasher: For passwords; Argon2 when None.
    """

    def __init__(self, store: OperatorStore, clock: Clock, *, hasher: Hasher | None = None) -> None:
        self._store = store
        self._clock = clock
        self._passwords = Passwords(hasher or Argon2())
        self._by_peer = Attempts(burst=PEER_BURST, interval_ms=ATTEMPT_EVERY_MS)
        self._by_name = Attempts(burst=NAME_BURST, interval_ms=ATTEMPT_EVERY_MS)
        self._setup_code: bytes | None = None

    # ------------------------------------------------------------------ the first one

    async def needs_setup(self) -> bool:
        """Whether there is no operator yet."""
        return not await self._store.list_operators()

    def new_setup_code(self) -> str:
        """Make the code that lets its bearer become the first operator; the one made before is void.

        It is kept in memory alone, and void as soon as it has been used or there is an operator.
        """
        code = secrets.token_urlsafe(SETUP_CODE_BYTES)
        self._setup_code = code.encode()
        return code

    async def set_up(self, code: str, name: str, password: str) -> SignIn:
        """Make the first operator and sign them in.

        Raises:
            WrongSetupCode: The code is not the one, or has been used, or there is an operator.
            BadOperatorName, BadPassword: Choose others; the code is still good.
        """
        given = code.strip().encode(errors="replace")
        if self._setup_code is None or not hmac.compare_digest(self._setup_code, given):
            raise WrongSetupCode
        operator = await self._make(name, password)
        is_first = await self._store.create_first_operator(operator)
        self._setup_code = None
        if not is_first:
            raise WrongSetupCode
        return await self._begin_session(operator)

    # ------------------------------------------------------------------ sessions

    async def sign_in(self, name: str, password: str, *, peer: str) -> SignIn:
        """Begin a session.

        A name that nobody has costs as much time as one with a wrong password. Attempts are counted by name and
        by peer, and a successful one does not count.

        Args:
            name: As typed.
            password: As typed.
            peer: Address of the client.

        Raises:
            SignInRefused: Name or password is wrong.
            TooManyAttempts: Of this peer or for this name; the password was not looked at.
        """
        name = normalized(name)
        keys = (self._by_peer, site_of(peer)), (self._by_name, name)
        self._count(*keys)
        operator = await self._prove(name, password)
        for attempts, key in keys:
            attempts.give_back(key)
        return await self._begin_session(operator)

    async def check(self, token: str) -> SignedIn:
        """Whose session this is.

        Raises:
            NotSignedIn: Nobody's, or it has ended.
        """
        session = await self._store.find_operator_session(_hash_of(token))
        if session is None or self._clock.now_ms() >= session.expires_ms:
            raise NotSignedIn
        return SignedIn(session.operator, csrf_of(token))

    async def sign_out(self, token: str) -> None:
        """End one session; harmless if there is none."""
        await self._store.delete_operator_sessions(token_hash=_hash_of(token))

    async def sign_out_everywhere(self, name: str) -> None:
        """End all sessions of an operator."""
        await self._store.delete_operator_sessions(operator=normalized(name))

    async def change_password(self, name: str, old: str, new: str) -> SignIn:
        """Replace an operator's password by another; all their sessions end, and a new one begins.

        Raises:
            SignInRefused: The old password is wrong, or there is no such operator.
            BadPassword: The new one will not do.
            TooManyAttempts: Somebody guesses the old one.
        """
        name = normalized(name)
        self._count((self._by_name, name))
        await self._prove(name, old)
        self._by_name.give_back(name)
        return await self._begin_session(await self.set_password(name, new))

    # ------------------------------------------------------------------ by whoever has the machine

    async def create(self, name: str, password: str) -> Operator:
        """Make an operator.

        Raises:
            BadOperatorName, BadPassword, NameTaken: Choose others.
        """
        operator = await self._make(name, password)
        if await self._store.find_operator(operator.name) is not None:
            raise NameTaken
        await self._store.save_operator(operator)
        return operator

    async def set_password(self, name: str, password: str) -> Operator:
        """Give an operator another password, and end all their sessions.

        Raises:
            NoSuchOperator: There is none of this name.
            BadPassword: The password will not do.
        """
        before = await self._store.find_operator(normalized(name))
        if before is None:
            raise NoSuchOperator
        operator = Operator(before.name, await self._passwords.hash(password), before.created_ms)
        await self._store.save_operator(operator)
        return operator

    async def remove(self, name: str) -> None:
        """Remove an operator; their sessions end.

        Raises:
            NoSuchOperator: There is none of this name.
        """
        if not await self._store.delete_operator(normalized(name)):
            raise NoSuchOperator

    async def list(self) -> tuple[Operator, ...]:
        """All of them, oldest first."""
        return await self._store.list_operators()

    # ------------------------------------------------------------------ inside

    async def _make(self, name: str, password: str) -> Operator:
        name = normalized(name)
        check_operator_name(name)
        return Operator(name, await self._passwords.hash(password), self._clock.now_ms())

    async def _prove(self, name: str, password: str) -> Operator:
        """Whose name and password these are; raises SignInRefused, after as much work, if they are nobody's."""
        operator = await self._store.find_operator(name)
        is_right = await self._passwords.is_right(operator.password_hash if operator else None, password)
        if operator is None or not is_right:
            raise SignInRefused
        return operator

    async def _begin_session(self, operator: Operator) -> SignIn:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now_ms = self._clock.now_ms()
        session = OperatorSession(_hash_of(token), operator.name, now_ms, now_ms + SESSION_MS)
        await self._store.save_operator_session(session)
        # While the password was looked at, another may have been set, or the operator removed. That ended the
        # sessions that there were then; this one ends here.
        if await self._store.find_operator(operator.name) != operator:
            await self._store.delete_operator_sessions(token_hash=session.token_hash)
            raise SignInRefused
        return SignIn(operator.name, token, session.expires_ms)

    def _count(self, *keys: tuple[Attempts, str]) -> None:
        now_ms = self._clock.now_ms()
        for attempts, key in keys:
            if wait_ms := attempts.take(key, now_ms):
                raise TooManyAttempts(-(-wait_ms // 1000))


def check_operator_name(name: str) -> None:
    """Check that a text may be an operator's name.

    Raises:
        BadOperatorName: It is empty or too long, has blanks around it, or signs that can not be seen.
    """
    if not (0 < len(name) <= NAME_MAX_CHARACTERS and name.isprintable() and name == name.strip()):
        raise BadOperatorName


def csrf_of(token: str) -> str:
    """What a form carries to prove that it was made for the bearer of a cookie.

    It follows from the cookie's value, which no other site can read, and gives nothing of it away.
    """
    return hmac.digest(token.encode(errors="replace"), b"openmimc csrf", "sha256").hex()


def site_of(peer: str) -> str:
    """The peers that are counted together: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, _IPV6_SITE_BITS), strict=False))


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
