"""Progress bars with tqdm."""

from pathlib import Path
from typing import Any, Self, TextIO

from tqdm import tqdm

from ..core.locks import Lock
from .meter import Progress
from .plainlines import Rewinds, label, printable


class Bars:
    """A display with a bar for each file, below the permanent lines."""

    moves: bool = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: dict[Path, Any] = {}
        self._attempts: dict[Path, int] = {}
        self._rewinds = Rewinds()
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def __call__(self, event: Progress) -> None:
        if event.failed:
            self.drop(event.path)
            return
        with self._lock:
            if rewind := self._rewinds.line(event):
                self.say(rewind)
            bar = self._bar(event)
            bar.set_description(label(event), refresh=False)
            bar.total, bar.n = event.total, event.count
            bar.refresh()
            if event.done:
                self._bars.pop(event.path).close()

    def say(self, line: str) -> None:
        tqdm.write(printable(line), file=self._stream)

    def drop(self, path: Path) -> None:
        with self._lock:
            self._rewinds.forget(path)
            if path in self._bars:
                self._bars.pop(path).close()

    def _bar(self, event: Progress) -> Any:
        if event.path not in self._bars:
            self._bars[event.path] = tqdm(
                file=self._stream, unit="B", unit_scale=True, dynamic_ncols=True, initial=event.count
            )
        elif self._attempts[event.path] != event.attempt:
            # Measure the speed of this attempt only, without the bytes of earlier attempts.
            self._bars[event.path].reset()
            self._bars[event.path].initial = event.count
        self._attempts[event.path] = event.attempt
        return self._bars[event.path]
