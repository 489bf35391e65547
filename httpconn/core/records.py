"""Data classes that take a fifth of the time of ``dataclasses.dataclass`` to define.

``dataclasses`` compiles up to seven methods for each class. Here a class compiles only its ``__init__``, and all
classes share the other methods. They behave as those of ``dataclasses``, and type checkers see its decorator.
"""

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, init=True, eq=True, frozen=False, **options):
        """Make a class a data class. The arguments are those of ``dataclasses.dataclass``."""

        def define(kind):
            own = set(kind.__dict__)
            declared = frozen and dataclasses.is_dataclass(kind)  # a subclass of a frozen class must say that it is one
            made = dataclasses.dataclass(init=False, repr=False, eq=False, frozen=declared, **options)(kind)
            made.__dataclass_params__.frozen = frozen
            methods = {"__repr__": _repr, **(_FROZEN if frozen else {})}
            methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None} if eq else {}
            methods |= {"__init__": _init_of(made, frozen)} if init else {}
            for name in methods.keys() - own:
                setattr(made, name, methods[name])
            return made

        return define


def _init_of(kind: type, frozen: bool) -> Callable[..., None]:
    """Return a method that sets the fields, and then calls ``__post_init__`` if the class has it.

    The method is compiled from text, as in ``dataclasses``, with the names of the module in which the class is defined.
    """
    listed: Any = fields(kind)
    positional, named = [each for each in listed if not each.kw_only], [each for each in listed if each.kw_only]
    parameters = ["self", *(each.name for each in positional), *["*"][: len(named)], *(each.name for each in named)]
    makers = {f"_make_{each.name}": each.default_factory for each in listed if each.default_factory is not MISSING}
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING, **makers}
    lines = []
    for name in (each.name for each in listed):
        value = f"_make_{name}() if {name} is _MISSING else {name}" if f"_make_{name}" in makers else name
        lines.append(f"  _set(self, {name!r}, {value})" if frozen else f"  self.{name} = {value}")
    lines += ["  self.__post_init__()"] if hasattr(kind, "__post_init__") else []
    head = f"def define({', '.join(known)}):\n def __init__({', '.join(parameters)}):"
    scope: dict[str, Any] = {}
    exec("\n".join([head, *lines, " return __init__"]), vars(sys.modules[kind.__module__]), scope)  # noqa: S102 - see above
    init: Callable[..., None] = scope["define"](**known)
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    init.__defaults__ = tuple(each.default for each in positional if _is_optional(each))
    init.__kwdefaults__ = {each.name: each.default for each in named if _is_optional(each)}
    init.__annotations__ = {each.name: each.type for each in listed} | {"return": None}
    return init


def _is_optional(field: dataclasses.Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, each.name) for each in fields(record) if each.compare)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _eq(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if self.__class__ is other.__class__ else NotImplemented


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _set(self: Any, name: str, *value: object) -> None:
    """Reject a change of a field. A subclass that is not a data class can have attributes of its own."""
    if "__dataclass_fields__" in type(self).__dict__ or name in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")
    (object.__setattr__ if value else object.__delattr__)(self, name, *value)


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


_FROZEN: dict[str, Any] = {
    "__setattr__": _set,
    "__delattr__": _set,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
