"""The state that the steps of a download share."""

from dataclasses import dataclass
from pathlib import Path

from ..exchange.requeststate import RequestState
from ..runtime.port import Port
from .options import DownloadOptions
from .partial import PartialDownload


@dataclass(slots=True)
class DownloadState:
    """The state of a running download."""

    port: Port
    request: RequestState
    options: DownloadOptions
    target: Path  # path of the file
    partial: PartialDownload
    name: str | None = None  # name to create the file under without replacing another one; None replaces the target
