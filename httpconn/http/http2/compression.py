"""Field compression for HTTP/2 (RFC 7541), with the static table and Huffman code of the hpack package.

The encoder does not use the dynamic table. So a field block does not depend on earlier blocks and can be cached, and
its size does not reveal a correctly guessed secret to an attacker (RFC 7541 section 7.1). The decoder uses the dynamic
table that the server fills. The encoder and decoder of hpack are not used, because they log every field.
"""

from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from .faults import ConnectionFault, ErrorCode

Field = tuple[bytes, bytes]

TABLE_SIZE = 4096  # maximum bytes of the dynamic table: the initial SETTINGS_HEADER_TABLE_SIZE (RFC 9113 section 6.5.2)

EMPTY_TABLE = b"\x20"
"""The prefix of the first field block. It sets the encoder's dynamic table to size 0 (RFC 7541 section 6.3)."""

ENTRY_OVERHEAD = 32  # bytes that each field counts in addition to its name and value (RFC 7541 section 4.1)

_STATIC: tuple[Field, ...] = tuple(HeaderTable.STATIC_TABLE)
_STATIC_SIZE = len(_STATIC)
_INDEX_OF = {field: index for index, field in reversed([*enumerate(_STATIC, 1)])}
_INDEX_OF_NAME = {name: index for index, (name, _) in reversed([*enumerate(_STATIC, 1)])}
_PATH = _INDEX_OF_NAME[b":path"]

# These are encoded as never indexed, so that an intermediary does not index them either (RFC 7541 section 7.1.3).
_SECRET = frozenset({b"authorization", b"cookie", b"proxy-authorization"})

_MAX_INTEGER_SIZE = 5
_MAX_CACHED_TEXT = 64


def encode_fields(fields: Iterable[Field]) -> bytes:
    """Encode fields, each as an index of the static table or as a literal (RFC 7541 section 6)."""
    return b"".join(map(_encode_field, fields))


def encode_target(target: bytes) -> bytes:
    """Encode the ``:path`` field with a request target."""
    return b"%c%b%b" % (_PATH, _encode_integer(len(target), 0x7F, 0), target)


def _encode_field(field: Field) -> bytes:
    index = _INDEX_OF.get(field)
    if index is not None:
        return _encode_integer(index, 0x7F, 0x80)
    name, value = field
    index = _INDEX_OF_NAME.get(name, 0)
    begin = _encode_integer(index, 0x0F, 0x10 if name in _SECRET else 0)
    return (begin if index else begin + _encode_text(name)) + _encode_text(value)


def _encode_text(text: bytes) -> bytes:
    return _encode_integer(len(text), 0x7F, 0) + text


def _encode_integer(value: int, prefix: int, flags: int) -> bytes:
    """Encode an integer (RFC 7541 section 5.1); the first byte can hold a value below ``prefix``."""
    if value < prefix:
        return bytes((flags | value,))
    encoded = bytearray((flags | prefix,))
    value -= prefix
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class FieldDecoder:
    """The decoder of a connection's field blocks, with its dynamic table.

    ``max_size`` limits the size of the fields of a block, with 32 bytes for each, because a small block can refer to a
    large field many times.
    """

    def __init__(self, max_size: int) -> None:
        self._entries: deque[Field] = deque()
        self._limit = TABLE_SIZE
        self._max_size = max_size
        self._size = 0
        # The number of changes to the table. Between changes, a block always decodes to the same fields.
        self.changes: int = 0

    def decode(self, block: bytes) -> list[Field]:
        """Return the fields of a block. After an error, the table is out of sync with the server."""
        try:
            return self._decode(block)
        except (IndexError, HPACKDecodingError):
            raise _malformed("cannot be decoded") from None

    def _decode(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        position, end, left = 0, len(block), self._max_size
        while position < end:
            first = block[position]
            if first & 0x80:  # section 6.1
                index, position = _integer(block, position, 0x7F)
                field = self._entry(index)
            elif first & 0x40:  # section 6.2.1
                field, position = self._literal(block, position, 0x3F)
                self._add(field)
            elif first & 0x20:  # section 6.3
                if fields:
                    raise _malformed("resizes the table after a field")
                size, position = _integer(block, position, 0x1F)
                self._resize(size)
                continue
            else:  # sections 6.2.2 and 6.2.3
                field, position = self._literal(block, position, 0x0F)
            left -= len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
            if left < 0:
                raise _malformed(f"unpacks to more than {self._max_size:,} bytes")
            fields.append(field)
        return fields

    def _literal(self, block: bytes, position: int, mask: int) -> tuple[Field, int]:
        index, position = _integer(block, position, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, position = _text(block, position)
        value, position = _text(block, position)
        return (name, value), position

    def _entry(self, index: int) -> Field:
        if index > _STATIC_SIZE:
            return self._entries[index - _STATIC_SIZE - 1]
        if not index:
            raise IndexError
        return _STATIC[index - 1]

    def _add(self, field: Field) -> None:
        self.changes += 1
        self._entries.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        self._evict()

    def _resize(self, limit: int) -> None:
        if limit > TABLE_SIZE:
            raise _malformed("makes the table larger than allowed")
        if limit != self._limit:
            self.changes += 1
            self._limit = limit
            self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:  # section 4.4: an entry larger than the table empties it
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    for shift in range(0, 7 * _MAX_INTEGER_SIZE, 7):
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _malformed("has a number that is too large")


def _text(block: bytes, position: int) -> tuple[bytes, int]:
    is_huffman = block[position] & 0x80
    length, position = _integer(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise _malformed("is cut short")
    text = block[position:end]
    if is_huffman:
        text = _cached_huffman(text) if length <= _MAX_CACHED_TEXT else decode_huffman(text)
    return text, end


_cached_huffman = lru_cache(maxsize=512)(decode_huffman)


def _malformed(fault: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, f"A field block of the server {fault}")
