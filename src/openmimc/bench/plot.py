"""A picture of a report: latencies by percentage, and rates over time, as SVG.

Written by hand: two line charts need no library of 50 MB. Works on a light and on a dark ground, and each line
has its label beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from msgspec import Struct

from openmimc.bench.orders import SLOT_NS
from openmimc.bench.results import Report, Result

WIDTH = 860
CHART_HEIGHT = 300
LEFT, RIGHT, TOP, BOTTOM = 74, 220, 44, 46
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#8c6d31")
"""Of Okabe and Ito, and two more: colour-blind people can tell them apart."""

NINES = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)
"""Percentages marked on the latency chart, where each step is as wide as the one before."""

STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:15px;font-weight:600}"
    ".grid{stroke:#8884;stroke-width:1}.line{fill:none;stroke-width:2;stroke-linejoin:round}"
    "rect{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#eee}rect{fill:#16181d}}"
)


class Series(Struct, frozen=True):
    """One line.

    Attributes:
        points: In chart units, by ascending x.
    """

    label: str
    points: list[tuple[float, float]]


class Axis(Struct, frozen=True):
    """One direction of a chart.

    Attributes:
        place: From a value to 0 ... 1.
        ticks: Marked values with their labels.
    """

    place: Callable[[float], float]
    ticks: list[tuple[float, str]]


def draw(report: Report) -> str:
    """Return an SVG document."""
    latencies = [series for result in report.results for series in _latency_series(result)]
    rates = [
        Series(_name(result), [(slot * SLOT_NS / 1e9, rate) for slot, rate in enumerate(result.rate_over_time)])
        for result in report.results
        if len(result.rate_over_time) > 1
    ]
    charts = []
    if latencies:
        charts.append(("Latency, ms, that so many percent do not exceed", latencies, _nines(), _log(latencies)))
    if rates:
        charts.append(("Units per second, over seconds of measuring", rates, _seconds(rates), _linear(rates)))
    height = max(1, len(charts)) * CHART_HEIGHT + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(_caption(report))}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}"/>',
    ]
    for index, (title, series, x_axis, y_axis) in enumerate(charts):
        parts += _chart(title, series, x_axis, y_axis, index * CHART_HEIGHT)
    parts.append(f'<text x="{LEFT}" y="{height - 10}">{escape(_caption(report))}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _chart(title: str, series: Sequence[Series], x_axis: Axis, y_axis: Axis, top: int) -> list[str]:
    width, height = WIDTH - LEFT - RIGHT, CHART_HEIGHT - TOP - BOTTOM
    floor = top + TOP + height

    def x_of(value: float) -> float:
        return LEFT + width * x_axis.place(value)

    def y_of(value: float) -> float:
        return floor - height * y_axis.place(value)

    parts = [f'<text class="title" x="{LEFT}" y="{top + 26}">{escape(title)}</text>']
    for value, label in y_axis.ticks:
        y = y_of(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>')
    for value, label in x_axis.ticks:
        x = x_of(value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top + TOP}" y2="{floor}"/>')
        parts.append(f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{escape(label)}</text>')
    for index, one in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        dashes = ("", "6 3", "2 3")[index // len(COLOURS) % 3]
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in one.points)
        look = f'stroke="{colour}" stroke-dasharray="{dashes}"'
        parts.append(f'<polyline class="line" {look} points="{points}"/>')
        y = top + TOP + 8 + index * 16
        x = LEFT + width + 12
        parts.append(f'<line class="line" {look} x1="{x}" x2="{x + 18}" y1="{y - 4}" y2="{y - 4}"/>')
        parts.append(f'<text x="{x + 24}" y="{y}">{escape(one.label)}</text>')
    return parts


def _latency_series(result: Result) -> list[Series]:
    kinds = (("ack", result.send_to_ack), ("receive", result.send_to_receive), ("answer", result.request))
    return [
        Series(f"{_name(result)}: {kind}", [(percent, ms) for percent, ms in latency.curve if percent < 100])
        for kind, latency in kinds
        if latency is not None
    ]


def _name(result: Result) -> str:
    in_flight = result.parameters.get("inFlight")
    return f"{result.scenario} x{in_flight}" if result.scenario == "p2p" else result.scenario


def _caption(report: Report) -> str:
    machine = report.machine
    program = f"OpenMIMC {machine.openmimc}, {machine.python}, {machine.codec} codec"
    return f"{program}, {machine.cores} x {machine.processor}"


def _nines() -> Axis:
    def place(percent: float) -> float:
        # 0, 90, 99, 99.9, 99.99 lie at equal distances.
        return min(1.0, -math.log10(max(1e-9, 1 - percent / 100)) / 4)

    return Axis(place, [(percent, f"{percent:g}") for percent in NINES])


def _log(series: Sequence[Series]) -> Axis:
    values = [y for one in series for _, y in one.points if y > 0]
    low = math.floor(math.log10(min(values, default=1)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=1))))

    def place(value: float) -> float:
        return max(0.0, (math.log10(max(value, 10.0**low)) - low) / (high - low))

    return Axis(place, [(10.0**power, f"{10.0**power:g}") for power in range(low, high + 1)])


def _linear(series: Sequence[Series]) -> Axis:
    return _from_zero(max(y for one in series for _, y in one.points))


def _seconds(series: Sequence[Series]) -> Axis:
    return _from_zero(max(x for one in series for x, _ in one.points))


def _from_zero(most: float) -> Axis:
    most = most or 1.0
    step = 10.0 ** math.floor(math.log10(most))
    step = next(step * part for part in (0.1, 0.2, 0.5, 1) if most / (step * part) <= 6 or part == 1)
    top = step * math.ceil(most / step)
    form = ",.0f" if top >= 10 else ",.4g"
    ticks = [step * index for index in range(round(top / step) + 1)]
    return Axis(lambda value: value / top, [(tick, format(tick, form)) for tick in ticks])
