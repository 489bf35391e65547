"""The encoding of request bodies: bytes, text, files, iterables, JSON, forms and multipart forms, by httpx."""

import inspect
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx

from ..core.headers import OF_THE_BODY, Fields
from ..core.requestbuilder import RequestSpec
from ..errors import InvalidRequest
from ..runtime.uploads import PART, FileParts, Observer, Upload, checked_part

Content = str | bytes | bytearray | memoryview | Iterable[bytes] | AsyncIterable[bytes]
"""Bytes, text, an open file, or an iterable of bytes."""

Data = Mapping[str, Any]  # the fields of a form
Files = Mapping[str, Any] | Sequence[tuple[str, Any]]  # the files of a multipart form, as in httpx


class GivenBody(NamedTuple):
    """The arguments of a call that make a body."""

    content: Content | None = None
    data: Data | None = None
    files: Files | None = None
    json: Any = None

    def check(self, method: str) -> None:
        """Check that the arguments can be combined, and that the method can have a body."""
        kinds = [name for name in ("content", "data", "files", "json") if getattr(self, name) is not None]
        if len(kinds) > 1 and kinds != ["data", "files"]:
            raise InvalidRequest(f"Give only one of {'=, '.join(kinds)}=; only data= and files= make one body together")
        if kinds and method == "TRACE":  # RFC 9110 section 9.3.8
            raise InvalidRequest("A TRACE request cannot have a body")
        if self.data is not None and not isinstance(self.data, Mapping):
            raise InvalidRequest(
                "data= takes a form as a mapping, such as {'size': ['S', 'L']}; give bytes or text as content="
            )


def with_body(
    spec: RequestSpec, method: str, given: GivenBody, *, in_loop: bool, observer: Observer | None = None
) -> RequestSpec:
    """Return a request with a method and a body. The caller's header fields about the body stay."""
    given.check(method)
    content = given.content
    if isinstance(content, (bytearray, memoryview)):
        given = given._replace(content=bytes(checked_part(content)))
    elif content is not None and not isinstance(content, (str, bytes)):
        upload = _upload(content, in_loop=in_loop)
        upload.observer = observer
        framing = (b"Transfer-Encoding", b"chunked")
        if upload.length is not None:
            framing = (b"Content-Length", str(upload.length).encode())
        return _with(spec, method, upload, (*filter(_describes, spec.fields), framing))
    files, can_replay = (None, True) if given.files is None else _checked_files(given.files)
    made = _encoded(method, spec.fields, given._replace(files=files))
    return _with(spec, method, _body_of(made, observer, can_replay=can_replay), filter(_describes, made.headers.raw))


def _with(spec: RequestSpec, method: str, body: object, body_fields: Iterable[tuple[bytes, bytes]]) -> RequestSpec:
    kept = tuple(field for field in spec.fields if not _describes(field))
    fields = spec.fields if len(kept) == len(spec.fields) else kept
    return replace(spec, method=method, fields=fields, body=body, body_fields=tuple(body_fields))


def _describes(field: tuple[bytes, bytes]) -> bool:
    return field[0].lower() in OF_THE_BODY


def _encoded(method: str, fields: Fields, given: GivenBody) -> httpx.Request:
    """Return a request of httpx with the body and the header fields that belong to it."""
    try:
        return httpx.Request(method, "http://localhost/", headers=list(fields), **given._asdict())
    except (TypeError, ValueError, RecursionError, ArithmeticError, AttributeError) as error:
        name = next(name for name in ("files", "data", "json", "content") if getattr(given, name) is not None)
        reason = str(error) or type(error).__name__
    # Raised outside of the except block, because the context of the error would hold the body.
    raise InvalidRequest(f"{name}= cannot be encoded: {reason[:200]}")


def _body_of(made: httpx.Request, observer: Observer | None, *, can_replay: bool) -> bytes | Upload | None:
    if not isinstance(made.stream, httpx.ByteStream):
        length = made.headers.get("content-length")
        parts: Any = made.stream
        return Upload(
            parts,
            length=None if length is None else int(length),
            can_replay=can_replay,
            source="A file of the form",
            is_file=True,
            observer=observer,
        )
    content = made.content
    if observer is None or not content:
        return content or None
    parts = [memoryview(content)[start : start + PART] for start in range(0, len(content), PART)]
    return Upload(parts, length=len(content), can_replay=True, blocks=False, observer=observer)


