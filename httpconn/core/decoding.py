"""Decoding of content codings (RFC 9110 section 8.4) in bounded chunks, so that no body uses much memory.

A body passes through at most two layers, one for each coding. Each layer has the same methods: ``feed`` adds encoded
bytes, ``take`` returns decoded bytes until it returns none, and ``finish`` checks the end of the body.
"""

import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

from ..errors import DecodingError, install

# Bytes that pass from one layer to the next, or into a decompressor, in one step. Decompressors copy their unused
# input. A large input in one step would be copied many times.
PIECE = 64 * 1024

MAX_LAYERS = 2

SPARE_STREAMS = 1000
# A body may have ``SPARE_STREAMS`` streams (members, frames), and one more for each ``STREAM_BYTES`` of its bytes. An
# empty stream has 9 bytes, but takes as long to decode as about 10,000 bytes of content.
STREAM_BYTES = 1024

# RFC 9659: a window of at most 8 MiB.
ZSTD_WINDOW_LOG = 23
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# A Python without libzstd has the module compression.zstd, but not _zstd.
ZSTD_PROBE = "_zstd" if sys.version_info >= (3, 14) else ZSTD


class _Layer(ABC):
    """A decoder of one coding. It decodes the streams (members, frames) of a body one after another."""

    coding: ClassVar[str]
    extra: ClassVar[str | None] = None  # the extra of httpconn that installs the decoder

    def __init__(self, broken: type[Exception]) -> None:
        self._broken = broken
        self._data = memoryview(b"")
        self._at = 0
        self._passed = 0
        self._streams = 0
        self._ended = False

    @classmethod
    def available(cls) -> bool:
        """Return whether a decoder is installed that can bound its output."""
        return True

    def feed(self, data: bytes) -> None:
        remaining = self._data[self._at :]
        self._passed += self._at
        self._data = memoryview(bytes(remaining) + data if remaining else data)
        self._at = 0

    def take(self, limit: int) -> bytes:
        try:
            return self._take(limit)
        except self._broken as error:
            raise self._refusal() from error

    def _take(self, limit: int) -> bytes:
        while True:
            idle = self._at == len(self._data)
            if not self._ended:
                data = self._unpack(limit)
                if data or idle:
                    return data
            elif idle:
                return b""
            else:
                self._count_stream()
                self._next_stream()

    def _count_stream(self) -> None:
        self._streams += 1
        if self._streams > SPARE_STREAMS + (self._passed + self._at) // STREAM_BYTES:
            raise DecodingError(f"The {self.coding} body has too many streams")

    def finish(self) -> None:
        if not self._ended:
            raise DecodingError(f"The {self.coding} body is truncated")

    def _refusal(self) -> DecodingError:
        return DecodingError(f"The {self.coding} body is broken, or bytes follow its end")

    @abstractmethod
    def _unpack(self, limit: int) -> bytes:
        """Decode at most one chunk. Return no bytes only if more input is needed. Set ``_ended`` after a stream."""

    def _next_stream(self) -> None:
        """Start the next stream, if the coding allows one."""
        raise self._refusal()


class _Zlib(_Layer):
    """The formats of zlib, selected by ``wbits``. Some servers add a line end to the last stream."""

    padding: ClassVar[bytes] = b"\r\n"

    def __init__(self, wbits: int) -> None:
        super().__init__(zlib.error)
        self._engine = zlib.decompressobj(wbits)

    def _unpack(self, limit: int) -> bytes:
        piece = self._data[self._at : self._at + PIECE]
        data = self._engine.decompress(piece, limit)
        self._ended = self._engine.eof
        # At the end of a stream, both attributes can hold the remaining bytes.
        remaining = self._engine.unused_data if self._ended else self._engine.unconsumed_tail
        self._at += len(piece) - len(remaining)
        return data

    def _next_stream(self) -> None:
        """Skip the padding; any other byte is an error."""
        if bytes(self._data[self._at :]).strip(self.padding):
            raise self._refusal()
        self._at = len(self._data)


