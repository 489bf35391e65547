"""Arrow arrays of Python values.

``pyarrow.array`` imports pandas, if it is installed, which takes 50 MB of memory in each process. So the usual types
are built from buffers here.
"""

import json
from array import array
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

TEXT = pa.string()
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
_KINDS = {
    frozenset(): pa.null(),
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({str}): pa.string(),
}
_KINDS |= {frozenset(each): pa.float64() for each in ({float}, {int, float})}


def type_of(values: Sequence[Any]) -> pa.DataType:
    """Infer the type of a column. Values without a common type become text."""
    kinds = frozenset(type(each) for each in values if each is not None)
    try:
        kind = _KINDS.get(kinds) or pa.array(values).type
        if kind in _CODES:  # a number may be too large
            array_of(values, kind)
    except (TypeError, ValueError, OverflowError, pa.ArrowException):
        return TEXT
    return kind


def common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both types. Each value can be a text."""
    if first == second or second == pa.null():
        return first
    if first == pa.null():
        return second
    # The common type of one of these and another type may be unable to hold all values.
    if any(kind in (TEXT, pa.uint64()) or pa.types.is_temporal(kind) for kind in (first, second)):
        return TEXT
    schemas = [pa.schema([("", kind)]) for kind in (first, second)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").types[0]
    except pa.ArrowException:
        return TEXT


def storage_error(name: str, kind: pa.DataType) -> Exception | None:
    """Return why Parquet cannot store a column, or None."""
    file = pa.BufferOutputStream()
    try:
        pq.ParquetWriter(file, pa.schema([(name, kind)])).close()
        pq.read_schema(pa.BufferReader(file.getvalue()))  # pyarrow writes deeper types than it reads
    except (pa.ArrowException, TypeError, OSError) as error:
        return error
    return None


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return an array. In a column of texts, other values are stored as JSON.

    A lone surrogate, which a JSON escape can form, becomes a question mark.

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
    is_text = kind in (pa.string(), pa.large_string())
    if isinstance(value, bytes) and not is_text:
        return value
    if not isinstance(value, str) and not is_text:
        raise TypeError(f"{type(value).__name__} was given")
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _nested(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    rows = [[] if each is None else each for each in values]
    if pa.types.is_list(kind):
        child = array_of(list(chain.from_iterable(rows)), kind.value_type)
    else:
        pairs = [pair for each in rows for pair in (each.items() if isinstance(each, dict) else each)]
        names = array_of([each[0] for each in pairs], kind.key_type)
        items = array_of([each[1] for each in pairs], kind.item_type)
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
