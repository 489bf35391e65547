"""The sources of a data set: Parquet, CSV, JSON lines, text, tables and iterables."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import pickle
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial, reduce
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple, Protocol, runtime_checkable

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import HTTPConnError, InvalidRequest
from ..options import MIB
from .columns import TEXT, common_type, storage_error, type_of
from .outcomes import Broken

BATCH = 512  # rows of a Parquet file in memory
SAMPLE = 256  # rows whose values are in memory while the types of columns are inferred
MAX_LINE = 64 * MIB
EDGE = MIB  # bytes at both ends of a file that its fingerprint covers

Row = tuple[Any, tuple[Any, ...]]  # a URL and the values of the copied columns
Types = list[pa.DataType]


@runtime_checkable
class ArrowTable(Protocol):
    """A table of pyarrow, pandas, polars or another library with the interface of Arrow."""

    columns: Any

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


class Source(NamedTuple):
    """A source of URLs, which can be pickled if it is not an iterable."""

    given: Any  # a path, a URL of fsspec, a folder, a pattern, a table, or an iterable of URLs or mappings
    column: str  # the name of the column with the URLs
    columns: tuple[str, ...]  # the names of the columns to copy

    @property
    def is_file(self) -> bool:
        return isinstance(self.given, str)

    @property
    def name(self) -> str:
        return self.given if self.is_file else "The table" if isinstance(self.given, pa.Table) else "The iterable"

    def types(self) -> Types:
        """Return the types of the copied columns. Raises InvalidRequest: the source or a column cannot be read."""
        if isinstance(self.given, pa.Table):
            return [self.given.schema.field(each).type for each in self.columns]
        if not self.is_file:
            return _inferred(self.rows(), self.columns, is_first=True)
        with _named_errors(self.name):
            kinds = [self._types_of(file, is_first=number == 0) for number, file in enumerate(self._files())]
            return [reduce(common_type, each) for each in zip(*kinds, strict=True)]

    def _types_of(self, file: Any, *, is_first: bool) -> Types:
        types, rows = _reader_of(file.path)(self, file)
        return _inferred(rows, self.columns, is_first=is_first) if types is None else types

    def rows(self) -> Iterator[Row]:
        """Return the rows. Raises InvalidRequest: the source cannot be read."""
        if isinstance(self.given, pa.Table):
            return chain.from_iterable(map(self._of_batch, self.given.to_batches(BATCH)))
        if not self.is_file:
            return (self._picked(each, self.name) for each in self.given)
        with _named_errors(self.name):
            return chain.from_iterable(map(self._rows, self._files()))

    def _rows(self, file: Any) -> Iterator[Row]:
        with _named_errors(file.path):
            yield from _reader_of(file.path)(self, file)[1]

    def fingerprint(self) -> list[list[Any]] | None:
        """Return the name, size and a digest of both ends of each file, or None for an iterable."""
        if not self.is_file:
            return None
        with _named_errors(self.name):
            return [[PurePosixPath(file.path).name, *_edges(file)] for file in self._files()]

    def spooled(self, folder: str) -> Source:
        """Return a source that other processes can read. An iterable is written to the folder."""
        if self.is_file:
            return self
        table = table_of(self.given, self._wanted)
        if table is not None:
            return self._replace(given=table)
        path = f"{folder}/source.pickled"
        with open(path, "wb") as file:
            for each in self.given:
                pickle.dump(each.as_py() if isinstance(each, pa.Scalar) else each, file)
        return self._replace(given=Spooled(path))

    def _files(self) -> list[Any]:
        fs, path = fsspec.core.url_to_fs(self.given)
        paths = sorted(fs.glob(path)) if set("*?[") & set(path) and not fs.exists(path) else [path]
        if len(paths) == 1 and fs.isdir(paths[0]):
            paths = [each for each in sorted(fs.find(paths[0])) if not PurePosixPath(each).name.startswith((".", "_"))]
        if not paths:
            raise InvalidRequest(f"The source {self.given} has no files")
        return [fsspec.core.OpenFile(fs, each, compression=_compression(each)) for each in paths]

    @property
    def _wanted(self) -> list[str]:
        return list(dict.fromkeys((self.column, *self.columns)))

    def _picked(self, item: Any, where: str) -> Row:
        if isinstance(item, Mapping):
            require_columns(where, item, self._wanted)
            return item[self.column], tuple(item[each] for each in self.columns)
        if self.columns:
            raise InvalidRequest(f"{where} has no columns to copy, because its items are not mappings")
        return item, ()

    def _read_parquet(self, file: Any) -> tuple[Types, Iterator[Row]]:
        with file as opened:
            schema = pq.read_schema(opened)
        require_columns(file.path, schema.names, self._wanted)

        def rows() -> Iterator[Row]:
            with file as opened:
                for batch in pq.ParquetFile(opened).iter_batches(BATCH, columns=self._wanted):
                    yield from self._of_batch(batch)

        return [schema.field(each).type for each in self.columns], rows()

    def _read_csv(self, file: Any, delimiter: str = ",") -> tuple[Types, Iterator[Row]]:
        names = next((fields for _, fields in _records(file, delimiter)), [])
        if isinstance(names, Broken):
            raise InvalidRequest(names.message)
        require_columns(file.path, names, self._wanted)
        at, *copied = map(names.index, (self.column, *self.columns))

        def row(number: int, fields: list[str] | Broken) -> Row:
            if not isinstance(fields, Broken) and len(fields) != len(names):
                fields = _broken(file, number, f"has {len(fields)} fields, not {len(names)}", "Record")
            if isinstance(fields, Broken):
                return fields, (None,) * len(copied)
            return fields[at] or None, tuple([fields[each] or None for each in copied])

        return [TEXT] * len(copied), (row(*each) for each in islice(_records(file, delimiter), 1, None))

    def _of_batch(self, batch: pa.RecordBatch) -> Iterator[Row]:
        urls, *values = (batch.column(each).to_pylist() for each in (self.column, *self.columns))
        return zip(urls, zip(*values, strict=True) if values else ((),) * len(urls), strict=True)

    def _read_jsonl(self, file: Any) -> tuple[None, Iterator[Row]]:
        def rows() -> Iterator[Row]:
            for number, line in _lines(file):
                item: Any = line
                if isinstance(line, bytes):
                    with suppress(ValueError, RecursionError):
                        item = json.loads(line)
                if isinstance(item, dict):
                    # A missing key of a line is null, but its column must exist in the first line.
                    yield self._picked(item if number == 1 else {**blank, **item}, f"{file.path} line {number}")
                else:
                    broken = line if isinstance(line, Broken) else _broken(file, number, "is not a JSON object")
                    yield broken, (None,) * len(self.columns)

        blank = dict.fromkeys(self._wanted)
        return None, rows()

    def _read_text(self, file: Any) -> tuple[Types, Iterator[Row]]:
        if self.columns:
            raise InvalidRequest(f"{file.path} is a text file without columns to copy")
        lines = (
            line if isinstance(line, Broken) else line.strip().decode("utf-8", "replace") for _, line in _lines(file)
        )
        return [], ((line, ()) for line in lines if isinstance(line, Broken) or not line.startswith("#"))


@dataclass(frozen=True)  # not a named tuple: pickle would store it by its iterator, and so by its content
class Spooled:
    """An iterable that was written to a file."""

    path: str

    def __iter__(self) -> Iterator[Any]:
        with open(self.path, "rb") as file:
            while file.peek(1):
                yield pickle.load(file)  # noqa: S301 - this job has written it


Reader = Callable[[Source, Any], tuple[Types | None, Iterator[Row]]]

READERS: Mapping[str, Reader] = {
    ".parquet": Source._read_parquet,
    ".csv": Source._read_csv,
    ".tsv": partial(Source._read_csv, delimiter="\t"),
    ".jsonl": Source._read_jsonl,
    ".ndjson": Source._read_jsonl,
    ".txt": Source._read_text,
}


def _reader_of(path: str) -> Reader:
    name = PurePosixPath(path)
    reader = READERS.get(PurePosixPath(name.stem if _compression(path) else name).suffix.lower())
    if reader is None or (reader is Source._read_parquet and _compression(path)):
        names = f"{', '.join(READERS)}. All except .parquet may have .gz or another compression suffix"
        raise InvalidRequest(f"The name of the source {path} must end in {names}")
    return reader


def _compression(path: str) -> Any:
    return fsspec.utils.infer_compression(path)


def _broken(file: Any, number: int, fault: str, kind: str = "Line") -> Broken:
    # Without the folder: rows have this text, and a source may move between the runs of a job.
    return Broken(f"{kind} {number} of {PurePosixPath(file.path).name} {fault}")


def _lines(file: Any) -> Iterator[tuple[int, bytes | Broken]]:
    """Return the lines that are not blank, with their numbers."""
    # The files of some file systems, such as s3fs, accept no limit for a line.
    with file as opened, io.BufferedReader(opened) as buffered:
        number = 0
        while line := buffered.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                while line and not line.endswith(b"\n"):
                    line = buffered.readline(MAX_LINE)
                yield number, _broken(file, number, f"has more than {MAX_LINE:,} bytes")
                continue
            if number == 1:
                line = line.removeprefix(BOM_UTF8)
            if line.strip():
                yield number, line


class _RecordLines:
    """The lines of a text for a CSV reader, with a limit for each record."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self.room = MAX_LINE

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self.room + 1)
        self.room -= len(line)
        if self.room < 0:
            while line and line[-1] not in "\r\n":
                line = self._text.readline(MAX_LINE)
            raise csv.Error(f"has more than {MAX_LINE:,} characters, or a quote without an end")
        if not line:
            raise StopIteration
        return line


