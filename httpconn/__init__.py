"""Bytes, text, JSON and files over HTTP, for synchronous code, asyncio and trio.

Each name is imported at its first use. This keeps the import fast for programs that use httpconn late or not at all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .access import AccessPolicy
    from .api.asyncfile import AsyncRemoteFile
    from .api.outcomes import Fetched, Saved
    from .api.remotefile import RemoteFile
    from .api.results import AsyncResults, Results
    from .cache import Cache
    from .connection import HTTPConnection, global_http_connection
    from .core.accesschecks import Checked, CheckedAddress
    from .core.bodycounter import ByteBudget
    from .downloads.downloaded import Downloaded
    from .errors import *  # noqa: F403 - errors.__all__ is the public list
    from .errors import __all__ as _errors
    from .hooks import RedirectEvent, RetryEvent
    from .network.credentials import ProxyAuth
    from .network.pins import Pinned
    from .network.proxies import Proxy
    from .options import Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts
    from .progress import Progress, ProgressCallback
    from .response import Response
    from .runtime.clock import deadline
    from .stats import HostStats, PoolStats, Stats

    __all__ = [
        "AccessPolicy",
        "AsyncRemoteFile",
        "AsyncResults",
        "ByteBudget",
        "Cache",
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
        "Proxy",
        "ProxyAuth",
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

_MODULE_OF = {
    "AccessPolicy": "access",
    "Cache": "cache",
    "Checked": "core.accesschecks",
    "CheckedAddress": "core.accesschecks",
    "HTTPConnection": "connection",
    "global_http_connection": "connection",
    "ByteBudget": "core.bodycounter",
    "Downloaded": "downloads.downloaded",
    "Fetched": "api.outcomes",
    "Saved": "api.outcomes",
    "RedirectEvent": "hooks",
    "RetryEvent": "hooks",
    "Limits": "options",
    "RateLimit": "options",
    "RedirectPolicy": "options",
    "RetryPolicy": "options",
    "Timeouts": "options",
    "Pinned": "network.pins",
    "deadline": "runtime.clock",
    "Progress": "progress",
    "ProgressCallback": "progress",
    "AsyncRemoteFile": "api.asyncfile",
    "RemoteFile": "api.remotefile",
    "Response": "response",
    "AsyncResults": "api.results",
    "Results": "api.results",
    "HostStats": "stats",
    "PoolStats": "stats",
    "Stats": "stats",
    "Proxy": "network.proxies",
    "ProxyAuth": "network.credentials",
}
_MODULES = ("errors", "progress", "testing", "transport")

if not TYPE_CHECKING:  # with this function, type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f".{name}", __name__)
        if name == "__all__":
            return [*_MODULE_OF, "__version__", *_errors_module().__all__]
        module = _MODULE_OF.get(name) or _module_of_error(name)
        found = globals()[name] = getattr(import_module(f".{module}", __name__), name)
        return found

    def _module_of_error(name: str) -> str:
        if name.startswith("_") or name not in _errors_module().__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return "errors"

    def _errors_module() -> Any:
        return import_module(".errors", __name__)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__"), *_MODULES})
