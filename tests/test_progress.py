"""Progress events, and their displays on terminals and in logs."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pytest

from httpconn.progress import Meter, Progress, megabytes, printable, rich_progress, tqdm_progress, tqdmbars


def meter(seen: list[Progress], total: int | None = 1000) -> Meter:
    return Meter(seen.append, total=total, url="https://example.com/", path=Path("file"), attempt=1, started_at=100.0)


def test_the_first_and_the_last_event_are_always_reported() -> None:
    seen: list[Progress] = []
    counted = meter(seen)
    counted.advance(400, 100.0)
    counted.advance(600, 100.01)
    counted.finish(100.02)
    assert [(event.received, event.done) for event in seen] == [(0, False), (1000, True)]


def test_at_most_about_ten_events_a_second_are_reported() -> None:
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


def test_a_meter_works_without_a_callback() -> None:
    Meter(None, total=1, url="", path=Path("file"), attempt=1, started_at=0.0).advance(1, 0.0)


def test_a_stream_without_a_terminal_gets_plain_lines() -> None:
    stream = io.StringIO()
    with rich_progress(stream) as tell:
        for received in range(0, 1_000_001, 10_000):
            tell(Progress(received, 1_000_000, 5e5, 1, received == 1_000_000, "https://example.com/", Path("file")))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1] == "file: 1.0 MB of 1.0 MB, 0.5 MB/s, done"
    assert "\x1b" not in stream.getvalue()


def test_a_download_after_a_verification_starts_at_zero() -> None:
    stream = io.StringIO()
    with rich_progress(stream) as tell:
        for verifying in (True, False):
            for received in range(0, 1000, 500):
                tell(Progress(received, 1000, 5e5, 1, False, "", Path("file"), verifying=verifying))
    assert stream.getvalue().splitlines() == [
        "file (verifying): 500 bytes of 1.0 kB, 0.5 MB/s",
        "file: 500 bytes of 1.0 kB, 0.5 MB/s",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def event(received: int, name: str = "file", attempt: int = 1) -> Progress:
    return Progress(received, 1000, 100.0, attempt, received == 1000, "https://example.com/", Path(name))


FACES = [rich_progress, tqdm_progress]


@pytest.fixture(params=FACES)
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return the screen of a terminal after events."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    def draw(*events: Progress) -> str:
        stream = Terminal()
        with request.param(stream) as tell:
            for each in events:
                tell(each)
        return stream.getvalue()

    return draw


def test_a_bar_shows_a_verification(screen: Callable[..., str]) -> None:
    seen = screen(replace(event(500), verifying=True), event(0), event(1000))
    assert "file (verifying)" in seen
    assert "restarted" not in seen


def test_a_terminal_gets_a_bar_for_each_file(screen: Callable[..., str]) -> None:
    seen = screen(event(500, "one"), event(500, "two"), event(1000, "one"), event(1000, "two"))
    assert "one" in seen
    assert "two" in seen


def test_a_name_is_shown_without_control_characters(screen: Callable[..., str]) -> None:
    assert "[red]a" in screen(event(500, "[red]a"))
    assert "\x1b[31;5m" not in screen(event(500, "\x1b[31;5ma"))


def test_a_terminal_shows_a_restart(screen: Callable[..., str]) -> None:
    assert "file: restarted at 0 bytes, after 500 bytes" in screen(
        event(500), event(0, attempt=2), event(1000, attempt=2)
    )


def test_complete_files_give_way_to_others(screen: Callable[..., str]) -> None:
    assert "file 99" in screen(*(event(count, f"file {index}") for index in range(100) for count in (0, 1000)))


@pytest.mark.parametrize("face", FACES)
def test_lines_show_a_restart_and_continue_from_there(face: Callable[[TextIO], AbstractContextManager[Any]]) -> None:
    stream = io.StringIO()
    with face(stream) as tell:
        for each in (event(500), event(0, attempt=2), event(200, attempt=2)):
            tell(each)
    assert stream.getvalue().splitlines() == [
        "file: 500 bytes of 1.0 kB, 100 bytes/s",
        "file: restarted at 0 bytes, after 500 bytes",
        "file: 200 bytes of 1.0 kB, 100 bytes/s",
    ]


def test_a_closed_output_ends_no_download() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(os.dup(writer), "w", buffering=1)
    with rich_progress(stream) as tell:
        tell(event(500))
    with contextlib.suppress(BrokenPipeError):
        stream.close()
    os.close(writer)


def test_no_bars_are_imported_at_the_start() -> None:
    # httpx itself imports click and rich if they are installed.
    code = "import sys, httpconn, httpconn.progress as p; print(*sorted(set(sys.modules) & {'tqdm', 'httpconn.cli'}))"
    code += "; print(p.__name__ + '.richbars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"\nFalse\n"


@pytest.mark.parametrize(("text", "safe"), [("Grüße", "Grüße"), ("a\x1b[0m\n", r"a\x1b[0m\n"), ("\udcff", r"\udcff")])
def test_control_characters_are_escaped(text: str, safe: str) -> None:
    assert printable(text) == safe


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999.4, "999 bytes"), (1234, "1.2 kB"), (1_234_567, "1.2 MB"), (5e9, "5000.0 MB")],
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert megabytes(count) == text


def of_collection(ended: int, received: int) -> Progress:
    done = ended == 2
    return Progress(received, 1_000_000, 1e5, 1, done, "https://example.com/", Path("models"), files=(ended, 2))


def test_a_collection_has_lines_with_its_files_and_the_time_left() -> None:
    stream = io.StringIO()
    with rich_progress(stream) as display:
        for event in (of_collection(0, 0), of_collection(1, 500_000), of_collection(2, 1_000_000)):
            display(event)
    assert stream.getvalue().splitlines() == [
        "models 1/2 files: 0.5 MB of 1.0 MB, 0.1 MB/s, 0:00:05 left",
        "models 2/2 files: 1.0 MB of 1.0 MB, 0.1 MB/s, done",
    ]


def test_the_bar_of_a_collection_counts_its_files() -> None:
    stream = io.StringIO()
    with tqdmbars.Bars(stream) as display:
        display(of_collection(0, 0))
        display(of_collection(1, 500_000))
    assert "models 1/2 files:  50%" in stream.getvalue()


def test_a_collection_of_unknown_size_has_a_line_for_each_tenth_of_its_files() -> None:
    stream = io.StringIO()
    with rich_progress(stream) as display:
        for number in range(100):
            event = of_collection(0, number * 50_000_000)
            display(replace(event, total=None, files=(number, 100)))
    assert len(stream.getvalue().splitlines()) == 9