def _records(file: Any, delimiter: str) -> Iterator[tuple[int, list[str] | Broken]]:
    """Return the records of a CSV file that are not blank, with their numbers. The first one is the header."""
    # The limit applies to the process. It is only raised, so that another thread cannot lose its own larger limit.
    csv.field_size_limit(max(MAX_LINE, csv.field_size_limit()))
    with file as opened, io.TextIOWrapper(opened, "utf-8-sig", "replace", newline="") as text:
        lines = _RecordLines(text)
        reader = csv.reader(lines, delimiter=delimiter)
        number = 1
        while True:
            lines.room = MAX_LINE
            fields: list[str] | Broken | None
            try:
                fields = next(reader, None)
            except csv.Error as error:
                fields = _broken(file, number, str(error), "Record")
            if fields is None:
                return
            if fields:
                yield number, fields
                number += 1


def _inferred(rows: Iterator[Row], columns: Sequence[str], *, is_first: bool) -> Types:
    """Infer the types of columns from all rows, or from those before it is clear that all are texts.

    The first row of the first file must be valid.
    """
    found: Types = [pa.null()] * len(columns)
    for first in islice(rows, 1):
        if is_first and isinstance(first[0], Broken):
            raise InvalidRequest(first[0].message)
        rows = chain([first], rows)
    while any(kind != TEXT for kind in found) and (sample := [values for _, values in islice(rows, SAMPLE)]):
        found = list(map(common_type, found, map(type_of, zip(*sample, strict=True))))
    return [TEXT if kind == pa.null() or storage_error("column", kind) else kind for kind in found]


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except HTTPConnError:
        raise
    except FileNotFoundError as error:
        raise InvalidRequest(f"The source {name} does not exist") from error
    except Exception as error:  # each file system and compression has its own exceptions
        raise InvalidRequest(f"The source {name} cannot be read: {' '.join(str(error).split())[:300]}") from error


