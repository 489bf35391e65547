"""Removal of hidden files that dead owners have left in a folder, for any target.

The lock file beside a target names its partial files, so the next download of the same target removes the files of a
killed one. But the target may never be downloaded again, and an owner can die before it has written the name. So each
download also searches its folder for partial files.
"""

import os
import re
from collections.abc import Iterable, Set
from contextlib import suppress

from . import system
from .abandoned import remove_abandoned
from .hiddennames import HiddenNames
from .lockfile import InUse, LockFile
from .sidecar import load

ENTRIES_PER_DOWNLOAD = 64
"""Folder entries to read per download on average. A download skips the search in a larger folder most of the time."""

_MAX_FOLDERS = 1000
_NAME = re.compile(r"(\..+\.)(?:([0-9a-f]{16})\.httpconn-(?:part|draft)|httpconn-(?:state|draft|lock))")

_skips: dict[str, int] = {}  # downloads into a folder that skip the search, by folder


def sweep(own: HiddenNames, tokens: Set[str] = frozenset()) -> None:
    """Remove partial files of dead owners from a folder, but not the partial files of the caller, with these tokens.

    A partial file stays if a sidecar names it, because a later download resumes it. It also stays if its owner may be
    alive: the owner has the lock or, on a file system without locks, has written to the file within the last hour.
    """
    skips = _skips.get(own.folder, 0)
    if skips:
        _skips[own.folder] = skips - 1
        return
    try:
        entries = os.listdir(own.folder)
        found = _by_target(entries)
        others = found.pop(own.stem, set()) - tokens  # no sidecar names these, perhaps because it was invalid
        if len(_skips) >= _MAX_FOLDERS:
            _skips.clear()
        _skips[own.folder] = (len(entries) + ENTRIES_PER_DOWNLOAD * len(found)) // ENTRIES_PER_DOWNLOAD
        for stem, left in found.items():
            names = HiddenNames(os.path.join(own.folder, stem[1:-1]))  # a shortened name has the same stem
            if not _is_resumable(names, left):
                _remove_abandoned(names, left)
        for token in others:
            remove_abandoned(own.part(token))
    except OSError:
        pass


def _by_target(entries: Iterable[str]) -> dict[str, set[str]]:
    """Return the tokens of partial files, grouped by the stem that the files of one target share."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        match = _NAME.fullmatch(entry) if ".httpconn-" in entry else None
        if match is not None:
            stem, token = match.groups()
            found.setdefault(stem, set()).update(filter(None, [token]))
    return found


def _is_resumable(names: HiddenNames, tokens: set[str]) -> bool:
    """Whether the only files are partial files and the sidecar that names them."""
    record = load(names.sidecar)
    return record is not None and record.token in tokens and tokens <= record.tokens


def _remove_abandoned(names: HiddenNames, tokens: set[str]) -> None:
    """Lock the target, and remove the files that no sidecar names."""
    with suppress(OSError, InUse):
        lock_file = LockFile()
        try:
            lock_file.acquire(names.lock)
            record = load(names.sidecar)
            for token in tokens:
                if record is None or token not in record.tokens:
                    remove_abandoned(names.part(token))
                    _remove(names.draft(token), lock_file)
            _remove(names.draft(None), lock_file)
            if record is not None and not any(os.path.lexists(names.part(token)) for token in record.tokens):
                _remove(names.sidecar, lock_file)
        finally:
            lock_file.release()


def _remove(path: str, lock_file: LockFile) -> None:
    """Remove a file, unless the file system has no locks: then a live owner may use the file."""
    if lock_file.exclusive:
        system.remove(path)
