"""Event hooks: the functions that a caller registers, and the events that they receive."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Self

from .errors import HTTPConnError, InvalidRequest

Hook = Callable[..., Any]


class Hooks(NamedTuple):
    """The functions for each event, in the order of the calls."""

    request: tuple[Hook, ...] = ()
    response: tuple[Hook, ...] = ()
    retry: tuple[Hook, ...] = ()
    redirect: tuple[Hook, ...] = ()
    download: tuple[Hook, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Sequence[Hook]] | None) -> Self:
        """Return the hooks of a mapping from event names to lists of functions."""
        for event, hooks in (given or {}).items():
            if event not in cls._fields:
                raise InvalidRequest(f"There is no event hook {event!r}; the events are {', '.join(cls._fields)}")
            if isinstance(hooks, str) or not isinstance(hooks, Sequence) or not all(map(callable, hooks)):
                raise InvalidRequest(f"The event hooks of {event!r} must be a list of functions")
        return cls(**{event: tuple(hooks) for event, hooks in (given or {}).items()})

    def require_plain(self) -> None:
        """Reject hooks that a synchronous call cannot await."""
        for hook in chain.from_iterable(self):
            # A class can define __call__ as a coroutine function.
            if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(type(hook).__call__):
                raise not_awaited(hook)


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


def not_awaited(hook: Hook) -> InvalidRequest:
    """Return the error for a hook that only asynchronous methods can call."""
    name = getattr(hook, "__qualname__", None) or type(hook).__qualname__
    return InvalidRequest(f"The event hook {name} must be awaited; use it with the asynchronous methods only")


class HookRaised(Exception):
    """A wrapper for an HTTPConnError that a hook raised. Such an error is not retried.

    Attributes:
        error: the error of the hook. The caller gets it without the wrapper.
    """

    def __init__(self, error: HTTPConnError) -> None:
        super().__init__(str(error))
        self.error: HTTPConnError = error
