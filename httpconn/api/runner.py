"""The base class of the methods of HTTPConnection, which runs flows in synchronous and asynchronous code."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from ..core.lazymodules import LazyModule
from ..exchange.rules import Call
from ..runtime.stepping import run_sync
from .arguments import CallFactory
from .clients import Clients

if TYPE_CHECKING:
    from .. import response as response
    from ..exchange import fetch as fetch
    from ..exchange.scheduling import Worker
    from ..runtime.port import Port
    from ..runtime.threads import ThreadWorkerGroup
    from .asyncport import AsyncPort
    from .syncport import SyncPort, WorkerPort
else:
    fetch, response = LazyModule("exchange.fetch"), LazyModule("response")

T = TypeVar("T")
P = ParamSpec("P")
Flow = Callable[Concatenate["Port", Call, P], Coroutine[Any, Any, T]]


def like(model: Callable[P, object]) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """Declare that a method has the parameters of another method, for type checkers and :func:`inspect.signature`.

    The method must call :func:`reject_unknown` with its ``**options``. A decorator that did this would cost a call.
    """
    source = cast(FunctionType, model)

    def declare(method: Any) -> Any:
        shown = FunctionType(source.__code__, source.__globals__, method.__name__, source.__defaults__)
        shown.__kwdefaults__ = source.__kwdefaults__
        annotations = source.__annotations__ | {"return": method.__annotations__["return"]}
        shown.__annotations__ = method.__annotations__ = annotations
        method.__wrapped__ = shown
        return method

    return declare


def reject_unknown(method: Any, options: Mapping[str, object]) -> None:
    """Raise TypeError for an option that a method declared with :func:`like` does not have, as Python does."""
    for name in options.keys() - method.__wrapped__.__kwdefaults__:
        raise TypeError(f"{method.__qualname__}() got an unexpected keyword argument {name!r}")


class Runner:
    """A base class that runs flows: at once in synchronous code, awaited in asyncio and trio."""

    _calls: CallFactory
    _clients: Clients

    def _sync_port(self) -> SyncPort:
        client = self._clients.sync_client()
        return client.port(client, owned=not self._clients.reuse)

    async def _async_port(self, worker: Worker | None = None) -> AsyncPort:
        client = self._clients.current() or await self._clients.async_client()
        return client.port(client, owned=not self._clients.reuse, worker=worker)

    def _run(self, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = self._sync_port()
        return run_sync(fetch.run_call(port, call, flow(port, call, *args, **kwargs)))

    async def _await(self, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = await self._async_port()
        return await fetch.run_call(port, call, flow(port, call, *args, **kwargs))

    def _respond(self, call: Call, stream: bool) -> response.Response:
        port = self._sync_port()
        opened, content = run_sync(fetch.respond(port, call, stream))
        return response.Response(opened, response.SyncStream(opened), content)

    async def _await_response(self, call: Call, stream: bool) -> response.Response:
        port = await self._async_port()
        opened, content = await fetch.respond(port, call, stream)
        return response.Response(opened, response.AsyncStream(opened), content)

    async def _run_in(
        self, group: ThreadWorkerGroup, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        port = await self._worker_port(group)
        return await fetch.run_call(port, call, flow(port, call, *args, **kwargs))

    async def _worker_port(self, group: ThreadWorkerGroup, worker: Worker | None = None) -> WorkerPort:
        client = self._clients.sync_client()
        return client.worker_port(client, group, owned=not self._clients.reuse, worker=worker)
