"""Who may use the console: session cookies, and proof that a form is ours.

A session is a random token in a cookie that scripts can not read, that other sites' pages do not send, and that
means nothing once the store has forgotten it. Every form carries a text that follows from the cookie (see
``domain.operators.csrf_of``). Where nobody is signed in yet, a cookie of a visit, which grants nothing, takes
the session's place: so nobody can be signed in as somebody else by a form of another site.

Three things speak against a form of another site, each of them enough: the cookie is not sent
(``SameSite=Strict``), the text in the form is missing, and the browser names where the form came from.

Source: RFC 6265bis (cookie prefixes, SameSite), W3C Fetch Metadata.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from litestar.datastructures import Cookie

from openmimc.admin.peers import Peers
from openmimc.admin.render import PageRequest
from openmimc.domain.operators import Operators, SignedIn, SignIn, csrf_of
from openmimc.errors import Forbidden, NotSignedIn

SESSION_COOKIE = "openmimc-console"
VISIT_COOKIE = "openmimc-visit"
HOST_PREFIX = "__Host-"
"""Browsers take such a cookie over TLS alone, and from this very host: no neighbour can plant one."""

CONSOLE = "/console"
LOGIN = "/console/login"
TOKEN_BYTES = 32


class SignInNeeded(NotSignedIn):
    """The page is for operators.

    Attributes:
        location: Where to sign in, and be led back from.
    """

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location


class ForeignForm(Forbidden):
    """The form is not one that we gave to this browser, or it is an old one."""

    default_text = "the form is old or not ours; go back, load the page again, and repeat"


class Visit:
    """A browser in which nobody is signed in.

    Attributes:
        csrf: For the forms.
        cookie: To be set with them.
    """

    __slots__ = ("cookie", "csrf")

    def __init__(self, token: str, cookie: Cookie) -> None:
        self.csrf = csrf_of(token)
        self.cookie = cookie


class Guard:
    """Decides who may see a page and whose form counts."""

    def __init__(self, operators: Operators, peers: Peers) -> None:
        self._operators = operators
        self.peers = peers

    async def require(self, request: PageRequest) -> SignedIn:
        """Who is signed in.

        Raises:
            SignInNeeded: Nobody; the pages' error handler leads to the sign-in.
        """
        signed = await self.find(request)
        if signed is None:
            raise SignInNeeded(_login_for(request))
        return signed

    async def find(self, request: PageRequest) -> SignedIn | None:
        """Who is signed in; None for nobody."""
        token = self.session_of(request)
        if not token:
            return None
        try:
            return await self._operators.check(token)
        except NotSignedIn:
            return None

    def check_csrf(self, request: PageRequest, form: Mapping[str, Any]) -> None:
        """Check that a form was made for the session that sends it.

        Call it in every handler that changes anything, after ``require``.

        Raises:
            ForeignForm: It was not.
        """
        self._check_form(request, form, self.session_of(request))

    # ------------------------------------------------------------------ for the pages before the sign-in

    def visit(self, request: PageRequest) -> Visit:
        """The visit that a form without a session belongs to, begun now if need be."""
        token = self._cookie(request, VISIT_COOKIE) or secrets.token_urlsafe(TOKEN_BYTES)
        return Visit(token, self._make(request, VISIT_COOKIE, token))

    def check_visit(self, request: PageRequest, form: Mapping[str, Any]) -> None:
        """As ``check_csrf``, for forms that need no session."""
        self._check_form(request, form, self._cookie(request, VISIT_COOKIE))

    # ------------------------------------------------------------------ cookies

    def session_of(self, request: PageRequest) -> str:
        """The token that a request shows, good or not; "" for none."""
        return self._cookie(request, SESSION_COOKIE)

    def session_cookie(self, request: PageRequest, sign_in: SignIn | None) -> Cookie:
        """The cookie that begins a session, or that ends it for None.

        It lives as long as the browser runs; how long it is good for is the server's business.
        """
        return self._make(request, SESSION_COOKIE, sign_in.token if sign_in else "")

    def _make(self, request: PageRequest, name: str, value: str) -> Cookie:
        is_secure = self.peers.is_secure(request)
        return Cookie(
            HOST_PREFIX + name if is_secure else name,
            value=value,
            path="/" if is_secure else CONSOLE,
            secure=is_secure,
            httponly=True,
            samesite="strict",
            max_age=None if value else 0,
        )

    def _cookie(self, request: PageRequest, name: str) -> str:
        # Over TLS the bare name is not looked at: that one could be planted by a neighbour.
        return request.cookies.get(HOST_PREFIX + name if self.peers.is_secure(request) else name, "")

    def _check_form(self, request: PageRequest, form: Mapping[str, Any], token: str) -> None:
        given = form.get("csrf")
        if not (token and isinstance(given, str)):
            raise ForeignForm
        if not hmac.compare_digest(csrf_of(token).encode(), given.encode(errors="replace")):
            raise ForeignForm
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            # Browsers tell this over TLS and on the machine itself.
            if site != "same-origin":
                raise ForeignForm
            return
        # Pages that send no referrer send the origin "null" with their forms.
        origin = request.headers.get("origin", "null")
        if origin != "null" and urlsplit(origin).netloc.lower() != self.peers.host_of(request):
            raise ForeignForm


def _login_for(request: PageRequest) -> str:
    if request.method != "GET":
        return LOGIN
    query: bytes = request.scope["query_string"]
    path = request.scope["path"] + (f"?{query.decode('latin-1')}" if query else "")
    return LOGIN if path == CONSOLE else f"{LOGIN}?next={quote(path, safe='/')}"


def safe_next(path: str) -> str:
    """Where to go after the sign-in: a page of the console, whatever an address asks for.

    >>> safe_next("//elsewhere.example/console")
    '/console'
    """
    is_ours = path.startswith(CONSOLE + "/") and not path.startswith(LOGIN)
    # Browsers take a backslash for a slash, and drop control characters.
    is_plain = path.isascii() and path.isprintable() and "\\" not in path and "//" not in path
    return path if is_ours and is_plain else CONSOLE
