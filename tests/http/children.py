"""Child processes of the test process."""

from __future__ import annotations

import os
from collections.abc import Callable


def exit_code_of(child: Callable[[], bool]) -> int:
    """Run a function in a forked process, and return the exit code: 0 if it returns true."""
    process = os.fork()
    if not process:
        try:
            os._exit(0 if child() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
