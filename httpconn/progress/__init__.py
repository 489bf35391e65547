"""How far a download has come: the event, and faces that show it on terminals and in logs."""

from .displays import rich_progress, tqdm_progress
from .meter import EVERY, Meter, Progress, ProgressCallback
from .plainlines import ProgressFace
from .text import megabytes, shown

__all__ = [
    "EVERY",
    "Meter",
    "Progress",
    "ProgressCallback",
    "ProgressFace",
    "megabytes",
    "rich_progress",
    "shown",
    "tqdm_progress",
]
