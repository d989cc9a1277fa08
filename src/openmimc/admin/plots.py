"""Plots of counts over time: bars, stacked by kind, drawn as SVG without a script.

Places along the time axis are percentages and heights are pixels, so a plot fills whatever width it has and its
letters keep their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup
from msgspec import Struct

from openmimc.model.insight import HourCount
from openmimc.model.message import Kind

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

HEIGHT = 176
TOP = 18
BOTTOM = 22
"""Pixels of a plot: all, above the highest bar, and below the axis."""

FILL = 0.68
"""How much of its slot a bar takes."""

SHADES = {Kind.P2P: "k1", Kind.P2T: "k2", Kind.GROUP: "k3"}
"""Style class of each kind, from the axis upwards."""


class Slot(Struct, frozen=True):
    """One bar.

    Attributes:
        start_ms: When its span begins, UTC epoch milliseconds.
        label: Of that span, for people.
        tick: What stands below the axis here; "" for nothing.
        counts: Messages by kind; kinds without any may be missing.
    """

    start_ms: int
    label: str
    tick: str
    counts: dict[Kind, int]

    @property
    def total(self) -> int:
        """Messages of all kinds."""
        return sum(self.counts.values())


def fill_slots(counts: Iterable[HourCount], starts_ms: Sequence[int], span_ms: int) -> list[dict[Kind, int]]:
    """Sum counts up by spans of time.

    Args:
        counts: Of whatever hours; those outside all spans are left out.
        starts_ms: Beginnings of the spans, ascending and without gaps.
        span_ms: Length of each.

    Returns:
        For every span, messages by kind.
    """
    sums: list[dict[Kind, int]] = [{} for _ in starts_ms]
    for count in counts:
        place = (count.hour_ms - starts_ms[0]) // span_ms
        if 0 <= place < len(sums):
            sums[place][count.kind] = sums[place].get(count.kind, 0) + count.messages
    return sums


def last_spans(now_ms: int, span_ms: int, number: int) -> list[int]:
    """Beginnings of so many spans (hours or days of UTC), the last of which holds ``now_ms``."""
    last = now_ms - now_ms % span_ms
    return [last - span_ms * back for back in range(number - 1, -1, -1)]


def nice_ceiling(value: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ... from a value on, at least 4, so that an axis has round ends."""
    if value <= 4:
        return 4
    power = int(10 ** (len(str(value)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def draw_bars(slots: Sequence[Slot], names: dict[Kind, str], title: str) -> Markup:
    """Draw stacked bars.

    Args:
        slots: In the order of time, one at least.
        names: Of the kinds, for people.
        title: What the plot shows, for those who do not see it.
    """
    top = nice_ceiling(max(slot.total for slot in slots))
    room = HEIGHT - TOP - BOTTOM
    base = HEIGHT - BOTTOM
    axis = [Markup('<svg class="axis" aria-hidden="true" width="36" height="{}">').format(HEIGHT)]
    bars = [
        Markup('<svg class="bars" role="img" aria-label="{}" width="100%" height="{}">').format(title, HEIGHT)
    ]
    for share in (1.0, 0.5, 0.0):
        y = base - room * share
        axis.append(
            Markup('<text x="100%" y="{}" text-anchor="end">{}</text>').format(_px(y + 4), short(top * share))
        )
        style = "grid" if share else "base"
        bars.append(Markup('<line class="{0}" x1="0" x2="100%" y1="{1}" y2="{1}"/>').format(style, _px(y)))
    for place, slot in enumerate(slots):
        bars.append(_bar(slot, place, len(slots), names, top=top, room=room, base=base))
    return Markup("").join([*axis, Markup("</svg>"), *bars, Markup("</svg>")])


def short(number: float) -> str:
    """A round number in few characters: 500, 20k, 5M."""
    for unit, least, size in (("G", 10**9, 10**9), ("M", 10**6, 10**6), ("k", 10**4, 1000)):
        if number >= least:
            return f"{number / size:g}{unit}"
    return f"{number:,.0f}"


def _bar(
    slot: Slot, place: int, slots: int, names: dict[Kind, str], *, top: int, room: int, base: int
) -> Markup:
    width = 100 / slots
    left = place * width
    lines = [f"{names[kind]}: {slot.counts[kind]:,}" for kind in SHADES if slot.counts.get(kind)]
    parts = [
        Markup('<g class="bar"><title>{}</title>').format("\n".join([slot.label, *(lines or ["0"])])),
        Markup('<rect class="slot" x="{}%" width="{}%" y="{}" height="{}"/>').format(
            _px(left), _px(width), TOP, room
        ),
    ]
    y = float(base)
    for kind, shade in SHADES.items():
        if messages := slot.counts.get(kind, 0):
            # A single message among a million is still seen.
            height = max(1.5, room * messages / top)
            y -= height
            parts.append(
                Markup('<rect class="{}" x="{}%" width="{}%" y="{}" height="{}"/>').format(
                    shade, _px(left + width * (1 - FILL) / 2), _px(width * FILL), _px(y), _px(height)
                )
            )
    if slot.tick:
        # At either end the text keeps to the plot.
        x, anchor = left + width / 2, "middle"
        if place in (0, slots - 1):
            x, anchor = (0.0, "start") if place == 0 else (100.0, "end")
        parts.append(
            Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>').format(
                _px(x), HEIGHT - 6, anchor, slot.tick
            )
        )
    return Markup("").join([*parts, Markup("</g>")])


def _px(value: float) -> str:
    """A number without needless digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
