"""The command line: ``httpconn get``, ``download``, ``check`` and ``completion``."""

from .ending import EXIT_CODES, INTERRUPTED
from .group import cli

__all__ = ["EXIT_CODES", "INTERRUPTED", "cli"]
