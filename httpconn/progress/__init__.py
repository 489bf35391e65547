"""How far a download has come: the event, and faces that show it on terminals and in logs."""

from .faces import rich_progress, tqdm_progress
from .lines import ProgressFace
from .meter import EVERY, Meter, Progress, ProgressCallback
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
