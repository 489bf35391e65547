"""The progress of downloads: the event and the displays for terminals and logs."""

from .displays import rich_progress, tqdm_progress
from .meter import Meter as Meter
from .meter import Progress, ProgressCallback
from .plainlines import ProgressDisplay
from .plainlines import megabytes as megabytes
from .plainlines import printable as printable

__all__ = ["Progress", "ProgressCallback", "ProgressDisplay", "rich_progress", "tqdm_progress"]
