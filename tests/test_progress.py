"""Progress: told rarely, from beginning to end, on terminals and in logs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from httpconn.progress import Meter, Progress, megabytes, rich_progress


def meter(seen: list[Progress], total: int | None = 1000) -> Meter:
    return Meter(seen.append, total=total, url="https://example.com/", path=Path("file"), attempt=1, now=100.0)


def test_the_first_and_the_last_are_always_told() -> None:
    seen: list[Progress] = []
    counted = meter(seen)
    counted.advance(400, 100.0)
    counted.advance(600, 100.01)
    counted.finish(100.02)
    assert [(event.received, event.done) for event in seen] == [(0, False), (1000, True)]


def test_at_most_about_ten_a_second_are_told() -> None:
    seen: list[Progress] = []
    counted = meter(seen)
    for step in range(1000):
        counted.advance(1, 100.0 + step / 1000)
    assert 8 <= len(seen) <= 11
    assert seen[-1].speed == pytest.approx(1000, rel=0.1)


def test_an_unknown_total_is_known_at_the_end() -> None:
    seen: list[Progress] = []
    counted = meter(seen, total=None)
    counted.advance(7, 100.0)
    counted.finish(101.0)
    assert [(event.received, event.total) for event in seen] == [(0, None), (7, 7)]


def test_nobody_needs_to_listen() -> None:
    Meter(None, total=1, url="", path=Path("file"), attempt=1, now=0.0).advance(1, 0.0)


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    stream = io.StringIO()
    with rich_progress(stream) as tell:
        for received in range(0, 1_000_001, 10_000):
            tell(Progress(received, 1_000_000, 5e5, 1, received == 1_000_000, "https://example.com/", Path("file")))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1] == "file: 1.0 MB of 1.0 MB, 0.5 MB/s, done"
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_bar_for_each_file() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with rich_progress(stream) as tell:
        for name in ("one", "two"):
            tell(Progress(500, 1000, 100.0, 1, False, "https://example.com/", Path(name)))
            tell(Progress(1000, 1000, 100.0, 1, True, "https://example.com/", Path(name)))
    assert "one" in stream.getvalue()
    assert "two" in stream.getvalue()


def test_a_name_is_shown_as_it_is() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with rich_progress(stream) as tell:
        tell(Progress(500, 1000, 100.0, 1, False, "https://example.com/", Path("[red]a")))
    assert "[red]a" in stream.getvalue()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999.4, "999 bytes"), (1234, "1.2 kB"), (1_234_567, "1.2 MB"), (5e9, "5000.0 MB")],
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert megabytes(count) == text
