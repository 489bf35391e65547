"""The events that hooks receive."""

from dataclasses import dataclass

from ..errors import HTTPConnError


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """A failed attempt that is followed by another attempt.

    Attributes:
        url: the URL of the call, redacted.
        attempt: the number of the attempt that failed; the first is 1.
        error: the error of the attempt; for an error status, a :class:`StatusError`.
        wait: seconds until the next attempt.
    """

    url: str
    attempt: int
    error: HTTPConnError
    wait: float


@dataclass(frozen=True, slots=True)
class RedirectEvent:
    """A redirect that is followed.

    Attributes:
        url: the redirected URL, redacted.
        to: the target of the redirect, redacted.
        status_code: the status of the response.
    """

    url: str
    to: str
    status_code: int
