"""What a download is to come to, and what its steps share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core.digests import Expected
from ..core.requestbuilder import RequestSpec
from ..exchange.requeststate import RequestState
from ..ports.base import Port
from ..progress import ProgressCallback
from .partial import Partial

OnExisting = Literal["replace", "skip", "refresh", "error"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asked for.

    Attributes:
        save_path: the target.
        progress: is told how far it has come.
        digest: what the file has to have.
        mirrors: where else the same file is, to be asked in turn.
        resume: take up what an earlier download left, and leave to a later one what it can use.
        existing: what happens to a file that is there: "replace" it, "skip" the download, "refresh" it if the
            server has another version, or raise an "error".
        validator: the version that is there; without it, its modification time is asked about.
        segments: connections at once; None leaves that to the speed.
        remote_time: give the file the modification time that the server names.
        server_names: ``save_path`` is a folder, in which the file gets the name that its server gives it.
    """

    save_path: str | os.PathLike[str]
    progress: ProgressCallback | None = None
    digest: Expected | None = None
    mirrors: tuple[RequestSpec, ...] = ()
    resume: bool = True
    existing: OnExisting = "replace"
    validator: str | None = None
    segments: int | None = None
    remote_time: bool = False
    server_names: bool = False


@dataclass(slots=True)
class Job:
    """A download under way.

    Attributes:
        target: the file.
        name: what its server calls it, where that counts and is known.
    """

    port: Port
    course: RequestState
    wanted: Wanted
    target: Path
    partial: Partial
    name: str | None = None
