"""Forked processes and their ends."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable


def start(work: Callable[[], object]) -> int:
    """Run a function in a forked process; return its ID."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        work()
        code = 0
    except Exception:  # noqa: BLE001 - printed, and the process ends
        traceback.print_exc()
    finally:
        os._exit(code)


def finished_well(number: int, *, maybe_killed: bool) -> bool:
    """Wait for a process; return whether it ended well."""
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    return code == 0 or (maybe_killed and code == -signal.SIGKILL)
