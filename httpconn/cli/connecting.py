"""What commands fetch with."""

from __future__ import annotations

import os
from typing import Any

from ..access import access_of
from ..connection import HTTPConnection
from ..options import Timeouts


def connected(*, retries: int, timeout: float | None, **options: Any) -> HTTPConnection:
    """A connection object that fetches what HTTPCONN_ACCESS allows.

    Args:
        timeout: seconds for each transfer; None is what the policy for strangers' URLs says, else no bound.
    """
    access = access_of(os.environ)
    if timeout is not None or not access.public:
        options["timeout"] = Timeouts(total=timeout)
    return HTTPConnection(access=access, retries=retries, **options)
