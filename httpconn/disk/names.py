"""The hidden names beside a target."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

NAME_BYTES = 255
"""What file systems allow for one name."""

_ROOM = NAME_BYTES - len("..0123456789abcdef.httpconn-draft")


class Names:
    """What stands beside a target while its file is not complete."""

    __slots__ = ("_stem", "target")

    def __init__(self, target: Path) -> None:
        self.target: Path = target
        name = target.name
        data = os.fsencode(name)
        if len(data) > _ROOM:
            name = f"{data[: _ROOM - 17].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:16]}"
        self._stem = str(target.with_name(f".{name}."))

    @property
    def lock(self) -> Path:
        """What an owner has locked."""
        return self._beside("httpconn-lock")

    @property
    def sidecar(self) -> Path:
        """What is known of a partial file, and which one it is."""
        return self._beside("httpconn-state")

    def draft(self, token: str | None) -> Path:
        """Of a sidecar that is not whole yet; each owner's own, where there may be several."""
        return self._beside("httpconn-draft" if token is None else f"{token}.httpconn-draft")

    def part(self, token: str) -> Path:
        """A partial file."""
        return self._beside(f"{token}.httpconn-part")

    def _beside(self, suffix: str) -> Path:
        return Path(self._stem + suffix)
