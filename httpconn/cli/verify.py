"""``httpconn verify``."""

import errno
import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..api.collectionrun import collection_meter
from ..core import digests
from ..core.items import Item
from ..downloads.manifest import Manifest
from ..errors import HTTPConnError, IntegrityError, StorageError
from ..progress import Progress, ProgressCallback
from . import options
from .connecting import connected, header_fields
from .ending import EPILOG, exit_code, print_error, print_message
from .manifests import load
from .output import Command, print_line

BLOCK = 1024 * 1024


@click.command(cls=Command, epilog=EPILOG, short_help="Compare the files of a folder with a manifest.")
@click.argument("manifest", metavar="MANIFEST")
@options.path("-d", "--folder", help="Folder of the files. Default: the current folder.")
@click.option("--jsonl", is_flag=True, help="Print one line of JSON per file.")
@options.quiet
@options.with_options
def verify(manifest: str, folder: Path | None, jsonl: bool, quiet: bool, shared: dict[str, Any]) -> None:
    """Compare the files of a folder with MANIFEST, which is a file, a URL, or - for standard input.

    Each file is read and hashed. A line on standard error describes each file that is missing or different. The exit
    code is that of the first such file.
    """
    with connected(shared, quiet=quiet) as (connection, display):
        files = load(manifest, None, connection, header_fields(shared))
        code = _Verification(files, folder or Path(), display, jsonl).run()
    sys.exit(code)


class _Verification:
    """The comparison of a folder with a manifest."""

    def __init__(self, manifest: Manifest, folder: Path, display: Any, jsonl: bool) -> None:
        self._manifest = manifest
        self._items = [replace(item, path=folder / str(item.path)) for item in manifest]
        self._display = display
        self._json = jsonl
        show: ProgressCallback = self._show if display is not None else lambda _: None
        self._meter = collection_meter(self._items, folder.absolute(), show)

    def _show(self, event: Progress) -> None:
        if event.done or event.failed:
            self._display.drop(event.path)  # the summary replaces the bar
        else:
            self._display(event)

    def run(self) -> int:
        """Verify each file, print the results, and return the exit code."""
        codes = [self._verify(index, item, Path(str(item.path))) for index, item in enumerate(self._items)]
        failed, unverified = sum(map(bool, codes)), sum(item.digest is None for item in self._manifest)
        counts = [f"{len(codes) - failed} of {len(codes)} correct"]
        counts += [f"{failed} failed"] if failed else []
        counts += [f"{unverified} have no digest"] if unverified else []
        if self._display is not None:
            print_message(", ".join(counts), self._display)
        return next(filter(None, codes), 0)

    def _verify(self, index: int, item: Item, path: Path) -> int:
        """Verify a file, print the result, and return the exit code for it."""
        try:
            size = self._read(item, path)
        except HTTPConnError as error:
            self._meter.end(path, None, "")
            print_error(error, self._display, source=self._manifest.where(index))
            self._print(item, error)
            return exit_code(error)
        self._meter.end(path, size, "")
        self._print(item, None)
        return 0

    def _print(self, item: Item, error: HTTPConnError | None) -> None:
        if self._json:
            values = {"path": str(item.path), "digest": item.digest, "error": error and error.message}
            print_line(json.dumps(values))

    def _read(self, item: Item, path: Path) -> int:
        """Read and compare a file, and return its size."""
        try:
            with open(path, "rb", buffering=0, opener=_open) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise StorageError(f"{path} is not a regular file", errno=errno.EINVAL)
                if item.size not in (None, status.st_size):
                    raise IntegrityError(f"{path} has {status.st_size} bytes, not {item.size}")
                if item.digest is not None:
                    self._hash(file, digests.parse(item.digest), path, status.st_size)
                return status.st_size
        except OSError as error:
            raise StorageError(f"{error.strerror}: {path}", errno=error.errno) from error

    def _hash(self, file: Any, expected: digests.Expected, path: Path, size: int) -> None:
        actual, count = digests.hasher(expected.algorithm), 0
        while block := file.read(BLOCK):
            actual.update(block)
            count += len(block)
            self._meter(Progress(count, size, 0, 1, False, "", path))
        try:
            digests.require(expected, actual)
        except IntegrityError as error:
            raise IntegrityError(f"{path}: {error.message}", expected=error.expected, actual=error.actual) from None


def _open(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a named pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
