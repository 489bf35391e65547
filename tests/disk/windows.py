"""The rule of Windows for names: an open file can be neither removed nor renamed, nor replaced by another file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

_CHANGES = ("unlink", "remove", "rename", "replace")


@contextmanager
def open_files_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Reject changes of the names of files that this process has open. Yields the names that were changed."""
    changed: list[str] = []
    with monkeypatch.context() as patch:
        for name in _CHANGES:
            patch.setattr(os, name, _checked(getattr(os, name), changed))
        yield changed


def _checked(change: Callable[..., Any], changed: list[str]) -> Callable[..., Any]:
    def checked(*paths: Any, **options: Any) -> Any:
        for path in paths:
            if os.path.realpath(path) in _open_files():
                raise PermissionError(errno.EACCES, "The file is being used by another process", os.fspath(path))
        changed.append(os.fspath(paths[0]))
        return change(*paths, **options)

    return checked


def _open_files() -> set[str]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return found
