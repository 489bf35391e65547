"""The options and the state of a download."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..errors import DeadlineExceeded, LimitExceeded, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from ..core.digests import Expected
    from ..core.requestbuilder import RequestSpec
    from ..core.segments import SpareConnections
    from ..exchange.requeststate import RequestState
    from ..progress import ProgressCallback
    from ..runtime.port import Port
    from .partial import PartialDownload

FINAL = (StorageError, LimitExceeded, DeadlineExceeded)  # errors that no other connection and no mirror can repair

OnExisting = Literal["replace", "skip", "refresh", "error"]


class DownloadOptions(NamedTuple):
    """The caller's options for one download."""

    save_path: str | os.PathLike[str]
    progress: ProgressCallback | None = None
    digest: Expected | None = None
    mirrors: tuple[RequestSpec, ...] = ()  # other sources of the same file, tried in order
    resume: bool = True  # continue an earlier download, and keep the received bytes for a later one
    # Action if the target exists: "replace" it, "skip" the download, "refresh" it if the server has another version, or
    # raise an "error".
    existing: OnExisting = "replace"
    validator: str | None = None  # validator of the existing file; None means that its modification time is sent
    segments: int | None = None  # number of connections; None chooses it by speed
    remote_time: bool = False  # set the modification time of the file to its Last-Modified
    server_names: bool = False  # ``save_path`` is a folder, and the server chooses the name of the file
    size: int | None = None  # size of the file that the caller expects, in bytes
    expect_type: tuple[str, ...] = ()  # patterns of the media types that the caller expects; empty for any
    # Further connections that this download shares with others; None for no limit.
    spare: SpareConnections | None = None


@dataclass(slots=True, eq=False, repr=False)
class DownloadState:
    """The state that the steps of a running download share.

    Attributes:
        target: path of the file.
        spec: request for the file from its current source: the URL of the call or a mirror.
        name: name to create the file under without replacing another one; None replaces the target.
    """

    port: Port
    request: RequestState
    options: DownloadOptions
    target: Path
    partial: PartialDownload
    spec: RequestSpec
    name: str | None = None
