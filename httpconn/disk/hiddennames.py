"""The hidden names beside a target."""

from __future__ import annotations

import hashlib
import os

NAME_BYTES = 255
"""What file systems allow for one name."""

_ROOM = NAME_BYTES - len("..0123456789abcdef.httpconn-draft")


class Names:
    """What stands beside a target while its file is not complete.

    They are strings: to make paths of them would be a tenth of the work that a small file is.
    """

    __slots__ = ("_stem", "folder")

    def __init__(self, target: str) -> None:
        self.folder: str
        self.folder, name = os.path.split(target)
        data = os.fsencode(name)
        if len(data) > _ROOM:
            name = f"{data[: _ROOM - 17].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:16]}"
        self._stem = os.path.join(self.folder, f".{name}.")

    @classmethod
    def beside(cls, folder: str, stem: str) -> Names:
        """Return the names that begin with a stem, as they are found in a folder."""
        names = cls(folder)
        names.folder, names._stem = folder, os.path.join(folder, stem)
        return names

    @property
    def stem(self) -> str:
        """What all of them begin with."""
        return os.path.basename(self._stem)

    @property
    def lock(self) -> str:
        """What an owner has locked."""
        return f"{self._stem}httpconn-lock"

    @property
    def sidecar(self) -> str:
        """What is known of a partial file, and which one it is."""
        return f"{self._stem}httpconn-state"

    def draft(self, token: str | None) -> str:
        """Of a sidecar that is not whole yet; each owner's own, where there may be several."""
        return f"{self._stem}httpconn-draft" if token is None else f"{self._stem}{token}.httpconn-draft"

    def part(self, token: str) -> str:
        """A partial file."""
        return f"{self._stem}{token}.httpconn-part"
