"""Locks for ``with`` statements that a signal handler can interrupt.

Python 3.14 can run a signal handler between the acquisition of a lock and the block of its ``with`` statement. If the
handler raises, the lock stays acquired. Other versions run no handler there. eventlet and gevent have their own locks.
"""

import _thread
import sys
import threading

if sys.version_info[:2] == (3, 14) and type(threading.RLock()).__module__ == "_thread":

    class RLock(_thread.RLock):
        """A reentrant lock that is released if a signal handler raises during ``__enter__``."""

        def __enter__(self) -> bool:
            before = self._recursion_count()
            try:
                return self.acquire()
            except BaseException:
                if self._recursion_count() > before:
                    self.release()
                raise

    class Lock(RLock):
        """A lock that is released if a signal handler raises during ``__enter__``."""

else:
    from threading import Lock as Lock
    from threading import RLock as RLock
