"""Removal of the files that dead owners have left in a folder, for any target.

The lock file beside a target names its partial files, so that the next download of this target removes what a killed
one has left. But the target may never be downloaded again, and an owner can die before it has written the name. So each
download looks through its folder for partial files by their names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress

from . import system
from .abandoned import Leftovers
from .hiddennames import Names
from .lockfile import Claim, InUse, Lock
from .sidecar import load

FREE = 64
"""Names of a folder that are read for each download, on average. A larger folder is read by some downloads only."""

_MOST_FOLDERS = 1000
_NAME = re.compile(r"(\..+\.)(?:([0-9a-f]{16})\.httpconn-(?:part|draft)|httpconn-(?:state|draft))")

_due: dict[str, int] = {}
"""Downloads until a folder is read again."""


def sweep(own: Names, locking: Lock) -> None:
    """Remove partial files of dead owners from a folder.

    A partial file that a sidecar names stays, because a later download resumes it. So does a partial file whose owner
    may be alive: one that has the lock, or that was written to in the last hour where there are no locks.

    Args:
        own: the names beside the caller's own target, which are left alone.
        locking: locks an open file.
    """
    due = _due.get(own.folder, 0)
    if due:
        _due[own.folder] = due - 1
        return
    with suppress(OSError):
        entries = os.listdir(own.folder)
        found = _by_target(entries)
        found.pop(own.stem, None)
        if len(_due) >= _MOST_FOLDERS:
            _due.clear()
        _due[own.folder] = (len(entries) + FREE * len(found)) // FREE
        for stem, tokens in found.items():
            names = Names.beside(own.folder, stem)
            if not _is_resumable(names, tokens):
                _tidy(names, tokens, locking)


def _by_target(entries: Iterable[str]) -> dict[str, set[str]]:
    """The tokens of partial files by the beginning of their names, which the files of one target share."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        match = _NAME.fullmatch(entry) if ".httpconn-" in entry else None
        if match is not None:
            stem, token = match.groups()
            found.setdefault(stem, set()).update(filter(None, [token]))
    return found


def _is_resumable(names: Names, tokens: set[str]) -> bool:
    """Whether there is nothing but a partial file and the sidecar that names it."""
    record = load(names.sidecar)
    return record is not None and tokens == {record.token}


def _tidy(names: Names, tokens: set[str], locking: Lock) -> None:
    """Own the target for a moment, and remove what no sidecar names."""
    with suppress(OSError, InUse):
        claim = Claim(names.lock, 0o600, locking)
        try:
            claim.take()
            record = load(names.sidecar)
            leftovers = Leftovers(names, locking)
            for token in tokens:
                if record is None or token != record.token:
                    leftovers.remove(token)
                    _remove(names.draft(token), claim)
            _remove(names.draft(None), claim)
            if record is not None and not os.path.lexists(names.part(record.token)):
                _remove(names.sidecar, claim)
        finally:
            claim.end()


def _remove(path: str, claim: Claim) -> None:
    """Where no lock tells, the file may be a live owner's."""
    if claim.certain:
        system.remove(path)
