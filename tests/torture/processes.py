"""Processes of their own, and how they ended."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable


def start(work: Callable[[], object]) -> int:
    """Do the work in a forked process; its number."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        work()
        code = 0
    except Exception:  # noqa: BLE001 - told, and the process ends
        traceback.print_exc()
    finally:
        os._exit(code)


def finished_well(number: int, *, maybe_killed: bool) -> bool:
    """Wait for a process."""
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    return code == 0 or (maybe_killed and code == -signal.SIGKILL)
