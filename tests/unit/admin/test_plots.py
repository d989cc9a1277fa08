from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmimc.admin.plots import (
    DAY_MS,
    HEIGHT,
    HOUR_MS,
    Slot,
    draw_bars,
    fill_slots,
    last_spans,
    nice_ceiling,
    short,
)
from openmimc.model.insight import HourCount
from openmimc.model.message import Kind

NAMES = {Kind.P2P: "One-to-one", Kind.P2T: "Topics", Kind.GROUP: "Groups"}
NOW_MS = 1_766_003_600_123

counts = st.dictionaries(st.sampled_from(Kind), st.integers(0, 10**9))


def slot(tick: str = "", **by_kind: int) -> Slot:
    return Slot(0, "09:00", tick, {Kind[name]: number for name, number in by_kind.items()})


def parse(slots: list[Slot]) -> list[ElementTree.Element]:
    """The drawing's axis and bars."""
    return list(ElementTree.fromstring(f"<figure>{draw_bars(slots, NAMES, 'Messages')}</figure>"))  # noqa: S314


def bars_of(slots: list[Slot], kind: str) -> list[ElementTree.Element]:
    return [rect for rect in parse(slots)[1].iter("rect") if rect.get("class") == kind]


def test_the_last_span_holds_now_and_the_others_come_before_it() -> None:
    spans = last_spans(NOW_MS, HOUR_MS, 24)

    assert len(spans) == 24
    assert spans[-1] <= NOW_MS < spans[-1] + HOUR_MS
    assert {after - before for before, after in pairwise(spans)} == {HOUR_MS}
    assert all(start % HOUR_MS == 0 for start in spans)


def test_hours_are_summed_up_by_day_and_kind() -> None:
    days = [0, DAY_MS]

    sums = fill_slots(
        [
            HourCount(0, Kind.P2P, 1),
            HourCount(23 * HOUR_MS, Kind.P2P, 2),
            HourCount(24 * HOUR_MS, Kind.P2P, 4),
            HourCount(25 * HOUR_MS, Kind.GROUP, 8),
        ],
        days,
        DAY_MS,
    )

    assert sums == [{Kind.P2P: 3}, {Kind.P2P: 4, Kind.GROUP: 8}]


@pytest.mark.parametrize("hour_ms", [-HOUR_MS, 2 * HOUR_MS])
def test_hours_outside_of_the_plot_are_left_out(hour_ms: int) -> None:
    assert fill_slots([HourCount(hour_ms, Kind.P2P, 1)], [0, HOUR_MS], HOUR_MS) == [{}, {}]


@pytest.mark.parametrize(
    ("value", "ceiling"),
    [(0, 4), (4, 4), (5, 5), (6, 10), (10, 10), (11, 20), (21, 50), (99, 100), (100, 100), (2001, 5000)],
)
def test_the_axis_ends_at_a_round_number(value: int, ceiling: int) -> None:
    assert nice_ceiling(value) == ceiling


@given(st.integers(0, 10**12))
def test_no_bar_is_higher_than_the_axis(value: int) -> None:
    assert value <= nice_ceiling(value) <= max(4, value * 3)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (500, "500"), (5000, "5,000"), (20_000, "20k"), (500_000, "500k"), (10**6, "1M"), (5e9, "5G")],
)
def test_numbers_at_the_axis_are_short(number: float, text: str) -> None:
    assert short(number) == text


def test_heights_are_in_proportion() -> None:
    small, large = (float(bar.get("height", "")) for bar in bars_of([slot(P2P=20), slot(P2P=100)], "k1"))

    assert large == pytest.approx(5 * small)


def test_kinds_stand_on_one_another() -> None:
    slots = [slot(P2P=30, P2T=50, GROUP=20)]

    low, middle, high = (bars_of(slots, kind)[0] for kind in ("k1", "k2", "k3"))

    assert float(low.get("y", "")) == pytest.approx(
        float(middle.get("y", "")) + float(middle.get("height", ""))
    )
    assert float(middle.get("y", "")) == pytest.approx(float(high.get("y", "")) + float(high.get("height", "")))


def test_a_single_message_among_a_million_is_seen() -> None:
    (bar,) = bars_of([slot(P2P=1), slot(P2T=1_000_000)], "k1")

    assert float(bar.get("height", "")) >= 1


def test_a_bar_says_its_numbers() -> None:
    (title,) = (element.text for element in parse([slot(P2P=1234, GROUP=5)])[1].iter("title"))

    assert title == "09:00\nOne-to-one: 1,234\nGroups: 5"


def test_no_messages_are_a_plot_as_well() -> None:
    axis, bars = parse([slot(), slot()])

    assert [text.text for text in axis] == ["4", "2", "0"]
    assert [bar for bar in bars.iter("rect") if bar.get("class") != "slot"] == []


def test_texts_at_the_ends_keep_to_the_plot() -> None:
    texts = parse([slot(tick="a"), slot(tick="b"), slot(tick="c")])[1].iter("text")

    assert [(text.text, text.get("text-anchor")) for text in texts] == [
        ("a", "start"),
        ("b", "middle"),
        ("c", "end"),
    ]


@given(st.lists(counts, min_size=1, max_size=31), st.text())
def test_whatever_is_drawn_is_well_formed_and_keeps_to_its_height(
    many: list[dict[Kind, int]], label: str
) -> None:
    printable = re.sub(r"[^\x20-\ud7ff\ue000-\ufffd]", "", label)
    slots = [Slot(place, printable, printable, each) for place, each in enumerate(many)]

    _, bars = parse(slots)

    for rect in bars.iter("rect"):
        top, height = float(rect.get("y", "")), float(rect.get("height", ""))
        # Three smallest bars on top of a full one pass the axis by a hair.
        assert top >= 10
        assert top + height <= HEIGHT
