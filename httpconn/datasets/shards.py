"""The shards of a sink: one Parquet file, a WebDataset tar, or a folder of files, each with a row for each URL."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..disk.system import TranslatedErrors
from ..errors import InvalidRequest
from ..options import MIB
from .outcomes import Values
from .sources import array_of
from .storage import Storage

GROUP_ROWS = 10_000
GROUP_BYTES = 8 * MIB  # bytes of a row group, which are in memory until the group is complete

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
    """The format of the shards of a job.

    Attributes:
        form: "parquet", "webdataset" or "folder".
        columns: the copied columns and their types.
    """

    form: str
    columns: tuple[tuple[str, pa.DataType], ...]

    @property
    def schema(self) -> pa.Schema:
        body = ("body", pa.binary()) if self.form == "parquet" else ("key", pa.string())
        copied = [pa.field(name, kind) for name, kind in self.columns if name != "url"]
        return pa.schema([("url", pa.string()), *copied, *RESULT, body])

    def check(self) -> None:
        taken = {*RESULT.names, "body", "key"} & {name for name, _ in self.columns}
        if taken:
            raise InvalidRequest(f"The column {min(taken)!r} cannot be copied: the results have a column of that name")


class Rows:
    """The Parquet file of a shard."""

    def __init__(self, path: str, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[Values] = []
        self._bytes = 0
        with TranslatedErrors(path):
            self._writer = pq.ParquetWriter(path, schema)

    def add(self, values: Values) -> None:
        self._rows.append(values)
        self._bytes += len(values.get("body") or b"") + len(values["url"] or "")
        if len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        columns = [_array(field, [row.get(field.name) for row in self._rows]) for field in self._schema]
        self._rows, self._bytes = [], 0
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self.flush()
        self._writer.close()


def _array(field: pa.Field, values: list[Any]) -> pa.Array:
    try:
        return array_of(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        message = f"The column {field.name!r} of the source has a value that is not {field.type}: {error}"
        raise InvalidRequest(message[:500]) from error


class ShardWriter:
    """A shard that is being written. Its draft files get their final names in ``publish``."""

    def __init__(self, storage: Storage, layout: Layout, name: str) -> None:
        self._storage = storage
        self._form = layout.form
        self._name = name
        self._index = storage.draft(f"{name}.parquet")
        self._bodies = storage.draft(f"{name}.{'tar' if self._form == 'webdataset' else 'files'}")
        self._stack = ExitStack()
        with TranslatedErrors(storage.sink):
            self._rows = Rows(self._index, layout.schema)
            self._stack.callback(self._rows.close)
            if self._form == "webdataset":
                self._tar = self._stack.enter_context(tarfile.open(self._bodies, "w"))  # noqa: SIM115
            elif self._form == "folder":
                os.mkdir(self._bodies)

    def add(self, values: Values, body: bytes | None) -> None:
        """Write a row, and its body if there is one. ``values`` has a key if the body of a folder is already there."""
        with TranslatedErrors(self._storage.sink):
            if body is not None:
                self._add_body(values, body)
            self._rows.add(values)

    def _add_body(self, values: Values, body: bytes) -> None:
        number = f"{values['row']:012d}"
        name = f"{number}.{EXTENSIONS.get(values['media_type'] or '', 'bin')}"
        if self._form == "parquet":
            values["body"] = body
        elif self._form == "folder":
            values["key"] = f"{self._name}/{name}"
            with open(f"{self._bodies}/{name}", "wb") as file:
                file.write(body)
        else:
            values["key"] = name
            self._put(name, body)
            self._put(f"{number}.json", json.dumps(values, default=str).encode())

    def _put(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))

    def publish(self, *, is_first: bool) -> None:
        """Give the files their final names, the index last.

        Args:
            is_first: whether no earlier run has finished this shard. Files already there belong to a killed run.
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
        # The disk may be full. Closing the files writes bytes that nothing needs.
        for operation in (self._stack.close, lambda: os.remove(self._index), lambda: os.remove(self._bodies)):
            try:
                operation()
            except (OSError, InvalidRequest):
                continue
        shutil.rmtree(self._bodies, ignore_errors=True)


def read_shard(storage: Storage, form: str, name: str) -> Iterator[tuple[Values, bytes | None]]:
    """Yield the rows of a finished shard and their bodies. A body of a folder stays where it is, and is not read."""
    with ExitStack() as stack:
        index = pq.ParquetFile(stack.enter_context(storage.open(f"{name}.parquet")))
        members: Mapping[str, tarfile.TarInfo] = {}
        if form == "webdataset":
            tar = stack.enter_context(tarfile.open(fileobj=stack.enter_context(storage.open(f"{name}.tar"))))
            members = {each.name: each for each in tar.getmembers()}
        for batch in index.iter_batches(256):
            for values in batch.to_pylist(maps_as_pydicts="strict"):
                body = values.pop("body", None)
                if form == "webdataset" and values["key"] is not None:
                    content = tar.extractfile(members[values["key"]])
                    body = content and content.read()
                yield values, body
