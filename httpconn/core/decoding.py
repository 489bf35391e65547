"""Content codings (RFC 9110 section 8.4), undone in bounded pieces: a bomb costs no more memory than a photograph.

A body passes through at most two layers, one for each coding. All of them speak one protocol: ``feed`` bytes,
``take`` decoded ones until nothing comes, and ``finish`` when the wire has ended.
"""

from __future__ import annotations

import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

from ..errors import DecodingError

PIECE = 64 * 1024
"""Bytes that go from one layer to the next, and into a decompressor, at once.

Decompressors copy the input that they leave, so a large input handed over whole would be copied again and again.
"""

MAX_LAYERS = 2

SPARE_STREAMS = 1000
STREAM_BYTES = 1024
"""A body may have so many streams (members, frames), and one more for each so many of its bytes.

A stream that holds nothing takes 9 bytes, and the time in which some 10,000 bytes are unpacked.
"""

# RFC 9659: a window of at most 8 MiB.
ZSTD_WINDOW_LOG = 23
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# A Python may be built without libzstd; then it has the one module but not the other.
ZSTD_PROBE = "_zstd" if sys.version_info >= (3, 14) else ZSTD


class _Layer(ABC):
    """One coding. Its streams (members, frames) are unpacked one after another."""

    coding: ClassVar[str]
    extra: ClassVar[str | None] = None  # of httpconn, with which it can be decoded

    def __init__(self, broken: type[Exception]) -> None:
        self._broken = broken
        self._data = memoryview(b"")
        self._at = 0
        self._passed = 0
        self._streams = 0
        self._ended = False

    @classmethod
    def available(cls) -> bool:
        """Whether it can be decoded here, with a bound."""
        return True

    def feed(self, data: bytes) -> None:
        rest = self._data[self._at :]
        self._passed += self._at
        self._data = memoryview(bytes(rest) + data if rest else data)
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
                self._go_on()

    def _count_stream(self) -> None:
        self._streams += 1
        if self._streams > SPARE_STREAMS + (self._passed + self._at) // STREAM_BYTES:
            raise DecodingError(f"The {self.coding} body is cut into too many pieces")

    def finish(self) -> None:
        if not self._ended:
            raise DecodingError(f"The {self.coding} body is truncated")

    def _refusal(self) -> DecodingError:
        return DecodingError(f"The {self.coding} body is broken, or bytes follow its end")

    @abstractmethod
    def _unpack(self, limit: int) -> bytes:
        """Move on by at most a piece; empty only where more input is needed. Sets ``_ended`` at a stream's end."""

    def _go_on(self) -> None:
        """A stream has ended and bytes follow."""
        raise self._refusal()


class _Zlib(_Layer):
    """What zlib undoes, by its number for the format. Some servers add a line end to the last stream."""

    padding: ClassVar[bytes] = b"\r\n"

    def __init__(self, wbits: int) -> None:
        super().__init__(zlib.error)
        self._engine = zlib.decompressobj(wbits)

    def _unpack(self, limit: int) -> bytes:
        piece = self._data[self._at : self._at + PIECE]
        data = self._engine.decompress(piece, limit)
        self._ended = self._engine.eof
        # At the end of a stream both may hold the rest.
        rest = self._engine.unused_data if self._ended else self._engine.unconsumed_tail
        self._at += len(piece) - len(rest)
        return data

    def _go_on(self) -> None:
        """Skip the padding; any other byte is an error."""
        if bytes(self._data[self._at :]).strip(self.padding):
            raise self._refusal()
        self._at = len(self._data)


class _Gzip(_Zlib):
    """RFC 1952: any number of members, each with its trailer, and padding after the last."""

    coding = "gzip"
    padding = b"\0\r\n"

    WBITS = 16 + zlib.MAX_WBITS

    def __init__(self) -> None:
        super().__init__(self.WBITS)
        self._padded = False

    def _go_on(self) -> None:
        self._padded = self._padded or self._data[self._at] in self.padding
        if self._padded:
            super()._go_on()
        else:
            self._engine = zlib.decompressobj(self.WBITS)
            self._ended = False


class _Deflate(_Zlib):
    """The zlib format (RFC 1950), as RFC 9110 has it, or raw deflate (RFC 1951), as some servers do."""

    coding = "deflate"

    def __init__(self) -> None:
        super().__init__(-zlib.MAX_WBITS)
        self._recognised = False

    def _take(self, limit: int) -> bytes:
        if not self._recognised:
            if len(self._data) < 2:
                return b""
            self._recognise(self._data[0], self._data[1])
        return super()._take(limit)

    def _recognise(self, cmf: int, flags: int) -> None:
        """RFC 1950 section 2.2. A raw stream begins so only with padding bits that no encoder sets."""
        self._recognised = True
        if cmf & 0x0F == 8 and cmf >> 4 <= 7 and (cmf << 8 | flags) % 31 == 0:
            self._engine = zlib.decompressobj(zlib.MAX_WBITS)


