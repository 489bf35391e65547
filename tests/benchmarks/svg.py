"""Two kinds of charts, as SVG that follows the reader's light or dark mode.

Each paints its own ground: whatever page it lies on, its text can be read. All text is plain, and named beside its
mark, so that nothing depends on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
LEFT, RIGHT = 150, 90
ROW, GAP, TOP = 22, 34, 58
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
    """What a reader is told around the marks; ``house`` is the name that stands out."""

    title: str
    subtitle: str
    unit: str
    house: str

    def kind(self, name: str) -> str:
        return "house" if name.startswith(self.house) else "other"


def bars(chart: Chart, panels: Mapping[str, Mapping[str, float]]) -> str:
    """Panels of horizontal bars, each on a scale of its own, shortest first."""
    marks, y = [], TOP
    for title, values in panels.items():
        y += GAP
        marks.append(text(LEFT, y - 8, title, "soft"))
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
    bottom, top, right = TOP + 300, TOP + 20, WIDTH - 1.6 * RIGHT
    places = sorted({place for points in series.values() for place in points})
    heights = ticks([value for points in series.values() for value in points.values()])

    def x(place: float) -> float:
        return LEFT / 2 + portion(place, places) * (right - LEFT / 2)

    def y(value: float) -> float:
        return bottom - portion(value, heights) * (bottom - top)

    marks = [text(right, bottom + 40, axis, "soft end")]
    for height in heights:
        marks.append(f'<path class="grid" d="M{LEFT / 2} {y(height):.1f}H{right}"/>')
        marks.append(text(LEFT / 2 - 8, y(height) + 4, number(height), "soft end"))
    marks += [text(x(place), bottom + 20, number(place), "soft middle") for place in places]
    lowest = bottom + 20.0
    for name, points in sorted(series.items(), key=lambda item: max(item[1].items())[1]):
        path = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in sorted(points.items()))
        marks.append(f'<polyline class="{chart.kind(name)}-line" points="{path}"/>')
        place, value = max(points.items())
        lowest = min(y(value) + 4, lowest - 16)  # names stand one above the other
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
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        text(20, 30, chart.title, "title"),
        text(20, 52, chart.subtitle, "soft"),
    ]
    return "\n".join([*head, *marks, "</svg>\n"])


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