class _Gzip(_Zlib):
    """gzip (RFC 1952): any number of members, and padding after the last."""

    coding = "gzip"
    padding = b"\0\r\n"

    WBITS = 16 + zlib.MAX_WBITS

    def __init__(self) -> None:
        super().__init__(self.WBITS)
        self._padded = False

    def _next_stream(self) -> None:
        self._padded = self._padded or self._data[self._at] in self.padding
        if self._padded:
            super()._next_stream()
        else:
            self._engine = zlib.decompressobj(self.WBITS)
            self._ended = False


class _Deflate(_Zlib):
    """deflate: the zlib format (RFC 1950) of RFC 9110, or raw deflate (RFC 1951), which some servers send."""

    coding = "deflate"

    def __init__(self) -> None:
        super().__init__(-zlib.MAX_WBITS)
        self._detected = False

    def _take(self, limit: int) -> bytes:
        if not self._detected:
            if len(self._data) < 2:
                return b""
            self._detect(self._data[0], self._data[1])
        return super()._take(limit)

    def _detect(self, cmf: int, flags: int) -> None:
        """Detect a zlib header (RFC 1950 section 2.2). A raw stream has the same bits only with an unusual padding."""
        self._detected = True
        if cmf & 0x0F == 8 and cmf >> 4 <= 7 and (cmf << 8 | flags) % 31 == 0:
            self._engine = zlib.decompressobj(zlib.MAX_WBITS)


class _Brotli(_Layer):
    """Brotli (RFC 7932)."""

    coding = "br"
    extra = "brotli"

    def __init__(self) -> None:
        module: Any = _brotli()
        super().__init__(module.error)
        self._engine = module.Decompressor()
        self._surplus = memoryview(b"")

    @classmethod
    def available(cls) -> bool:
        return _brotli() is not None

    def _unpack(self, limit: int) -> bytes:
        # Brotli stops growing its buffer at the limit, so it can return up to 1.5 times as many bytes.
        self._surplus = self._surplus or memoryview(self._process(min(limit, PIECE)))
        data, self._surplus = bytes(self._surplus[:limit]), self._surplus[limit:]
        self._ended = not self._surplus and self._engine.is_finished()
        return data

    def _process(self, limit: int) -> bytes:
        ready = self._engine.can_accept_more_data()
        piece = self._data[self._at : self._at + PIECE] if ready else b""
        self._at += len(piece)
        data: bytes = self._engine.process(piece, output_buffer_limit=limit)
        return data


class _Zstd(_Layer):
    """Zstandard (RFC 8878): any number of frames, including skippable ones, with the window of RFC 9659."""

    coding = "zstd"
    extra = "zstd" if sys.version_info < (3, 14) else None  # Python 3.14 or later includes it

    def __init__(self) -> None:
        self._module: Any = import_module(ZSTD)
        super().__init__(self._module.ZstdError)
        self._begin()

    @classmethod
    def available(cls) -> bool:
        return _has_zstd()

    def _begin(self) -> None:
        option = self._module.DecompressionParameter.window_log_max
        self._engine = self._module.ZstdDecompressor(options={option: ZSTD_WINDOW_LOG})
        self._fresh = True
        self._ended = False

    _next_stream = _begin

    def _unpack(self, limit: int) -> bytes:
        # Pass the first byte of a frame alone: zstd does not check the window of a frame that it gets as a whole.
        size = 1 if self._fresh else PIECE
        piece = self._data[self._at : self._at + size] if self._engine.needs_input else b""
        self._fresh = self._fresh and not piece
        data: bytes = self._engine.decompress(piece, limit)
        self._at += len(piece) - len(self._engine.unused_data)
        self._ended = self._engine.eof
        return data


@cache
def _brotli() -> ModuleType | None:
    """Return Google's package, 1.2 or later. Older versions and other packages cannot bound their output."""
    try:
        module = import_module("brotli")
    except ImportError:
        return None
    return module if hasattr(getattr(module, "Decompressor", None), "can_accept_more_data") else None


