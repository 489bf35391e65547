"""Pickling of a connection object. The pickle holds its options; the receiving process opens its own connections."""

import copy
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ..errors import InvalidRequest

_HINTS = {
    "verify": 'give the path of a PEM file, or "system"',
    "event_hooks": "give functions that are defined in a module",
    "resolver": "give a function that is defined in a module",
}


def explicit_options(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of a call that differ from the defaults of the function."""
    defaults: Mapping[str, Any] = getattr(function, "__kwdefaults__", {})
    return {name: _snapshot(arguments[name]) for name, default in defaults.items() if arguments[name] is not default}


def _snapshot(value: Any) -> Any:
    """Copy a container, so that later changes by the caller do not affect the pickle."""
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    if isinstance(value, list):
        return [*value]
    return copy.deepcopy(value) if isinstance(value, MutableMapping) else value


def picklable(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as a dict for pickling."""
    import pickle

    for name, value in options.items():
        try:
            pickle.dumps(value)
        except Exception as error:
            hint = _HINTS.get(name, "make the connection where it is used")
            raise InvalidRequest(f"A connection with this {name}= cannot be pickled: {hint}") from error
    return dict(options)
