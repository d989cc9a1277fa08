"""What the page after a deed is told: that it was done, and secrets that are shown this once.

Held in memory between the answer to a form and the page it leads to, so that a secret stands in no address, no
cookie and no page that can be loaded again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

KEPT_S = 300.0
"""How long a page may take to come; who comes later makes a new secret."""

MAX_WAITING = 1000


class Secret(Struct, frozen=True):
    """Something to be kept by whoever reads it.

    Attributes:
        label: What it is.
        value: The secret.
        advice: What to do with it.
    """

    label: str
    value: str
    advice: str


class Flash(Struct, frozen=True):
    """What one page shows once."""

    notices: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()


NOTHING = Flash()


class Flashes:
    """What waits to be shown, by session and page."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: OrderedDict[tuple[str, str], tuple[float, Flash]] = OrderedDict()

    def put(self, session: str, path: str, flash: Flash) -> None:
        """Have a page show something to a session, once; replaces what the page was to show."""
        self._forget_old()
        self._waiting[session, path] = (self._monotonic() + KEPT_S, flash)
        self._waiting.move_to_end((session, path))
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)

    def take(self, session: str, path: str) -> Flash:
        """What a page is to show to a session; nothing from then on."""
        self._forget_old()
        _, flash = self._waiting.pop((session, path), (0.0, NOTHING))
        return flash

    def _forget_old(self) -> None:
        now = self._monotonic()
        while self._waiting:
            key, (until, _) = next(iter(self._waiting.items()))
            if until > now:
                return
            del self._waiting[key]
