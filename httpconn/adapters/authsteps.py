"""The authentication flows of httpx, step by step."""

from typing import Any

import httpx

from ..errors import InvalidRequest, StatusError


class AuthSteps:
    """The steps of ``sync_auth_flow`` or ``async_auth_flow``; see :class:`httpconn.runtime.port.AuthSteps`."""

    def __init__(self, auth: Any, original: httpx.Request, *, is_async: bool) -> None:
        name = "async_auth_flow" if is_async else "sync_auth_flow"
        begin = getattr(auth, name, None)
        flow: Any = None if begin is None else begin(original)
        self._flow = flow
        self._is_async = is_async and hasattr(flow, "asend")  # a flow that awaits nothing may be a plain generator
        if not (self._is_async or hasattr(flow, "send")):
            raise InvalidRequest(f"auth: {name} must be a generator that yields requests")
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

    async def _step(self, response: httpx.Response | None) -> Any:
        try:
            return await self._flow.asend(response) if self._is_async else self._flow.send(response)
        except (StopIteration, StopAsyncIteration):
            return None

    async def close(self) -> None:
        if self._is_async:
            await self._flow.aclose()
        else:
            self._flow.close()
