"""Bars by tqdm."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self, TextIO

from tqdm import tqdm

from .meter import Progress
from .plainlines import Rewinds
from .text import shown


class TqdmBars:
    """A bar for each file, below what is said."""

    moves = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bars: dict[Path, Any] = {}
        self._attempts: dict[Path, int] = {}
        self._rewinds = Rewinds()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def __call__(self, event: Progress) -> None:
        """Show how far one has come."""
        if event.failed:
            self.drop(event.path)
            return
        with self._lock:
            if rewind := self._rewinds.line(event):
                self.say(rewind)
            bar = self._bar(event)
            bar.total, bar.n = event.total, event.received
            bar.refresh()
            if event.done:
                self._bars.pop(event.path).close()

    def say(self, line: str) -> None:
        """Write a line that stays."""
        tqdm.write(shown(line), file=self._stream)

    def drop(self, path: Path) -> None:
        """Close the bar of a download that is not shown any more."""
        with self._lock:
            self._rewinds.forget(path)
            if path in self._bars:
                self._bars.pop(path).close()

    def _bar(self, event: Progress) -> Any:
        if event.path not in self._bars:
            name = shown(event.path.name)
            self._bars[event.path] = tqdm(
                desc=name, file=self._stream, unit="B", unit_scale=True, dynamic_ncols=True, initial=event.received
            )
        elif self._attempts[event.path] != event.attempt:
            # Speed counts from here: what an attempt found there was not fetched by it.
            self._bars[event.path].reset()
            self._bars[event.path].initial = event.received
        self._attempts[event.path] = event.attempt
        return self._bars[event.path]
