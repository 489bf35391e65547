"""Bars by rich."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self, TextIO

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress import BarColumn, DownloadColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from .meter import EVERY, Progress
from .plainlines import Rewinds, line_of
from .text import megabytes, shown

SPARE = 2
"""Rows of a terminal left free of bars: the cursor's, and one of the lines above."""

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
    """Rich's own, but as wide and as many as the terminal has room for."""

    def get_renderable(self) -> RenderableType:
        """What is drawn."""
        return Narrower(super().get_renderable())

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bars that there is room for, and the number of the others: rows beyond the screen cannot be erased."""
        tasks = self.tasks
        fitting = self._fitting(tasks) if tasks else tasks  # rich asks once before it has a console
        yield self.make_tasks_table(fitting)
        if len(fitting) < len(tasks):
            yield Text(f"and {len(tasks) - len(fitting)} more", no_wrap=True, overflow="ellipsis")

    def _fitting(self, tasks: list[Task]) -> list[Task]:
        room = max(self.console.height - SPARE, 1)
        return tasks if len(tasks) <= room else tasks[: room - 1]


class RichBars:
    """A bar for each file under way, below the lines of those that have ended and of what is said."""

    moves = True

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream)
        # A file's name comes from a URL: "[red]" in it is no markup.
        column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        name = TextColumn("{task.description}", markup=False, table_column=column)
        speed = TextColumn("{task.fields[speed]}/s")
        self._wide = name, BarColumn(20), DownloadColumn(), speed, TimeRemainingColumn()
        self._narrow = name, TextColumn("{task.percentage:>3.0f}%")
        self._bars = Bars(
            *self._wide,
            console=console,
            expand=True,
            transient=True,
            # Rich's own thread would draw between the two steps of a print, and leave a row of a bar behind.
            auto_refresh=False,
            # Standard output is the caller's own, and may lead elsewhere.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._drawn = 0.0
        self._tasks: dict[Path, TaskID] = {}
        self._rewinds = Rewinds()
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._bars.stop()

    def __call__(self, event: Progress) -> None:
        """Show how far one has come."""
        with self._lock:
            if rewind := self._rewinds.line(event):
                self.say(rewind)
            if event.done or event.failed:
                self.drop(event.path)
            else:
                self._draw(event)
            if event.done:
                self.say(line_of(event))

    def say(self, line: str) -> None:
        """Write a line that stays."""
        with self._lock:
            self._bars.console.print(shown(line), markup=False, highlight=False, soft_wrap=True)

    def drop(self, path: Path) -> None:
        """Remove the bar of a download."""
        with self._lock:
            self._rewinds.forget(path)
            if path in self._tasks:
                self._bars.remove_task(self._tasks.pop(path))
                self._bars.refresh()

    def _draw(self, event: Progress) -> None:
        self._bars.columns = self._narrow if self._bars.console.width < NARROW else self._wide  # it may be resized
        speed = megabytes(event.speed)
        if event.path not in self._tasks:
            self._tasks[event.path] = self._bars.add_task(shown(event.path.name), total=event.total, speed=speed)
        self._bars.update(self._tasks[event.path], completed=event.received, total=event.total, speed=speed)
        now = self._bars.get_time()
        if now - self._drawn >= EVERY:
            self._drawn = now
            self._bars.refresh()
