"""Bytes, text, JSON and files over HTTP, for synchronous code, asyncio and trio.

Each name is imported at its first use. This keeps the import fast for programs that use httpconn late or not at all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .access import AccessPolicy as AccessPolicy
    from .api.asyncfile import AsyncRemoteFile as AsyncRemoteFile
    from .api.outcomes import CollectionResult as CollectionResult
    from .api.outcomes import Fetched as Fetched
    from .api.outcomes import Saved as Saved
    from .api.remotefile import RemoteFile as RemoteFile
    from .api.results import AsyncResults as AsyncResults
    from .api.results import Results as Results
    from .cache import Cache as Cache
    from .connection import HTTPConnection as HTTPConnection
    from .connection import global_http_connection as global_http_connection
    from .core.accesschecks import Checked as Checked
    from .core.accesschecks import CheckedAddress as CheckedAddress
    from .core.auth import Bearer as Bearer
    from .core.bodycounter import ByteBudget as ByteBudget
    from .core.items import Item as Item
    from .core.metadata import Metadata as Metadata
    from .downloads.downloaded import Downloaded as Downloaded
    from .downloads.manifest import Manifest as Manifest
    from .errors import *  # noqa: F403 - errors.__all__ is the public list
    from .hooks import RedirectEvent as RedirectEvent
    from .hooks import RetryEvent as RetryEvent
    from .hosts import HostOptions as HostOptions
    from .network.credentials import ProxyAuth as ProxyAuth
    from .network.pins import Pinned as Pinned
    from .network.proxies import Proxy as Proxy
    from .options import Limits as Limits
    from .options import RateLimit as RateLimit
    from .options import RedirectPolicy as RedirectPolicy
    from .options import RetryPolicy as RetryPolicy
    from .options import Timeouts as Timeouts
    from .progress import Progress as Progress
    from .progress import ProgressCallback as ProgressCallback
    from .response import Response as Response
    from .runtime.clock import deadline as deadline
    from .stats import HostStats as HostStats
    from .stats import PoolStats as PoolStats
    from .stats import Stats as Stats

_NAMES = {
    "access": "AccessPolicy",
    "api.asyncfile": "AsyncRemoteFile",
    "api.outcomes": "CollectionResult Fetched Saved",
    "api.remotefile": "RemoteFile",
    "api.results": "AsyncResults Results",
    "cache": "Cache",
    "connection": "HTTPConnection global_http_connection",
    "core.accesschecks": "Checked CheckedAddress",
    "core.auth": "Bearer",
    "core.bodycounter": "ByteBudget",
    "core.metadata": "Metadata",
    "core.items": "Item",
    "downloads.downloaded": "Downloaded",
    "hooks": "RedirectEvent RetryEvent",
    "hosts": "HostOptions",
    "downloads.manifest": "Manifest",
    "network.credentials": "ProxyAuth",
    "network.pins": "Pinned",
    "network.proxies": "Proxy",
    "options": "Limits RateLimit RedirectPolicy RetryPolicy Timeouts",
    "progress": "Progress ProgressCallback",
    "response": "Response",
    "runtime.clock": "deadline",
    "stats": "HostStats PoolStats Stats",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}
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
