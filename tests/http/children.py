"""Child processes of the process that is tested."""

from __future__ import annotations

import os
from collections.abc import Callable


def exit_code_of(child: Callable[[], bool]) -> int:
    """Run the function in a forked process, and give 0 when it returns true."""
    process = os.fork()
    if not process:
        try:
            os._exit(0 if child() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
