"""The files of a sink, in a local folder or in a folder of any fsspec file system."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ..disk.folders import sync_folder
from ..disk.lockfile import InUse, lock
from ..disk.system import TranslatedErrors, flush, flush_file
from ..errors import InvalidRequest, StorageError
from ..runtime.threads import required_threads

STATE = "_httpconn"  # the folder of the job, the journals and the unfinished files
ATTEMPTS = 5  # maximum attempts of an upload to an object store
MOVES = 8  # files of a folder that are flushed or uploaded at the same time
PAUSE = 0.5  # seconds before the second attempt; it doubles for each further attempt

T = TypeVar("T")


class Storage:
    """The folder of a sink.

    A file is written under a local temporary name. ``publish`` flushes and renames it in a local folder, and uploads it
    as a whole to another file system. So a file with its final name is complete.

    Args:
        sink: a local path, or a URL such as ``s3://bucket/folder``.
        filesystem: the fsspec file system of the sink. None means the one that fsspec selects for the URL.
        drafts: a local folder for the files that will be uploaded.
    """

    def __init__(self, sink: str, filesystem: Any = None, drafts: str = "") -> None:
        self.sink = sink
        try:
            fs, root = fsspec.core.url_to_fs(sink) if filesystem is None else (filesystem, sink)
        except (ImportError, ValueError) as error:
            raise InvalidRequest(f"The sink {sink} cannot be opened: {error}") from error
        self.fs: Any = fs
        self.root: str = self.fs._strip_protocol(root).rstrip("/")
        self.is_local: bool = isinstance(self.fs, LocalFileSystem)
        self._drafts = self.path(STATE) if self.is_local else drafts

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def draft(self, name: str) -> str:
        """Return the local path for a file that is still being written. Remove the draft of a killed process."""
        path = f"{self._drafts}/unfinished-{name.replace('/', '-')}"
        with TranslatedErrors(self.sink):
            os.makedirs(self._drafts, exist_ok=True)
            shutil.rmtree(path, ignore_errors=True)
            with suppress(FileNotFoundError):
                os.remove(path)
        return path

    def publish(self, draft: str, name: str) -> None:
        """Give a finished file its final name. A file of that name is replaced."""
        self._move(draft, name)
        if self.is_local:
            with TranslatedErrors(self.sink):
                sync_folder(os.path.dirname(self.path(name)))

    def publish_folder(self, draft: str, name: str) -> None:
        """Move the files of a folder into a folder of the sink, several at the same time."""
        with TranslatedErrors(self.sink), required_threads(), ThreadPoolExecutor(MOVES) as pool:
            names = os.listdir(draft)
            for _ in pool.map(lambda each: self._move(f"{draft}/{each}", f"{name}/{each}"), names):
                pass
            os.rmdir(draft)
            if self.is_local and names:
                sync_folder(self.path(name))

    def _move(self, draft: str, name: str) -> None:
        if self.is_local:
            with TranslatedErrors(self.path(name)):
                os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
                with open(draft, "rb+") as file:
                    flush(file.fileno(), flush_file)
                os.replace(draft, self.path(name))
            return
        self._with_retries(name, lambda: self.fs.put_file(draft, self.path(name)))
        os.remove(draft)

    def remove_folder(self, name: str) -> None:
        """Remove the files that a killed process published for an unfinished shard."""
        if self._with_retries(name, lambda: self.fs.exists(self.path(name))):
            self._with_retries(name, lambda: self.fs.rm(self.path(name), recursive=True))

    def write(self, name: str, value: Any) -> None:
        draft = self.draft(name)
        with TranslatedErrors(self.sink), open(draft, "w", encoding="utf-8") as file:
            json.dump(value, file)
        self.publish(draft, name)

    def read(self, name: str) -> Any:
        """Return a JSON value, or None if there is none."""

        def content() -> Any:
            try:
                return self.fs.cat_file(self.path(name))
            except FileNotFoundError:
                return "null"

        return json.loads(self._with_retries(name, content))

    def open(self, name: str) -> BinaryIO:
        return self._with_retries(name, lambda: self.fs.open(self.path(name), "rb"))  # type: ignore[no-any-return]

    def append(self, name: str, value: Any, number: int) -> None:
        """Add a line to a journal and flush it. An object store cannot append, so each line is an object there."""
        if not self.is_local:
            self.write(f"{name}/{number:09d}.jsonl", value)
            return
        with TranslatedErrors(self.sink), open(self.path(name), "ab+") as file:
            # The write of a killed process can have left a part of a line.
            file.seek(max(0, file.tell() - 1))
            start = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(start + json.dumps(value).encode("ascii") + b"\n")
            file.flush()
            flush(file.fileno(), flush_file)

    def lines(self, name: str) -> Iterator[Any]:
        """Return the values of a journal in their order, without a line that was not completely written."""
        path = self.path(name)
        if not self._with_retries(name, lambda: self.fs.exists(path)):
            return
        if self.is_local:
            content = [self.fs.cat_file(path)]
        else:
            found = self._with_retries(name, lambda: self.fs.cat(sorted(self.fs.find(path)), on_error="raise"))
            content = [found[each] for each in sorted(found)]
        for line in b"\n".join(content).splitlines():
            with suppress(ValueError):
                yield json.loads(line)

    def is_empty(self) -> bool:
        """Whether the folder has no files, except those of a run that was killed before it stored its job."""
        if not self._with_retries(".", lambda: self.fs.exists(self.root)):
            return True
        names = self._with_retries(".", lambda: self.fs.ls(self.root, detail=False))
        return {each.rstrip("/").rpartition("/")[2] for each in names} <= {STATE}

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Lock a local sink, or raise InvalidRequest if another process has the lock. Object stores have no locks."""
        if not self.is_local:
            yield
            return
        with TranslatedErrors(self.sink):
            file = open(self.path(f"{STATE}/{name}"), "ab")  # noqa: SIM115 - closed below
        with file:
            try:
                lock(file.fileno())
            except InUse:
                raise InvalidRequest(
                    f"Another process is writing to the sink {self.sink}. Wait until it has ended"
                ) from None
            yield

    def _with_retries(self, name: str, operation: Callable[[], T]) -> T:
        """Repeat an operation on a remote file system if it fails. Operations on local files are not repeated."""
        for attempt in range(ATTEMPTS):
            try:
                return operation()
            except Exception as error:  # each file system has its own exceptions
                if self.is_local or isinstance(error, FileNotFoundError) or attempt == ATTEMPTS - 1:
                    message = f"{self.path(name)} cannot be read or written: {type(error).__name__}: {error}"
                    raise StorageError(message[:1000], getattr(error, "errno", None)) from error
            time.sleep(PAUSE * 2**attempt)
        raise AssertionError
