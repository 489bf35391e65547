"""Bars on a terminal emulator, which shows rows that are left behind or overwritten."""

from __future__ import annotations

import re

import pytest

from httpconn.testing import Drip, response
from tests.cli.test_terminal import on_terminal

COUNT = 28
"""More files than rows."""

_PART = re.compile(r"\x1b\[[?\d;]*[a-zA-Z]|\r|\n|[^\x1b\r\n]")


class Screen:
    """A terminal with its rows, and the lines that have scrolled off at the top."""

    def __init__(self, text: str, rows: int, columns: int) -> None:
        self.lines = [""]
        self._row = self._column = 0
        self._rows, self._columns = rows, columns
        self.most_bars = 0
        for part in _PART.findall(text):
            self._take(part)
            self.most_bars = max(self.most_bars, sum("%" in line for line in self.lines[-rows:]))

    def _take(self, part: str) -> None:
        if part == "\n":
            self._down()
        elif part == "\r":
            self._column = 0
        elif part.endswith("A"):
            top = max(len(self.lines) - self._rows, 0)
            self._row = max(self._row - int(part[2:-1] or 1), top)
        elif part == "\x1b[2K":
            self.lines[self._row] = ""
        elif not part.startswith("\x1b"):
            self._put(part)

    def _put(self, char: str) -> None:
        if self._column == self._columns:
            self._column = 0
            self._down()
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + char + line[self._column + 1 :]
        self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append("")


@pytest.mark.parametrize(("rows", "columns", "at_once"), [(24, 80, 3), (12, 40, 3), (6, 40, 20)])
def test_no_row_is_left_behind(scripted, tmp_path, rows, columns, at_once):
    server = scripted([response(headers={"Content-Length": "20000"}), Drip(b"x" * 20_000, every=0.004, size=2000)])
    urls = [server.url_for(f"/file-{number}.bin") for number in range(COUNT)]
    (tmp_path / "urls").write_text("\n".join(urls))
    code, text = on_terminal(
        "download", "--input-file", "urls", "-j", at_once, cwd=tmp_path, width=columns, height=rows
    )
    screen = Screen(text, rows, columns)
    shown = "".join(screen.lines)
    assert code == 0
    assert screen.most_bars < rows
    assert not [line for line in screen.lines if "%" in line or "more" in line]
    assert all(shown.count(f"file-{number}.bin (20.0 kB") == 1 for number in range(COUNT))
    assert screen.lines[-2:] == [f"{COUNT} complete (0.6 MB)", ""]
