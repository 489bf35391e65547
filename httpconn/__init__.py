"""httpconn fetches bytes, text, JSON and files over HTTP, from synchronous code, asyncio and trio alike."""

from ._version import __version__
from .access import AccessPolicy
from .connection import HTTPConnection, global_http_connection
from .core.intake import ByteBudget
from .errors import *  # noqa: F403 - errors.__all__ is the public list
from .errors import __all__ as _errors
from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts
from .progress import Progress, ProgressCallback
from .response import Response

__all__ = [
    "AccessPolicy",
    "ByteBudget",
    "HTTPConnection",
    "Limits",
    "Progress",
    "ProgressCallback",
    "RateLimit",
    "RedirectPolicy",
    "Response",
    "RetryPolicy",
    "Timeouts",
    "__version__",
    "global_http_connection",
    *_errors,
]