def table_of(given: Any, wanted: Sequence[str] | None = None) -> pa.Table | None:
    """Return the wanted columns of a table, or None for another object."""
    if not isinstance(given, ArrowTable):
        return None
    table: Any = given
    try:
        if wanted is not None:
            require_columns("The table", getattr(table, "column_names", table.columns), wanted)
            table = table.select(wanted) if hasattr(table, "select") else table[list(wanted)]
        return pa.table(table)
    except pa.ArrowException as error:
        raise InvalidRequest(f"The table cannot be read: {error}"[:500]) from error


def require_columns(where: str, found: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise InvalidRequest if a wanted column is absent, or is there several times."""
    names = list(found)
    for each in wanted:
        if names.count(each) != 1:
            how = "several columns" if each in names else "no column"
            raise InvalidRequest(f"{where} has {how} {each!r}. Its columns are: {', '.join(map(str, names))[:500]}")


def _edges(file: Any) -> tuple[int, str]:
    size = file.fs.size(file.path)
    digest = hashlib.sha256()
    opened: BinaryIO
    with file.fs.open(file.path, "rb") as opened:
        digest.update(opened.read(EDGE))
        opened.seek(max(0, size - EDGE))
        digest.update(opened.read(EDGE))
    return size, digest.hexdigest()
