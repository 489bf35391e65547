"""Event hooks: what a caller's functions are told, and which of them there are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from .errors import HTTPConnError, InvalidRequest

Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class RetryEvent:
    """An attempt failed, and another one follows.

    Attributes:
        url: the URL of the call, redacted.
        attempt: the number of the attempt that failed, from 1.
        error: what was wrong with it; of an answer, a :class:`StatusError`.
        wait: seconds until the next one.
    """

    url: str
    attempt: int
    error: HTTPConnError
    wait: float


@dataclass(frozen=True, slots=True)
class RedirectEvent:
    """A redirect is followed.

    Attributes:
        url: the URL that answered, redacted.
        to: the one that it leads to, redacted.
        status_code: the status of the answer.
    """

    url: str
    to: str
    status_code: int


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions for each event, in the order in which they are called."""

    request: tuple[Hook, ...] = ()
    response: tuple[Hook, ...] = ()
    retry: tuple[Hook, ...] = ()
    redirect: tuple[Hook, ...] = ()
    download: tuple[Hook, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Sequence[Hook]] | None) -> Self:
        """Those of a mapping from events to lists of functions.

        Raises:
            InvalidRequest: there is no such event, or something is no list of functions.
        """
        events = [each.name for each in fields(cls)]
        for event, hooks in (given or {}).items():
            if event not in events:
                raise InvalidRequest(f"There is no event hook {event!r}; there are {', '.join(events)}")
            if isinstance(hooks, str) or not isinstance(hooks, Sequence) or not all(map(callable, hooks)):
                raise InvalidRequest(f"The event hooks of {event!r} must be a list of functions")
        return cls(**{event: tuple(hooks) for event, hooks in (given or {}).items()})

    def require_plain(self) -> None:
        """Refuse what a synchronous call could not await.

        Raises:
            InvalidRequest: a hook is a coroutine function; the message names it.
        """
        for hook in self._all():
            # An object can be one by its class.
            if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(type(hook).__call__):
                raise not_awaited(hook)

    def _all(self) -> Iterator[Hook]:
        for each in fields(self):
            yield from getattr(self, each.name)


def not_awaited(hook: Hook) -> InvalidRequest:
    """The error of a hook that only the asynchronous methods can call."""
    name = getattr(hook, "__qualname__", None) or type(hook).__qualname__
    return InvalidRequest(f"The event hook {name} has to be awaited: it serves the asynchronous methods alone")


class HookRaised(Exception):
    """Carries an error of our tree out of a flow when a hook has raised it: no retry is made for it.

    Attributes:
        error: the hook's own, which the caller gets.
    """

    def __init__(self, error: HTTPConnError) -> None:
        super().__init__(str(error))
        self.error = error