def _upload(content: Any, *, in_loop: bool) -> Upload:
    if isinstance(content, AsyncIterable) and (in_loop or not isinstance(content, Iterable)):
        if not in_loop:
            raise InvalidRequest("content= is an asynchronous iterable, which needs async_request")
        _require_unused(getattr(content, "ag_frame", content))
        return Upload(content, can_replay=not isinstance(content, AsyncIterator) and not hasattr(content, "read"))
    if hasattr(content, "read"):
        return _file(content)
    if not isinstance(content, Iterable) or isinstance(content, Mapping):
        raise InvalidRequest(f"content= takes bytes, text, a file or an iterable, not {type(content).__name__}")
    _require_unused(getattr(content, "gi_frame", content))
    is_in_memory = isinstance(content, (list, tuple))
    return Upload(content, can_replay=not isinstance(content, Iterator), blocks=not is_in_memory)


def _require_unused(frame: object) -> None:
    """Check that a generator has not ended, because an ended generator yields an empty body."""
    if frame is None:
        raise InvalidRequest("content= is a generator that has ended")


def _file(file: Any) -> Upload:
    _check_file(file)
    source = f"The file {getattr(file, 'name', '')}".rstrip()
    extent = _extent(file)
    if extent is None:
        return Upload(iter(lambda: file.read(PART), b""), source=source, is_file=True)
    length = max(0, extent[1] - extent[0])
    return Upload(FileParts(file), length=length, can_replay=True, source=source, is_file=True)


def _check_file(file: Any) -> None:
    if isinstance(file, io.TextIOBase):
        raise InvalidRequest("A file to send must be open in binary mode")
    if getattr(file, "closed", False):
        raise InvalidRequest("A file to send is closed")
    if hasattr(file, "readable") and not file.readable():
        raise InvalidRequest("A file to send is not open for reading")
    if inspect.iscoroutinefunction(file.read):
        raise InvalidRequest("A file to send must be a synchronous file object; async_request reads it in a thread")


def _extent(file: Any) -> tuple[int, int] | None:
    """Return the position and the end of a file, or None if it cannot seek, as a pipe or a file in ``/proc``."""
    try:
        if not file.seekable():
            return None
        start, end = file.tell(), file.seek(0, io.SEEK_END)
        file.seek(start)
    except (AttributeError, OSError, TypeError, ValueError):
        return None
    return start, end


def _require_one_line(media_type: object = None, fields: Mapping[str, str] = MappingProxyType({})) -> None:
    """Check that neither the media type nor a header field of a file contains a line break."""
    if not {"\r", "\n", "\0"}.isdisjoint("".join(map(str, (media_type, *fields, *fields.values())))):
        raise InvalidRequest("files=: the media type or a header field of a file contains a line break or a null byte")


class _Pipe:
    """A file that cannot seek. It hides the descriptor, from which httpx would read a size."""

    def __init__(self, file: Any) -> None:
        self.read = file.read
        self.name = getattr(file, "name", "upload")


def _checked_files(files: Files) -> tuple[list[tuple[str, Any]], bool]:
    """Return the files of a form, and whether they can be sent again."""
    pairs = files.items() if isinstance(files, Mapping) else files
    checked, can_replay = [], True
    try:
        for name, value in pairs:
            parts = list(value) if isinstance(value, tuple) else [None, value]
            if hasattr(parts[1], "read"):
                _check_file(parts[1])
                if _extent(parts[1]) is None:
                    can_replay, parts[1] = False, _Pipe(parts[1])
            elif not isinstance(parts[1], (str, bytes)):
                raise InvalidRequest(f"files= takes files, bytes and text, not {type(parts[1]).__name__}")
            if len(parts) > 3:
                parts[3] = dict(parts[3])  # httpx changes the mapping
            _require_one_line(*parts[2:4])
            checked.append((name, tuple(parts) if isinstance(value, tuple) else parts[1]))
    except (TypeError, ValueError, IndexError) as error:
        if isinstance(error, InvalidRequest):
            raise
        raise InvalidRequest("files= takes a mapping or pairs of a name and a file, as in httpx") from error
    return checked, can_replay
