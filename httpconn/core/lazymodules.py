"""Modules that are imported at their first use, so that a program does not load parts that it does not use."""

from collections.abc import Callable
from importlib import import_module
from typing import Any


class Lazy:
    """A stand-in for an object that a function makes when one of its attributes is first used."""

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        self._make = make
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the object. Later uses find it as an attribute of the stand-in."""
        value = getattr(self._make(*self._arguments), name)
        setattr(self, name, value)
        return value


class LazyModule(Lazy):
    """A stand-in for a module of httpconn.

    Annotations such as ``response.Response`` can use it: ``typing.get_type_hints`` resolves them.
    """

    def __init__(self, name: str) -> None:
        super().__init__(import_module, f"httpconn.{name}")
