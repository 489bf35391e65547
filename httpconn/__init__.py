"""httpconn fetches bytes, text, JSON and files over HTTP, from synchronous code, asyncio and trio alike."""

from ._version import __version__
from .access import AccessPolicy
from .checked import Checked, CheckedAddress
from .connection import HTTPConnection, global_http_connection
from .core.intake import ByteBudget
from .downloaded import Downloaded
from .errors import *  # noqa: F403 - errors.__all__ is the public list
from .errors import __all__ as _errors
from .fetched import Fetched, Saved
from .hooks import RedirectEvent, RetryEvent
from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts
from .pins import Pinned
from .ports.clock import deadline
from .progress import Progress, ProgressCallback
from .remotefile import RemoteFile
from .response import Response
from .results import AsyncResults, Results
from .stats import HostStats, PoolStats, Stats

__all__ = [
    "AccessPolicy",
    "AsyncResults",
    "ByteBudget",
    "Checked",
    "CheckedAddress",
    "Downloaded",
    "Fetched",
    "HTTPConnection",
    "HostStats",
    "Limits",
    "Pinned",
    "PoolStats",
    "Progress",
    "ProgressCallback",
    "RateLimit",
    "RedirectEvent",
    "RedirectPolicy",
    "RemoteFile",
    "Response",
    "Results",
    "RetryEvent",
    "RetryPolicy",
    "Saved",
    "Stats",
    "Timeouts",
    "__version__",
    "deadline",
    "global_http_connection",
    *_errors,
]
