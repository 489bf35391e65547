"""The shards of a sink: one Parquet file, a WebDataset tar, or a folder of files, each with a row for each URL."""

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ..disk.system import TranslatedErrors
from ..errors import InvalidRequest
from ..options import MIB
from .columns import array_of, joined, storage_error
from .outcomes import Values
from .storage import Storage

GROUP_ROWS = 1_000
GROUP_BYTES = 2 * MIB  # bytes of a row group, which are in memory until the group is complete
PAGE_BYTES = MIB // 4  # size of a Parquet page in bytes: pyarrow copies each page in memory

RESULT = pa.schema(
    [
        ("row", pa.int64()),
        ("final_url", pa.string()),
        ("status", pa.int32()),
        ("error", pa.string()),
        ("message", pa.string()),
        ("attempts", pa.int32()),
        ("elapsed", pa.float64()),
        ("sha256", pa.string()),
        ("size", pa.int64()),
        ("media_type", pa.string()),
        ("headers", pa.map_(pa.string(), pa.string())),
    ]
)
"""The columns that a fetch adds to the URL and the copied columns."""

# webdataset takes the part of a name after its first dot as the kind of the content, and has metadata as "json".
EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/svg+xml": "svg",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "video/mp4": "mp4",
    "text/html": "html",
    "text/plain": "txt",
    "application/pdf": "pdf",
    "application/json": "body.json",
}


class Layout(NamedTuple):
    """The format of the shards of a job."""

    form: str  # "parquet", "webdataset" or "folder"
    columns: tuple[tuple[str, pa.DataType], ...]  # the copied columns and their types

    @property
    def schema(self) -> pa.Schema:
        body = ("body", pa.binary()) if self.form == "parquet" else ("key", pa.string())
        copied = [pa.field(name, kind) for name, kind in self.columns if name != "url"]
        return pa.schema([("url", pa.string()), *copied, *RESULT, body])

    def check(self) -> None:
        taken = {*RESULT.names, "body", "key"} & {name for name, _ in self.columns}
        if taken:
            raise InvalidRequest(f"The column {min(taken)!r} cannot be copied: the results have a column of that name")
        for name, kind in self.columns:
            if error := storage_error(name, kind):
                raise InvalidRequest(f"The column {name!r} cannot be stored in Parquet: {error}")


