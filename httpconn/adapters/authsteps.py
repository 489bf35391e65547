"""The authentication flows of httpx, step by step."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from typing import Any, Generic, TypeVar

import httpx

from ..errors import InvalidRequest, StatusError

T = TypeVar("T")


class _Steps(ABC, Generic[T]):
    """See :class:`httpconn.runtime.port.AuthSteps`."""

    def __init__(self, flow: T, original: httpx.Request) -> None:
        self._flow = flow
        self._original = original

    async def next(self, response: httpx.Response | None) -> httpx.Request | None:
        try:
            made = await self._step(response)
            if isinstance(made, httpx.Request) and made is not self._original:
                made.read()
        except httpx.HTTPStatusError as error:
            raise StatusError(error.response) from error
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            hint = "; set requires_response_body to read responses" if isinstance(error, httpx.StreamError) else ""
            raise InvalidRequest(f"auth: the authentication flow raised {type(error).__name__}{hint}") from error
        if not isinstance(made, httpx.Request | None):
            raise InvalidRequest("auth: the authentication flow must yield requests of httpx")
        return made

    @abstractmethod
    async def _step(self, response: httpx.Response | None) -> httpx.Request | None: ...


class SyncAuthSteps(_Steps[Generator[httpx.Request, Any, None]]):
    """The steps of ``sync_auth_flow``."""

    async def _step(self, response: httpx.Response | None) -> httpx.Request | None:
        try:
            return self._flow.send(response)
        except StopIteration:
            return None

    async def close(self) -> None:
        self._flow.close()


class AsyncAuthSteps(_Steps[AsyncGenerator[httpx.Request, Any]]):
    """The steps of ``async_auth_flow``."""

    async def _step(self, response: httpx.Response | None) -> httpx.Request | None:
        try:
            return await self._flow.asend(response)
        except StopAsyncIteration:
            return None

    async def close(self) -> None:
        await self._flow.aclose()
