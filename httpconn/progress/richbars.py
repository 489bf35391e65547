"""Bars by rich."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from .lines import Rewinds
from .meter import Progress
from .text import megabytes, shown

KEPT = 20
"""Bars beyond which those of complete files give way."""

NARROW = 70
"""Columns of a terminal below which a bar is a name and a percentage."""

ECHO = 2
"""Columns left free for the ``^C`` that a terminal echoes: on a line of its own, it would show the bars twice."""


class Narrower:
    """What is drawn, with room for an echo."""

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return console.render(self._drawn, options.update_width(max(options.max_width - ECHO, 1)))


class Bars(RichProgress):
    """Rich's own, but for their width."""

    def get_renderable(self) -> RenderableType:
        """What is drawn."""
        return Narrower(super().get_renderable())


class RichBars:
    """A bar for each file, below what is said."""

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream)
        # A file's name comes from a URL: "[red]" in it is no markup.
        column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        name = TextColumn("{task.description}", markup=False, table_column=column)
        speed = TextColumn("{task.fields[speed]}/s")
        self._wide = name, BarColumn(20), DownloadColumn(), speed, TimeRemainingColumn()
        self._narrow = name, TextColumn("{task.percentage:>3.0f}%")
        # Standard output is the caller's own, and may lead elsewhere.
        self._bars = Bars(*self._wide, console=console, expand=True, redirect_stdout=False, redirect_stderr=False)
        self._tasks: dict[Path, TaskID] = {}
        self._rewinds = Rewinds()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bars.stop()

    def __call__(self, event: Progress) -> None:
        """Show how far one has come."""
        speed = megabytes(event.speed)
        with self._lock:
            self._bars.columns = self._narrow if self._bars.console.width < NARROW else self._wide  # it may be resized
            if rewind := self._rewinds.line(event):
                self.say(rewind)
            if event.path not in self._tasks:
                self._make_room()
                name = shown(event.path.name)
                self._tasks[event.path] = self._bars.add_task(name, total=event.total, speed=speed)
            self._bars.update(self._tasks[event.path], completed=event.received, total=event.total, speed=speed)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._bars.console.print(shown(line), markup=False, highlight=False, soft_wrap=True)

    def _make_room(self) -> None:
        if len(self._tasks) < KEPT:
            return
        complete = {task.id for task in self._bars.tasks if task.finished}
        for path, task in list(self._tasks.items()):
            if task in complete:
                self._bars.remove_task(task)
                del self._tasks[path]