class Rows:
    """The Parquet file of a shard. Its rows stay in memory until a row group is complete."""

    def __init__(self, file: pa.NativeFile, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[Values] = []
        self._sizes: list[int | None] = []
        self._bodies = bytearray()
        self._bytes = 0
        names = [each for each in schema.names if each != "body"]  # a dictionary would hold all bodies in memory
        self._writer = pq.ParquetWriter(
            file,
            schema,
            use_dictionary=names,
            write_statistics=names,
            data_page_size=PAGE_BYTES,
            write_batch_size=16,  # rows after which the size of a page is checked
        )

    def add(self, values: Values, body: bytes | None) -> None:
        self._rows.append(values)
        self._sizes.append(None if body is None else len(body))
        self._bodies += body or b""
        self._bytes += len(body or b"") + len(values["url"] or "")
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            columns = [_array(each, [row.get(each.name) for row in self._rows]) for each in self._schema]
            if self._schema.names[-1] == "body":
                columns[-1] = joined(self._sizes, self._bodies)
            self.write(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._sizes, self._bodies, self._bytes = [], [], bytearray(), 0

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table)
        pa.default_memory_pool().release_unused()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._writer.close()


def _array(field: pa.Field, values: list[Any]) -> pa.Array:
    try:
        return array_of(values, field.type)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        message = f"The column {field.name!r} of the source has a value that is not {field.type}: {error}"
        raise InvalidRequest(message[:500]) from error


_as_json = json.JSONEncoder(default=str).encode

# The header of an empty tar member without a name. POSIX computes the checksum with spaces in its place.
_MEMBER = tarfile.TarInfo().tobuf()
_MEMBER = _MEMBER[:148] + b" " * 8 + _MEMBER[156:]


def tar_header(name: str, size: int) -> bytearray:
    """Return the header of a tar member (POSIX.1-1988, ustar). The name has at most 100 ASCII characters."""
    # tarfile takes five times as long.
    header = bytearray(_MEMBER)
    header[: len(name)] = name.encode("ascii")
    # From 8 GiB, the size is binary, as GNU tar and tarfile read it.
    header[124:136] = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    header[148:155] = b"%06o\0" % sum(header)
    return header


class ShardWriter:
    """A shard that is being written. Its draft files get their final names in ``publish``."""

    def __init__(self, storage: Storage, layout: Layout, name: str) -> None:
        self._storage = storage
        self._form = layout.form
        self._name = name
        self._index = storage.draft(f"{name}.parquet")
        self._bodies = storage.draft(f"{name}.{'tar' if self._form == 'webdataset' else 'files'}")
        self._stack = ExitStack()
        try:
            with TranslatedErrors(storage.sink):
                self._create(layout.schema)
        except BaseException:
            self.discard()
            raise

    def _create(self, schema: pa.Schema) -> None:
        # A ParquetWriter that opened the file itself would not close it after an error.
        self._rows = Rows(self._stack.enter_context(pa.OSFile(self._index, "wb")), schema)
        self._stack.callback(self._rows.close)
        if self._form == "webdataset":
            self._tar = self._stack.enter_context(open(self._bodies, "wb"))  # noqa: SIM115
            self._stack.callback(lambda: self._tar.write(bytes(2 * tarfile.BLOCKSIZE)))
        elif self._form == "folder":
            os.mkdir(self._bodies)

    def add(self, values: Values, body: bytes | None) -> None:
        with TranslatedErrors(self._storage.sink):
            if body is not None and self._form != "parquet":
                self._add_body(values, body)
            self._rows.add(values, body if self._form == "parquet" else None)

    def _add_body(self, values: Values, body: bytes) -> None:
        number = f"{values['row']:012d}"
        name = f"{number}.{EXTENSIONS.get(values['media_type'] or '', 'bin')}"
        if self._form == "folder":
            values["key"] = f"{self._name}/{name}"
            with open(f"{self._bodies}/{name}", "wb") as file:
                file.write(body)
        else:
            values["key"] = name
            self._put(name, body)
            self._put(f"{number}.json", _as_json(values).encode())

    def _put(self, name: str, data: bytes) -> None:
        self._tar.write(b"".join((tar_header(name, len(data)), data, bytes(-len(data) % tarfile.BLOCKSIZE))))

    def copy(self, keeps: Callable[[Values], bool]) -> Iterator[tuple[Values, bool]]:
        """Copy rows of the finished shard of this name. Yield the values of each row, and whether it was copied.

        The files of a folder stay where they are.
        """
        with ExitStack() as stack:
            index = pq.ParquetFile(stack.enter_context(self._storage.open(f"{self._name}.parquet")))
            if self._form == "webdataset":
                file = stack.enter_context(self._storage.open(f"{self._name}.tar"))
                tar = stack.enter_context(tarfile.open(fileobj=file))
            for group in range(index.num_row_groups):
                table = index.read_row_group(group)
                rows = table.select([each for each in table.column_names if each != "body"]).to_pylist()
                kept = [at for at, row in enumerate(rows) if keeps(row)]
                with TranslatedErrors(self._storage.sink):
                    self._rows.write(table.take(array_of(kept, pa.int64())))
                    for key in (rows[at]["key"] for at in kept if self._form == "webdataset"):
                        for name in () if key is None else (key, f"{key.partition('.')[0]}.json"):
                            self._put(name, cast(BinaryIO, tar.extractfile(name)).read())
                yield from zip(rows, map(set(kept).__contains__, range(len(rows))), strict=True)

    def publish(self, *, is_first: bool) -> None:
        """Give the files their final names, the index last.

        Args:
            is_first: whether no earlier run has finished this shard. Then existing files belong to a killed run.
        """
        with TranslatedErrors(self._storage.sink):
            self._stack.close()
        if self._form == "webdataset":
            self._storage.publish(self._bodies, f"{self._name}.tar")
        elif self._form == "folder":
            if is_first:
                self._storage.remove_folder(self._name)
            self._storage.publish_folder(self._bodies, self._name)
        self._storage.publish(self._index, f"{self._name}.parquet")

    def discard(self) -> None:
        """Close and remove the draft files."""
        # The disk may be full. Closing the files writes bytes that nothing needs, and each library has its own errors.
        for operation in (self._stack.close, lambda: os.remove(self._index), lambda: os.remove(self._bodies)):
            with suppress(Exception):
                operation()
        shutil.rmtree(self._bodies, ignore_errors=True)
