from __future__ import annotations

from xml.etree import ElementTree

from openmimc.bench.plot import draw
from tests.unit.bench.reports import report_of, result_of

SVG = "{http://www.w3.org/2000/svg}"


def parse(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - our own text


def points_of(line: ElementTree.Element) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]  # type: ignore[misc] # Pairs.


def test_every_latency_and_every_rate_is_a_line_with_a_label() -> None:
    picture = parse(draw(report_of(result_of("p2p"), result_of("login", send_to_ack=None))))

    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert len(list(picture.iter(f"{SVG}polyline"))) == 3
    assert [texts.count(label) for label in ("p2p x1: ack", "p2p x1", "login")] == [1, 1, 1]


def test_a_latency_only_rises_and_stays_inside_the_picture() -> None:
    picture = parse(draw(report_of(result_of("p2p", rate_over_time=[]))))
    _, _, width, height = map(float, picture.attrib["viewBox"].split())

    (line,) = picture.iter(f"{SVG}polyline")

    points = points_of(line)
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))
    assert all(0 < x < width and 0 < y < height for x, y in points)
    assert points[-1][1] < points[0][1]


def test_rates_stand_at_their_height_between_zero_and_the_top_tick() -> None:
    picture = parse(draw(report_of(result_of("p2p", send_to_ack=None, rate_over_time=[0.0, 500.0, 1000.0]))))

    (line,) = picture.iter(f"{SVG}polyline")

    low, middle, high = (y for _, y in points_of(line))
    assert abs((low + high) / 2 - middle) < 0.2
    assert low > high


def test_names_from_outside_cannot_break_the_picture() -> None:
    picture = parse(draw(report_of(result_of("p2p"))))

    assert any("Fast & <Furious>" in (text.text or "") for text in picture.iter(f"{SVG}text"))


def test_a_report_without_figures_is_an_empty_picture() -> None:
    picture = parse(draw(report_of(result_of("idle", send_to_ack=None, rate_over_time=[]))))

    assert not list(picture.iter(f"{SVG}polyline"))
