"""The base class of all errors of httpconn."""

from typing import Any, Literal, Self

import httpx

Fault = Literal["caller", "upstream"]

PROXY_ADVICE = (
    "The proxy requires authentication. Check user name and password in the proxy's URL (proxy= or HTTPS_PROXY):"
    ' "http://user:password@proxy:8080", or give httpconn.Proxy(url, auth=...).'
)


def install(extra: str) -> str:
    """Return the advice for a missing extra."""
    return f"A package is missing. Install it: pip install 'httpconn[{extra}]'"


class HTTPConnError(Exception):
    """The base class of every error that httpconn raises.

    Attributes:
        message: what happened, for the operator; it may name hosts and addresses.
        url: the URL, redacted, or None.
        retryable: whether the same call could succeed later.
        attempts: the number of attempts; 0 if no request was sent.
        elapsed: seconds from the start of the call to the error.
        fault: the party at fault: "caller" (an API responds with 4xx) or "upstream" (it responds with 502 or 504).
        public_message: a message that is safe to show to untrusted users. It contains no address, no query and no
            part of a body.
    """

    fault: Fault = "upstream"
    retryable: bool = False
    public_message: str = "The URL could not be fetched."
    _request: Any  # an httpx.Request, or an object with a method as_httpx

    def __init__(self, message: str, *more: Any, url: str | None = None, retryable: bool | None = None) -> None:
        # Called by name: the second base classes (of httpx, or OSError) expect other arguments.
        # Task queues rebuild an error with ``type(error)(*error.args)``, so ``args`` are those of the constructor.
        Exception.__init__(self, message, *more)
        self.message: str = message
        self.url: str | None = url
        self.attempts: int = 0
        self.elapsed: float = 0.0
        self._request = None
        if retryable is not None:
            self.retryable = retryable

    @property
    def request(self) -> httpx.Request:
        """The request that failed.

        Raises:
            RuntimeError: no request was made. httpx raises the same error.
        """
        if self._request is None:
            raise RuntimeError("The .request property has not been set.")
        return self._request if isinstance(self._request, httpx.Request) else self._request.as_httpx()

    @request.setter
    def request(self, request: httpx.Request) -> None:
        self._request = request

    def advise(self, advice: str) -> Self:
        """Add a note on how to correct a mistake, once, and return the error."""
        if advice not in getattr(self, "__notes__", ()):
            self.add_note(advice)
        return self

    def __str__(self) -> str:
        where = f" [{self.url}]" if self.url else ""
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        how = f" ({tries}, {self.elapsed:.2f} s)" if self.attempts else ""
        return f"{self.message}{where}{how}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self._state())

    def _state(self) -> dict[str, Any]:
        """Return the attributes to pickle. The request and the response hold headers and secrets of the URL."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_request", "_response")}


def _rebuild(kind: type[HTTPConnError], args: tuple[Any, ...], state: dict[str, Any]) -> HTTPConnError:
    error = kind.__new__(kind, *args)
    HTTPConnError.__init__(error, *args)
    for name, value in state.items():  # OSError keeps errno outside of __dict__
        setattr(error, name, value)
    return error