class _Brotli(_Layer):
    """RFC 7932."""

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
        # The limit of brotli is one at which it stops to grow its buffer: up to half as much again may come.
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
    """RFC 8878: any number of frames, skippable ones among them, with the window of RFC 9659."""

    coding = "zstd"
    extra = "zstd" if sys.version_info < (3, 14) else None  # from 3.14 on, a Python is built with or without it

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

    _go_on = _begin

    def _unpack(self, limit: int) -> bytes:
        # A frame's first byte goes alone: one that zstd is handed whole is not held to the window.
        size = 1 if self._fresh else PIECE
        piece = self._data[self._at : self._at + size] if self._engine.needs_input else b""
        self._fresh = self._fresh and not piece
        data: bytes = self._engine.decompress(piece, limit)
        self._at += len(piece) - len(self._engine.unused_data)
        self._ended = self._engine.eof
        return data


@cache
def _brotli() -> ModuleType | None:
    """Google's package from 1.2 on: older ones, and others of that name, cannot bound what they unpack."""
    try:
        module = import_module("brotli")
    except ImportError:
        return None
    return module if hasattr(getattr(module, "Decompressor", None), "can_accept_more_data") else None


@cache
def _has_zstd() -> bool:
    """Looks without importing: few bodies are zstd."""
    try:
        return find_spec(ZSTD_PROBE) is not None
    except ImportError:
        return False


_KINDS: tuple[type[_Gzip | _Deflate | _Brotli | _Zstd], ...] = (_Gzip, _Deflate, _Brotli, _Zstd)
# x-gzip is gzip by another name (RFC 9110 section 8.4.1.3).
_CODINGS = {"x-gzip": _Gzip, **{kind.coding: kind for kind in _KINDS}}
# The rest of IANA's registry of HTTP content codings.
_REGISTERED = {"aes128gcm", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", *_CODINGS}


def offered() -> str:
    """The value for Accept-Encoding (RFC 9110 section 12.5.3): what can be decoded here with a bound."""
    return ", ".join(kind.coding for kind in _KINDS if kind.available())


class Decoder:
    """Undoes the content codings of one body::

        decoder.feed(data)                   # bytes from the wire
        while content := decoder.take(65536):
            ...
        decoder.finish()                     # when the wire has ended

    ``feed`` and ``finish`` may be called only when ``take`` has returned nothing.

    Args:
        layers: the outermost first.
        between: told the size of each piece that one layer hands to the next, and may raise: the last layer can
            swallow any number of them and hand out nothing.
    """

    def __init__(self, layers: Iterable[_Layer], between: Callable[[int], None]) -> None:
        self._layers = tuple(layers)
        self._between = between
        self._fed = False

    def feed(self, data: bytes) -> None:
        """Hand over the next bytes from the wire."""
        self._fed = self._fed or bool(data)
        self._layers[0].feed(data)

    def take(self, limit: int) -> bytes:
        """At most ``limit`` decoded bytes, at least one of them unless more input is wanted.

        Raises:
            DecodingError: the data is broken.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1: {limit}")
        return self._pull(len(self._layers) - 1, limit)

    def _pull(self, index: int, limit: int) -> bytes:
        layer = self._layers[index]
        while not (data := layer.take(limit)) and index:
            piece = self._pull(index - 1, PIECE)
            if not piece:
                break
            self._between(len(piece))
            layer.feed(piece)
        return data

    def finish(self) -> None:
        """The wire has ended. A body of no bytes at all is empty in every coding: some servers send that.

        Raises:
            DecodingError: a coding has not reached its proper end.
        """
        for layer in self._layers if self._fed else ():
            layer.finish()


def _uncounted(_size: int) -> None:
    """What lies between two layers does not matter."""


def codings_of(content_encoding: str | None) -> list[str]:
    """Return the codings of a body in the order in which they were applied, in lower case.

    A token that is not registered means no coding: stores repeat "aws-chunked" or "utf-8" as the uploader sent it.
    """
    tokens = (content_encoding or "").lower().split(",")
    names = (each.partition(";")[0].strip() for each in tokens)
    return [each for each in names if each in _REGISTERED]


def decoder_for(
    content_encoding: str | None, offered: frozenset[str], between: Callable[[int], None] = _uncounted
) -> Decoder | None:
    """What undoes a Content-Encoding; None where there is nothing to undo.

    Args:
        content_encoding: the field's value, its lines joined by commas; see :func:`codings_of`.
        offered: the codings that the request's Accept-Encoding named, lower case.
        between: see :class:`Decoder`.

    Raises:
        DecodingError: more than two codings, one that cannot be decoded, or one that was not asked for.
    """
    if content_encoding is None:
        return None
    codings = codings_of(content_encoding)
    if len(codings) > MAX_LAYERS:
        raise DecodingError(f"The body has {len(codings)} content codings; {MAX_LAYERS} are allowed")
    # Named in the order in which they were applied.
    layers = [_layer(each, offered) for each in reversed(codings)]
    return Decoder(layers, between) if layers else None


def _layer(token: str, offered: frozenset[str]) -> _Layer:
    kind = _CODINGS.get(token)
    if kind is None or not kind.available():
        extra = kind and kind.extra
        advice = f": pip install 'httpconn[{extra}]'" if extra else ""
        raise DecodingError(f"The content coding {token} cannot be decoded here{advice}")
    if "*" not in offered and not any(_CODINGS.get(each) is kind for each in offered):
        raise DecodingError(f"The content coding {token} was not asked for")
    return kind()
