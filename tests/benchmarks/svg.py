"""Two kinds of charts, as SVG that follows the reader's light or dark mode.

Each chart paints its own background, so its text is readable on any page. Each mark has a label, so that no
information depends on colour alone. The drawing is as wide as a phone's screen: on a screen of 390 pixels, the text has
nearly its full size.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 400
SHOWN_WIDTH = 520
"""Pixels of the picture where the page has room for it."""
LEFT, RIGHT = 136, 84
MARGIN = 16
ROW, GAP, LINE = 22, 34, 18
TITLE_CHARACTERS, CHARACTERS = 36, 52
"""The most that fit on a line."""
STYLE = """
svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --house: #0b63ce; --other: #8c959f; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #15181c; --ink: #e6edf3; --soft: #9aa4af; --line: #343b43; --house: #4c9aff; --other: #6e7781; }
}
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 16px; font-weight: 600; }
.soft { fill: var(--soft); }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.ground { fill: var(--ground); }
.grid { stroke: var(--line); }
.house { fill: var(--house); }
.other { fill: var(--other); }
.house-line { stroke: var(--house); stroke-width: 3; fill: none; }
.other-line { stroke: var(--other); stroke-width: 2; fill: none; }
"""


@dataclass(frozen=True)
class Chart:
    """The texts around the marks; ``house`` is the name that is highlighted."""

    title: str
    subtitle: str
    unit: str
    house: str

    def kind(self, name: str) -> str:
        return "house" if name.startswith(self.house) else "other"


def bars(chart: Chart, panels: Mapping[str, Mapping[str, float]]) -> str:
    """Panels of horizontal bars, each on a scale of its own, shortest first."""
    marks, y = [], 0
    for title, values in panels.items():
        y += GAP
        marks.append(text(MARGIN, y - 6, title, "soft"))
        most = max(values.values())
        for name, value in sorted(values.items(), key=lambda item: item[1]):
            length = max((WIDTH - LEFT - RIGHT) * value / most, 1)
            marks.append(text(LEFT - 8, y + 15, name, "end"))
            marks.append(f'<rect class="{chart.kind(name)}" x="{LEFT}" y="{y + 3}" width="{length:.1f}" height="16"/>')
            marks.append(text(LEFT + length + 6, y + 15, f"{number(value)} {chart.unit}", "soft"))
            y += ROW
    return document(chart, marks, y + 16)


def lines(chart: Chart, axis: str, series: Mapping[str, Mapping[float, float]]) -> str:
    """Lines over two logarithmic axes; each is named at its end."""
    left, right, top, bottom = MARGIN + 36, WIDTH - RIGHT, 20, 320
    places = sorted({place for points in series.values() for place in points})
    heights = ticks([value for points in series.values() for value in points.values()])

    def x(place: float) -> float:
        return left + portion(place, places) * (right - left)

    def y(value: float) -> float:
        return bottom - portion(value, heights) * (bottom - top)

    marks = [text(right, bottom + 40, axis, "soft end")]
    for height in heights:
        marks.append(f'<path class="grid" d="M{left} {y(height):.1f}H{right}"/>')
        marks.append(text(left - 8, y(height) + 4, number(height), "soft end"))
    marks += [text(x(place), bottom + 20, number(place), "soft middle") for place in places]
    lowest = bottom + 20.0
    for name, points in sorted(series.items(), key=lambda item: max(item[1].items())[1]):
        path = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in sorted(points.items()))
        marks.append(f'<polyline class="{chart.kind(name)}-line" points="{path}"/>')
        place, value = max(points.items())
        lowest = min(y(value) + 4, lowest - 16)  # names are one above the other
        marks.append(text(x(place) + 8, lowest, name))
    return document(chart, marks, bottom + 56)


def portion(value: float, scale: Sequence[float]) -> float:
    """Where on a logarithmic scale a value lies, from 0 to 1."""
    span = math.log(scale[-1] / scale[0])
    return math.log(value / scale[0]) / span if span else 0.5


def ticks(values: Sequence[float]) -> list[float]:
    """Round numbers around all values: 1, 2, 5, 10, 20 and so on."""
    exponents = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    steps = [factor * 10**exponent for exponent in exponents for factor in (1, 2, 5)]
    low = max(step for step in steps if step <= min(values))
    high = min(step for step in steps if step >= max(values))
    return [step for step in steps if low <= step <= high]


def document(chart: Chart, marks: Sequence[str], height: float) -> str:
    """A title, its subtitle, and the marks below, from their own zero on."""
    titles = textwrap.wrap(chart.title, TITLE_CHARACTERS)
    subtitles = textwrap.wrap(chart.subtitle, CHARACTERS)
    kinds = ["title"] * len(titles) + ["soft"] * len(subtitles)
    top = MARGIN + LINE * len(kinds)
    height += top
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
            f'width="{SHOWN_WIDTH}" height="{height * SHOWN_WIDTH / WIDTH:.0f}">',
            f"<title>{escape(chart.title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{height:.0f}" rx="8"/>',
            *(
                text(MARGIN, MARGIN + LINE * place - 4, words, kind)
                for place, (words, kind) in enumerate(zip([*titles, *subtitles], kinds, strict=True), 1)
            ),
            f'<g transform="translate(0 {top})">',
            *marks,
            "</g>",
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def number(value: float) -> str:
    """Return a value with three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
