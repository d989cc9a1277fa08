"""Turns templates into answers: language, escaping, and headers that bind the browser.

Every template gets, beside what its page passes: ``_`` and ``n_`` (texts, see ``openmimc.admin.texts``),
``lang``, ``languages`` (name and address of each), ``asset`` (address of a static file), ``path``, ``version``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType
from markupsafe import Markup

from openmimc import __version__
from openmimc.admin.texts import COOKIE, LANGUAGES, Translator, choose_language, translator_of

PageRequest: TypeAlias = Request[Any, Any, Any]

LANGUAGE_KEPT_S = 365 * 86_400

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of a page: nothing from elsewhere, and nothing inline, whatever it comes to hold."""


def page_headers(policy: str = PAGE_POLICY) -> dict[str, str]:
    """Headers of every page."""
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Vary": "Accept-Language, Cookie",
    }


class Pages:
    """Renders the templates of ``openmimc.admin``."""

    def __init__(self, asset: Callable[[str], str]) -> None:
        """Take what knows the addresses of static files, by their names below ``assets/``."""
        self._environment = Environment(
            loader=PackageLoader("openmimc.admin"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {"asset": asset, "version": __version__, "signed": None, "notices": ()}
        self._environment.filters |= {
            "bytes": _bytes,
            "clock": _clock,
            "day": _day,
            "grouped": _grouped,
            "lapse": _lapse,
            "uptime": _uptime,
            "when": _when,
        }

    @property
    def filters(self) -> Mapping[str, Callable[..., str]]:
        """What templates can do with numbers and times."""
        return self._environment.filters

    def render(
        self,
        request: PageRequest,
        template: str,
        *,
        status_code: int = 200,
        policy: str = PAGE_POLICY,
        **context: Any,
    ) -> Response[str]:
        """Answer with a page.

        Args:
            request: Decides on the language: ``?lang=``, which is then remembered in a cookie; the cookie;
                ``Accept-Language``.
            template: Its file in ``templates/``.
            status_code: Of the answer.
            policy: The page's Content-Security-Policy.
            context: What the template shows. Everything is escaped unless it is ``Markup``. ``signed`` is who
                is signed in, None for nobody; ``notices`` are shown above the page.
        """
        asked = request.query_params.get("lang")
        _ = translator_for(request)
        html = self._environment.get_template(template).render(
            _=_,
            n_=_.count,
            lang=_.language,
            languages=_addresses(request),
            path=request.scope["path"],
            **context,
        )
        is_choice = asked in LANGUAGES and request.cookies.get(COOKIE) != asked
        cookie = Cookie(COOKIE, value=asked, path="/", samesite="lax", httponly=True, max_age=LANGUAGE_KEPT_S)
        return Response(
            html,
            status_code=status_code,
            media_type=MediaType.HTML,
            headers=page_headers(policy),
            cookies=[cookie] if is_choice else [],
        )


def translator_for(request: PageRequest) -> Translator:
    """The texts in the language that a request is answered in."""
    return translator_of(
        choose_language(
            request.query_params.get("lang"),
            request.cookies.get(COOKIE),
            request.headers.get("accept-language", ""),
        )
    )


def _addresses(request: PageRequest) -> list[tuple[str, str, str]]:
    """Key, name and address of this page in each language."""
    query: bytes = request.scope["query_string"]
    others = [(key, value) for key, value in parse_qsl(query.decode("latin-1")) if key != "lang"]
    return [(key, name, "?" + urlencode([*others, ("lang", key)])) for key, name in LANGUAGES.items()]


def _at(timestamp_ms: int) -> datetime:
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)


def _time(timestamp_ms: int, shown: str) -> Markup:
    machine = _at(timestamp_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}">{}</time>').format(machine, shown)


def _when(timestamp_ms: int) -> Markup:
    """Date and time of day in UTC, to the second."""
    return _time(timestamp_ms, _at(timestamp_ms).strftime("%Y-%m-%d %H:%M:%S"))


def _clock(timestamp_ms: int) -> Markup:
    """Time of day in UTC, to the millisecond."""
    return _time(timestamp_ms, _at(timestamp_ms).strftime("%H:%M:%S.%f")[:-3])


def _day(timestamp_ms: int) -> Markup:
    """Date in UTC."""
    return _time(timestamp_ms, _at(timestamp_ms).strftime("%Y-%m-%d"))


def _grouped(number: float) -> str:
    """A number with its thousands set apart."""
    return f"{number:,}"


def _lapse(milliseconds: int) -> str:
    """A time span in the unit that suits it."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if milliseconds >= size:
            return f"{milliseconds / size:.1f} {unit}"
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds} ms"


def _uptime(seconds: int) -> str:
    """A time that something has run, in whole units, the two largest."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days:,} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _bytes(number: int) -> str:
    """A size in the unit that suits it."""
    size, units = float(number), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:,.1f} {units[0]}"
