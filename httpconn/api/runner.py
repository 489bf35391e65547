"""The base class of the methods of HTTPConnection, which runs flows in synchronous and asynchronous code."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from ..exchange import fetch
from ..exchange.requeststate import Call
from ..runtime.port import Port
from ..runtime.stepping import run_sync
from .arguments import CallFactory
from .clients import Clients

if TYPE_CHECKING:
    from ..exchange.scheduling import Seat
    from ..runtime.threads import ThreadWorkerGroup
    from .asyncport import AsyncPort
    from .syncport import SyncPort

T = TypeVar("T")
P = ParamSpec("P")
Flow = Callable[Concatenate[Port, Call, P], Coroutine[Any, Any, T]]


class Runner:
    """A base class that runs flows: at once in synchronous code, awaited in asyncio and trio."""

    _calls: CallFactory
    _clients: Clients

    def _sync_port(self) -> SyncPort:
        client = self._clients.sync_client()
        return client.port(client, owned=not self._clients.reuse)

    async def _async_port(self, seat: Seat | None = None) -> AsyncPort:
        client = self._clients.current() or await self._clients.async_client()
        return client.port(client, owned=not self._clients.reuse, seat=seat)

    def _run(self, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = self._sync_port()
        return run_sync(fetch.run_call(port, call, flow(port, call, *args, **kwargs)))

    async def _await(self, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = await self._async_port()
        return await fetch.run_call(port, call, flow(port, call, *args, **kwargs))

    async def _await_in(self, seat: Seat, flow: Flow[P, T], call: Call, *args: P.args, **kwargs: P.kwargs) -> T:
        port = await self._async_port(seat)
        return await fetch.run_call(port, call, flow(port, call, *args, **kwargs))

    def _run_in(
        self,
        group: ThreadWorkerGroup,
        seat: Seat | None,
        flow: Flow[P, T],
        call: Call,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Coroutine[Any, Any, T]:
        client = self._clients.sync_client()
        port = client.worker_port(client, group, owned=not self._clients.reuse, seat=seat)
        return fetch.run_call(port, call, flow(port, call, *args, **kwargs))
