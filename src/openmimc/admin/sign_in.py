"""Pages of signing in and out: the first operator's set-up, the sign-in, one's password and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from openmimc.admin.forms import read_form
from openmimc.admin.guard import CONSOLE, LOGIN, Guard, safe_next
from openmimc.admin.render import PageRequest, Pages, translator_for
from openmimc.admin.texts import mark
from openmimc.domain.operators import Operators
from openmimc.domain.passwords import PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS
from openmimc.errors import (
    BadOperatorName,
    BadPassword,
    DomainError,
    SignInRefused,
    TooManyAttempts,
    WrongSetupCode,
)

SETUP = "/console/setup"
PASSWORD = "/console/password"  # noqa: S105 - a path
SIGN_OUT = "/console/sign-out"
SIGN_OUT_EVERYWHERE = "/console/sign-out-everywhere"

_SIGNED_OUT = {
    "here": mark("You are signed out."),
    "everywhere": mark("You are signed out in all browsers."),
}
_WORDS: Mapping[type[DomainError], str] = {
    BadOperatorName: mark("A name has 1 to 64 characters, without blanks around it."),
    BadPassword: mark("A password has {min} to {max} characters."),
    SignInRefused: mark("The name or the password is wrong."),
    TooManyAttempts: mark("Too many attempts. Wait {n} seconds and try again."),
    WrongSetupCode: mark(
        "This code is wrong, or it was used already. The newest one is in the server's output."
    ),
}
_DIFFERENT = mark("The two passwords are not the same.")
_OLD_WRONG = mark("This is not your password.")

log = structlog.get_logger(__name__)


def sign_in_pages(operators: Operators, guard: Guard, pages: Pages) -> list[HTTPRouteHandler]:
    """The pages."""

    def show(
        request: PageRequest,
        template: str,
        exc: DomainError | None = None,
        wrong: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response[str]:
        """A page without a session; ``wrong`` holds what is wrong, by field, "" for the whole form."""
        visit = guard.visit(request)
        response = pages.render(
            request,
            template,
            status_code=_status(exc, wrong),
            csrf=visit.csrf,
            wrong=wrong or {},
            min_characters=PASSWORD_MIN_CHARACTERS,
            max_characters=PASSWORD_MAX_CHARACTERS,
            **context,
        )
        response.set_cookie(visit.cookie)
        _tell_when(response, exc)
        return response

    @get(LOGIN, include_in_schema=False)
    async def show_login(request: PageRequest) -> Response[str] | Redirect:
        if await operators.needs_setup():
            return go(SETUP)
        goal = safe_next(request.query_params.get("next", ""))
        if await guard.find(request) is not None:
            return go(goal)
        words = _SIGNED_OUT.get(request.query_params.get("out", ""))
        notices = [translator_for(request)(words)] if words else []
        return show(request, "sign_in.html", name="", goal=goal, notices=notices)

    @post(LOGIN, include_in_schema=False, status_code=200)
    async def log_in(request: PageRequest) -> Response[str] | Redirect:
        form = await read_form(request)
        guard.check_visit(request, form)
        name, goal = form.get("name", ""), safe_next(form.get("next", ""))
        peer = guard.peers.address_of(request)
        try:
            sign_in = await operators.sign_in(name, form.get("password", ""), peer=peer)
        except (SignInRefused, TooManyAttempts) as exc:
            # Without the name: people type passwords into the wrong field.
            log.info("sign_in_refused", error=type(exc).__name__, peer=peer)
            wrong = {"": _words(request, exc)}
            return show(request, "sign_in.html", exc, wrong, name=name, goal=goal)
        # The session that was there, if any, is another one's now.
        await operators.sign_out(guard.session_of(request))
        log.info("signed_in", operator=sign_in.name, peer=peer)
        return go(goal, guard.session_cookie(request, sign_in))

    @get(SETUP, include_in_schema=False)
    async def show_setup(request: PageRequest) -> Response[str] | Redirect:
        if not await operators.needs_setup():
            return go(LOGIN)
        return show(request, "setup.html", name="", code="")

    @post(SETUP, include_in_schema=False, status_code=200)
    async def set_up(request: PageRequest) -> Response[str] | Redirect:
        form = await read_form(request)
        guard.check_visit(request, form)
        code, name, password = (form.get(field, "") for field in ("code", "name", "password"))
        peer = guard.peers.address_of(request)
        if password != form.get("again", ""):
            wrong = {"again": translator_for(request)(_DIFFERENT)}
            return show(request, "setup.html", None, wrong, name=name, code=code)
        try:
            sign_in = await operators.set_up(code, name, password)
        except (WrongSetupCode, BadOperatorName, BadPassword) as exc:
            if isinstance(exc, WrongSetupCode):
                log.warning("setup_refused", peer=peer)
                code = ""
            wrong = {_FIELDS[type(exc)]: _words(request, exc)}
            return show(request, "setup.html", exc, wrong, name=name, code=code)
        log.info("operator_set_up", operator=sign_in.name, peer=peer)
        return go(CONSOLE, guard.session_cookie(request, sign_in))

    @get(PASSWORD, include_in_schema=False)
    async def show_account(request: PageRequest) -> Response[str]:
        signed = await guard.require(request)
        is_changed = "changed" in request.query_params
        words = mark("Your password is changed. All your other sessions have ended.")
        notices = [translator_for(request)(words)] if is_changed else []
        return show(request, "password.html", signed=signed, notices=notices)

    @post(PASSWORD, include_in_schema=False, status_code=200)
    async def change_password(request: PageRequest) -> Response[str] | Redirect:
        signed = await guard.require(request)
        form = await read_form(request)
        guard.check_csrf(request, form)
        new = form.get("password", "")
        _ = translator_for(request)
        if new != form.get("again", ""):
            return show(request, "password.html", None, {"again": _(_DIFFERENT)}, signed=signed)
        try:
            sign_in = await operators.change_password(signed.name, form.get("old", ""), new)
        except SignInRefused as exc:
            log.info("password_not_changed", operator=signed.name, peer=guard.peers.address_of(request))
            return show(request, "password.html", exc, {"old": _(_OLD_WRONG)}, signed=signed)
        except (BadPassword, TooManyAttempts) as exc:
            wrong = {_FIELDS.get(type(exc), ""): _words(request, exc)}
            return show(request, "password.html", exc, wrong, signed=signed)
        log.info("password_changed", operator=signed.name, peer=guard.peers.address_of(request))
        return go(f"{PASSWORD}?changed", guard.session_cookie(request, sign_in))

    @post(SIGN_OUT, include_in_schema=False, status_code=200)
    async def sign_out(request: PageRequest) -> Redirect:
        signed = await guard.require(request)
        guard.check_csrf(request, await read_form(request))
        await operators.sign_out(guard.session_of(request))
        log.info("signed_out", operator=signed.name)
        return go(f"{LOGIN}?out=here", guard.session_cookie(request, None))

    @post(SIGN_OUT_EVERYWHERE, include_in_schema=False, status_code=200)
    async def sign_out_everywhere(request: PageRequest) -> Redirect:
        signed = await guard.require(request)
        guard.check_csrf(request, await read_form(request))
        await operators.sign_out_everywhere(signed.name)
        log.info("signed_out_everywhere", operator=signed.name)
        return go(f"{LOGIN}?out=everywhere", guard.session_cookie(request, None))

    return [
        *(show_login, log_in, show_setup, set_up, show_account, change_password),
        *(sign_out, sign_out_everywhere),
    ]


_FIELDS: Mapping[type[DomainError], str] = {
    WrongSetupCode: "code",
    BadOperatorName: "name",
    BadPassword: "password",
}


def go(location: str, *cookies: Cookie) -> Redirect:
    """Send the browser to another page, after a form as well."""
    headers = {"Cache-Control": "no-store"}
    return Redirect(location, status_code=303, cookies=list(cookies), headers=headers)


def _words(request: PageRequest, exc: DomainError) -> str:
    wait_s = exc.retry_after_s if isinstance(exc, TooManyAttempts) else 0
    return translator_for(request)(
        _WORDS[type(exc)], min=PASSWORD_MIN_CHARACTERS, max=f"{PASSWORD_MAX_CHARACTERS:,}", n=wait_s
    )


def _status(exc: DomainError | None, wrong: Mapping[str, str] | None) -> int:
    if exc is not None:
        return exc.code
    return 400 if wrong else 200


def _tell_when(response: Response[str], exc: DomainError | None) -> None:
    if isinstance(exc, TooManyAttempts):
        response.headers["Retry-After"] = str(exc.retry_after_s)
