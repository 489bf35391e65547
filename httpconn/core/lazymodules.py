"""Modules that are imported at their first use, so that a program does not load parts that it does not use."""

from importlib import import_module
from typing import Any


class LazyModule:
    """A stand-in for a module of httpconn. It imports the module when one of its names is first used.

    Annotations such as ``response.Response`` can use it: ``typing.get_type_hints`` resolves them.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        """Return the object of a name in the module. Later uses find it as an attribute."""
        value = getattr(import_module(f"httpconn.{self._name}"), name)
        setattr(self, name, value)
        return value
