"""The command line: ``httpconn get``, ``download``, ``check`` and ``completion``."""

from .check import check
from .completion import completion
from .download import download
from .ending import EXIT_CODES, INTERRUPTED
from .get import get
from .group import cli

for _command in (get, download, check, completion):
    cli.add_command(_command)

__all__ = ["EXIT_CODES", "INTERRUPTED", "cli"]
