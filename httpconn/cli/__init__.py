"""The command line: ``httpconn`` and its commands."""

from .ending import EXIT_CODES, INTERRUPTED
from .group import cli

__all__ = ["EXIT_CODES", "INTERRUPTED", "cli"]