@cache
def _has_zstd() -> bool:
    """Return whether zstd is installed, without importing it, because few bodies need it."""
    try:
        return find_spec(ZSTD_PROBE) is not None
    except ImportError:
        return False


_KINDS: tuple[type[_Gzip | _Deflate | _Brotli | _Zstd], ...] = (_Gzip, _Deflate, _Brotli, _Zstd)
# x-gzip is an alias of gzip (RFC 9110 section 8.4.1.3).
_CODINGS = {"x-gzip": _Gzip, **{kind.coding: kind for kind in _KINDS}}
# All of IANA's registry of HTTP content codings.
_REGISTERED = {"aes128gcm", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", *_CODINGS}


def offered() -> str:
    """Return the value for Accept-Encoding (RFC 9110 section 12.5.3): the codings with an installed decoder."""
    return ", ".join(kind.coding for kind in _KINDS if kind.available())


class Decoder:
    """A decoder for the content codings of one body::

        decoder.feed(data)                   # bytes from the server
        while content := decoder.take(65536):
            ...
        decoder.finish()                     # at the end of the body

    ``feed`` and ``finish`` may be called only when ``take`` has returned nothing.

    Args:
        layers: the decoders of the codings, the last applied coding first.
        on_intermediate: a function that is called with the size of each chunk between two layers. It may raise an
            error, because the last layer can consume many chunks and return no bytes.
    """

    def __init__(self, layers: Iterable[_Layer], on_intermediate: Callable[[int], None]) -> None:
        self._layers = tuple(layers)
        self._on_intermediate = on_intermediate
        self._fed = False

    def feed(self, data: bytes) -> None:
        self._fed = self._fed or bool(data)
        self._layers[0].feed(data)

    def take(self, limit: int) -> bytes:
        """Return 1 to ``limit`` decoded bytes, or none if more input is needed."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1: {limit}")
        return self._pull(len(self._layers) - 1, limit)

    def _pull(self, index: int, limit: int) -> bytes:
        layer = self._layers[index]
        while not (data := layer.take(limit)) and index:
            piece = self._pull(index - 1, PIECE)
            if not piece:
                break
            self._on_intermediate(len(piece))
            layer.feed(piece)
        return data

    def finish(self) -> None:
        """Check the end of the body. An empty body is valid in every coding, because some servers send no bytes."""
        for layer in self._layers if self._fed else ():
            layer.finish()


def codings_of(content_encoding: str | None) -> list[str]:
    """Return the codings of a body in the order in which they were applied, in lower case."""
    # A token that is not registered means no coding: stores repeat "aws-chunked" or "utf-8" as the uploader sent it.
    tokens = (content_encoding or "").lower().split(",")
    names = (each.partition(";")[0].strip() for each in tokens)
    return [each for each in names if each in _REGISTERED]


def decoder_for(
    content_encoding: str | None, offered: frozenset[str], on_intermediate: Callable[[int], None]
) -> Decoder | None:
    """Return the decoder for a Content-Encoding, or None if the body has no coding.

    ``offered`` has the codings in the request's Accept-Encoding, in lower case.
    """
    codings = codings_of(content_encoding)
    if len(codings) > MAX_LAYERS:
        raise DecodingError(f"The body has {len(codings)} content codings; {MAX_LAYERS} are allowed")
    # Content-Encoding lists the codings in the order in which they were applied.
    layers = [_layer(each, offered) for each in reversed(codings)]
    return Decoder(layers, on_intermediate) if layers else None


def _layer(token: str, offered: frozenset[str]) -> _Layer:
    kind = _CODINGS.get(token)
    if kind is None or not kind.available():
        message = f"The content coding {token} is not supported"
        if kind is None or kind.extra is None:
            raise DecodingError(message)
        raise DecodingError(f"{message}: pip install 'httpconn[{kind.extra}]'").advise(install(kind.extra))
    if "*" not in offered and not any(_CODINGS.get(each) is kind for each in offered):
        raise DecodingError(f"The content coding {token} was not requested")
    return kind()
