"""The progress of downloads: the event and the displays for terminals and logs."""

from .displays import rich_progress, tqdm_progress
from .meter import EVENT_INTERVAL, Meter, Progress, ProgressCallback
from .plainlines import ProgressDisplay, megabytes, printable

__all__ = [
    "EVENT_INTERVAL",
    "Meter",
    "Progress",
    "ProgressCallback",
    "ProgressDisplay",
    "megabytes",
    "printable",
    "rich_progress",
    "tqdm_progress",
]
