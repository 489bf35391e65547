"""Names of the hidden files beside a target."""

import hashlib
import os

NAME_BYTES = 255  # the longest file name, in bytes, that file systems allow

_STEM_BYTES = NAME_BYTES - len("..0123456789abcdef.httpconn-draft")


class HiddenNames:
    """Paths of the hidden files that exist beside a target while its download is incomplete.

    The paths are strings: making Path objects of them would take a tenth of the time to download a small file.
    """

    __slots__ = ("_prefix", "folder", "stem")

    def __init__(self, target: str) -> None:
        self.folder: str
        self.folder, name = os.path.split(target)
        start = target[: len(target) - len(name)]
        data = os.fsencode(name)
        if len(data) > _STEM_BYTES:
            name = f"{data[: _STEM_BYTES - 17].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:16]}"
        self.stem: str = f".{name}."  # the common beginning of all names
        self._prefix = start + self.stem

    @property
    def lock(self) -> str:
        """The lock file of the current owner."""
        return f"{self._prefix}httpconn-lock"

    @property
    def sidecar(self) -> str:
        return f"{self._prefix}httpconn-state"

    def draft(self, token: str | None) -> str:
        """Return the temporary file for writing a sidecar; each owner has its own if several owners are possible."""
        return f"{self._prefix}httpconn-draft" if token is None else f"{self._prefix}{token}.httpconn-draft"

    def part(self, token: str) -> str:
        return f"{self._prefix}{token}.httpconn-part"
