"""What of a connection object goes to other processes: the options that it was made with, never a connection."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ..errors import InvalidRequest

_HINTS = {
    "verify": 'give the path of a PEM file, or "system"',
    "event_hooks": "give functions that are defined in a module",
    "resolver": "give a function that is defined in a module",
}


def given(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that are not the function's defaults, all of them keywords."""
    defaults: Mapping[str, Any] = getattr(function, "__kwdefaults__", {})
    return {name: _as_it_is(arguments[name]) for name, default in defaults.items() if arguments[name] is not default}


def _as_it_is(value: Any) -> Any:
    """What the caller makes of it later changes nothing here either."""
    if isinstance(value, dict):
        return {key: _as_it_is(item) for key, item in value.items()}
    if isinstance(value, list):
        return [*value]
    return copy.deepcopy(value) if isinstance(value, MutableMapping) else value


def picklable(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same; raises InvalidRequest, which names the option that cannot be pickled."""
    for name, value in options.items():
        try:
            pickle.dumps(value)
        except Exception as error:
            hint = _HINTS.get(name, "make the connection where it is used")
            raise InvalidRequest(f"A connection with this {name}= cannot be pickled: {hint}") from error
    return dict(options)
