"""The base class of the methods of HTTPConnection, which runs flows in synchronous and asynchronous code."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..exchange import fetch
from ..exchange.requeststate import Call
from ..runtime.port import Port
from ..runtime.stepping import run_sync
from ..runtime.threads import ThreadWorkerGroup
from .arguments import CallFactory
from .asyncport import AsyncPort
from .clients import Clients
from .syncport import SyncPort, WorkerPort

T = TypeVar("T")
P = ParamSpec("P")
Flow = Callable[Concatenate[Port, Call, P], Coroutine[Any, Any, T]]


class Runner:
    """A base class that runs flows: at once in synchronous code, awaited in asyncio and trio."""

    _calls: CallFactory
    _clients: Clients

    def _sync_port(self) -> SyncPort:
        return SyncPort(self._clients.sync_client(), owned=not self._clients.reuse)

    async def _async_port(self) -> AsyncPort:
        client = self._clients.current() or await self._clients.async_client()
        return AsyncPort(client, owned=not self._clients.reuse)

    def _run(self, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = self._sync_port()
        return run_sync(fetch.run_call(port, call, flow(port, call, *args, **kwargs)))

    async def _await(self, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = await self._async_port()
        return await fetch.run_call(port, call, flow(port, call, *args, **kwargs))

    def _run_in(
        self, group: ThreadWorkerGroup, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]:
        port = WorkerPort(self._clients.sync_client(), group, owned=not self._clients.reuse)
        return fetch.run_call(port, call, flow(port, call, *args, **kwargs))
