"""Arrow arrays of Python values.

``pyarrow.array`` imports pandas, if it is installed, which takes 50 MB of memory in each process. So the usual types
are built from buffers here.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

_CODES = {
    pa.int8(): "b",
    pa.int16(): "h",
    pa.int32(): "i",
    pa.int64(): "q",
    pa.uint8(): "B",
    pa.uint16(): "H",
    pa.uint32(): "I",
    pa.uint64(): "Q",
    pa.float32(): "f",
    pa.float64(): "d",
}
_OFFSETS = {pa.string(): "i", pa.binary(): "i", pa.large_string(): "q", pa.large_binary(): "q"}
_KINDS = {frozenset({bool}): pa.bool_(), frozenset({int}): pa.int64(), frozenset({str}): pa.string()}
_KINDS |= {frozenset(each): pa.float64() for each in ({float}, {int, float})}


def type_of(values: Sequence[Any]) -> pa.DataType:
    """Infer the type of a column. A column of nulls is a column of strings."""
    kinds = frozenset(type(each) for each in values if each is not None)
    return _KINDS.get(kinds) or (pa.array(values).type if kinds else pa.string())


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return an array. A lone surrogate, which a JSON escape can form, becomes a question mark.

    Raises:
        TypeError, OverflowError, pa.ArrowException: a value has another type.
    """
    if kind in _CODES:
        return _array(values, kind, array(_CODES[kind], [0 if each is None else each for each in values]))
    if kind == pa.bool_():
        return _array(values, kind, _bits(values))
    if kind in _OFFSETS:
        data = [b"" if each is None else _encoded(each, kind) for each in values]
        return _array(values, kind, _offsets(data, _OFFSETS[kind]), b"".join(data))
    if pa.types.is_map(kind) or pa.types.is_list(kind):
        return _nested(values, kind)
    return pa.array(values, kind)


def joined(sizes: Sequence[int | None], data: bytearray) -> pa.Array:
    """Return an array of binary values that follow each other in ``data``, without a copy."""
    return _array(sizes, pa.binary(), array("i", accumulate((each or 0 for each in sizes), initial=0)), data)


def _encoded(value: Any, kind: pa.DataType) -> bytes:
    if isinstance(value, str) and kind in (pa.string(), pa.large_string()):
        return value.encode("utf-8", "replace")
    if isinstance(value, bytes) and kind in (pa.binary(), pa.large_binary()):
        return value
    raise TypeError(f"{type(value).__name__} was given")


def _nested(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    rows = [[] if each is None else each for each in values]
    if pa.types.is_list(kind):
        child = array_of(list(chain.from_iterable(rows)), kind.value_type)
    else:
        pairs = [pair for each in rows for pair in (each.items() if isinstance(each, dict) else each)]
        names, items = (
            array_of([each[0] for each in pairs], kind.key_type),
            array_of([each[1] for each in pairs], kind.item_type),
        )
        child = pa.StructArray.from_arrays([names, items], fields=[kind.key_field, kind.item_field])
    return _array(values, kind, _offsets(rows), children=[child])


def _array(values: Sequence[Any], kind: pa.DataType, *buffers: Any, children: list[pa.Array] | None = None) -> pa.Array:
    valid = [each is not None for each in values]
    given = [None if all(valid) else _bits(valid), *buffers]
    data = [None if each is None else pa.py_buffer(each) for each in given]
    return pa.Array.from_buffers(kind, len(values), data, children=children)


def _bits(values: Sequence[Any]) -> bytes:
    """Return a bit for each value, the first in the lowest bit of the first byte."""
    text = "".join("1" if each else "0" for each in reversed(values))
    return int(text or "0", 2).to_bytes(len(values) // 8 + 1, "little")


def _offsets(values: Sequence[Any], code: str = "i") -> Any:
    return array(code, accumulate(map(len, values), initial=0))
