"""Progress bars with rich."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self, TextIO

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.progress import BarColumn, DownloadColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from ..core.locks import RLock
from .meter import EVENT_INTERVAL, Progress
from .plainlines import Rewinds, label, line_of, megabytes, printable

SPARE = 2  # rows of a terminal without bars: the row of the cursor and one row for lines
NARROW = 70  # Columns of a terminal. A narrower terminal shows only names and percentages.
ECHO = 2  # Columns left free for the ``^C`` that a terminal echoes. Without room for it, the bars would appear twice.


class FittingBars(RichProgress):
    """The progress bars of rich, limited to the size of the terminal."""

    def get_renderable(self) -> RenderableType:
        """Return the bars, narrower than the terminal: an echo such as ``^C`` must not wrap a row."""
        drawn = super().get_renderable()
        # rich calls this once before it has a console. There are no tasks then.
        return Constrain(drawn, max(self.console.width - ECHO, 1)) if self.tasks else drawn

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bars that fit, and a count of the other bars. A terminal cannot erase rows outside the screen."""
        tasks = self.tasks
        fitting = self._fitting(tasks) if tasks else tasks
        yield self.make_tasks_table(fitting)
        if len(fitting) < len(tasks):
            yield Text(f"and {len(tasks) - len(fitting)} more", no_wrap=True, overflow="ellipsis")

    def _fitting(self, tasks: list[Task]) -> list[Task]:
        room = max(self.console.height - SPARE, 1)
        return tasks if len(tasks) <= room else tasks[: room - 1]


class Bars:
    """A display with a bar for each running download, below the permanent lines."""

    moves: bool = True

    def __init__(self, stream: TextIO) -> None:
        console = Console(file=stream)
        # No markup: a file name from a URL may contain "[red]".
        column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        name = TextColumn("{task.description}", markup=False, table_column=column)
        speed = TextColumn("{task.fields[speed]}/s")
        self._wide = name, BarColumn(20), DownloadColumn(), speed, TimeRemainingColumn()
        self._narrow = name, TextColumn("{task.percentage:>3.0f}%")
        self._bars = FittingBars(
            *self._wide,
            console=console,
            expand=True,
            transient=True,
            # The thread of rich could draw between the two steps of a print and leave a row of a bar on the screen.
            auto_refresh=False,
            # The caller owns standard output, which may be redirected.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._drawn = 0.0
        self._tasks: dict[Path, TaskID] = {}
        self._rewinds = Rewinds()
        self._lock = RLock()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._bars.stop()

    def __call__(self, event: Progress) -> None:
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
        with self._lock:
            self._bars.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def drop(self, path: Path) -> None:
        with self._lock:
            self._rewinds.forget(path)
            if path in self._tasks:
                self._bars.remove_task(self._tasks.pop(path))
                self._bars.refresh()

    def _draw(self, event: Progress) -> None:
        is_narrow = self._bars.console.width < NARROW  # the terminal may have been resized
        self._bars.columns = self._narrow if is_narrow else self._wide
        speed = megabytes(event.speed)
        if event.path not in self._tasks:
            self._tasks[event.path] = self._bars.add_task(label(event), total=event.total, speed=speed)
        task, name = self._tasks[event.path], label(event)
        self._bars.update(task, description=name, completed=event.count, total=event.total, speed=speed)
        now = self._bars.get_time()
        if now - self._drawn >= EVENT_INTERVAL:
            self._drawn = now
            self._bars.refresh()
