"""What rules say when they refuse, in words for people and in their language."""

from __future__ import annotations

import re

from openmimc.admin.texts import Translator, mark
from openmimc.errors import BadRequest, DomainError, MissingField, NoSuchAccount, TooBig, UnknownApp

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"(?:\S+) is longer than (?P<limit>\d+) bytes", mark("This is longer than {limit} bytes.")),
        (r"\S+ must be from (?P<low>\d+) to (?P<high>\d+)", mark("Use a number from {low} to {high}.")),
        (r"\S+ contains U\+0000", mark("This contains a character that can not be stored (U+0000).")),
        (r"\S+ is no valid Unicode text", mark("This is no valid text.")),
        (r"there is an app (?P<id>\d+) already", mark("There is an app with this id already.")),
        (r"appSecret has less than (?P<n>\d+) characters", mark("Use at least {n} characters.")),
        (
            r"callback_secret must have (?P<low>\d+) to (?P<high>\d+) characters",
            mark("Use {low} to {high} characters."),
        ),
        (
            r"callback_secret may hold printable ASCII characters only",
            mark("Use only letters, digits and signs of ASCII, without blanks."),
        ),
        (
            r"\S+: write blanks and letters beyond ASCII percent-encoded, hosts in punycode",
            mark("Write blanks and letters beyond ASCII percent-encoded, and such hosts in punycode."),
        ),
        (r"\S+ must begin with http:// or https://", mark("Begin with http:// or https://.")),
        (r"\S+ names no host", mark("The address names no host.")),
        (
            r"\S+ may hold no user and password: callbacks are signed instead",
            mark("Leave out user and password: callbacks are signed instead."),
        ),
        (r"\S+ may have no fragment", mark("Leave out the part behind #.")),
        (r"\S+ is no URL", mark("This is no address.")),
        (r"\S+: Expected `int`.*", mark("Use a whole number.")),
    )
)


def explain(_: Translator, exc: DomainError) -> str:
    """One sentence for an operator; the rule's own English one where there is none of ours."""
    match exc:
        case UnknownApp():
            return _("There is no such app. It may have been deleted.")
        case NoSuchAccount():
            return _("There is no such account. It may have been removed.")
        case MissingField():
            return _("Fill this in.")
        case BadRequest() | TooBig():
            for pattern, text in _PATTERNS:
                if found := pattern.fullmatch(exc.text):
                    return _(text, **found.groupdict())
    return exc.text
