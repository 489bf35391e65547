"""Libraries that read remote files: by a URL of the filesystem for fsspec, by the filesystem, or by an open file."""

from __future__ import annotations

import io
from typing import Any

import av
import dask.dataframe
import duckdb
import fsspec
import h5py
import numpy
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
import rasterio
import xarray
import zarr
from kerchunk.hdf import SingleHdf5ToZarr

import httpconn
from httpconn.filesystem import HTTPConnFileSystem
from httpconn.testing import Received, Step, response
from tests.servers.files import Served

RUNS = 200
MONDAY = "Mon, 05 Jan 2026 00:00:00 GMT"


@pytest.fixture
def connection():
    with httpconn.HTTPConnection(retries=0) as opened:
        yield opened


@pytest.fixture
def files(connection):
    return HTTPConnFileSystem(connection=connection, block_size=16 * 1024)


@pytest.fixture
def options(connection):
    return {"connection": connection}


@pytest.fixture
def folder(tmp_path, scripted):
    """A folder, and the URL at which it is served."""

    def serve(request: Received) -> list[Step]:
        path = tmp_path / request.target.decode().lstrip("/")
        return list(Served(path.read_bytes(), modified=MONDAY)(request)) if path.is_file() else [response(404)]

    return tmp_path, scripted(serve).url_for


def by_protocol(url: str) -> str:
    return url.replace("http://", "httpconn://")


@pytest.fixture
def grid(folder):
    data = xarray.Dataset({"t": (("x", "y"), numpy.arange(200_000.0).reshape(400, 500))})
    data.to_netcdf(folder[0] / "a.nc", engine="h5netcdf", encoding={"t": {"chunksizes": (50, 500)}})
    data.to_zarr(folder[0] / "a.zarr", zarr_format=3)
    return data


@pytest.fixture
def table(folder):
    rows = {name: numpy.random.default_rng(ord(name)).integers(0, 1000, 200_000) for name in "abcd"}
    found = pyarrow.table(rows)
    pyarrow.parquet.write_table(found, folder[0] / "a.parquet", row_group_size=10_000)
    found.to_pandas().to_csv(folder[0] / "a.csv", index=False)
    return {name: int(values.sum()) for name, values in rows.items()}


def test_hdf5(folder, grid, files, options):
    url = folder[1]("/a.nc")
    with files.open(url) as file, h5py.File(file) as opened:
        assert opened["t"][10, 10] == grid.t[10, 10]
    with files.open(url) as file, xarray.open_dataset(file, engine="h5netcdf", chunks={"x": 50}) as opened:
        assert opened.t.equals(grid.t)
    with xarray.open_dataset(by_protocol(url), engine="h5netcdf", storage_options=options) as opened:
        assert opened.t.equals(grid.t)


def test_zarr(folder, grid, connection, options):
    url = folder[1]("/a.zarr")
    assert xarray.open_zarr(by_protocol(url), storage_options=options).t.equals(grid.t)
    files = HTTPConnFileSystem(connection=connection, asynchronous=True)
    store: Any = zarr.storage.FsspecStore(files, path=url, read_only=True)
    assert (zarr.open_group(store, mode="r")["t"][:] == grid.t.values).all()
    store = zarr.storage.FsspecStore.from_url(by_protocol(url), storage_options=options, read_only=True)
    assert (zarr.open_group(store, mode="r")["t"][:] == grid.t.values).all()


def test_kerchunk(folder, grid, files, connection):
    url = folder[1]("/a.nc")
    with files.open(url) as file:
        references = SingleHdf5ToZarr(file, url, inline_threshold=100).translate()
    target = HTTPConnFileSystem(connection=connection, asynchronous=True)
    options = {"fo": references, "fs": {"http": target}, "asynchronous": True}
    backend = {"consolidated": False, "storage_options": options}
    assert xarray.open_dataset("reference://", engine="zarr", backend_kwargs=backend).t.equals(grid.t)


def test_rasterio(folder, files):
    image = numpy.arange(512 * 512, dtype="uint8").reshape(1, 512, 512)
    size = {"width": 512, "height": 512, "count": 1, "dtype": "uint8"}
    with rasterio.open(folder[0] / "a.tif", "w", driver="GTiff", tiled=True, **size) as opened:
        opened.write(image)
    url = folder[1]("/a.tif")
    for opener in (files, files.open):
        with rasterio.open(url, opener=opener) as opened:
            assert (opened.read() == image).all()


def test_tables(folder, table, files, options):
    url = folder[1]("/a.parquet")
    assert pandas.read_parquet(by_protocol(url), storage_options=options).c.sum() == table["c"]
    assert pyarrow.parquet.read_table(url, filesystem=files, columns=["c"]).to_pandas().c.sum() == table["c"]
    assert dask.dataframe.read_parquet(by_protocol(url), storage_options=options).c.sum().compute() == table["c"]
    lines = dask.dataframe.read_csv(by_protocol(folder[1]("/a.csv")), storage_options=options, blocksize=500_000)
    assert lines.c.sum().compute() == table["c"]
    with files.open(url) as file:
        assert polars.read_parquet(file)["c"].sum() == table["c"]
    with files.open(url) as file:
        assert polars.scan_parquet(file).select(polars.col("c").sum()).collect().item() == table["c"]


@pytest.mark.timeout(600)
def test_threads_of_duckdb(folder, table, connection):
    url = by_protocol(folder[1]("/a.parquet"))
    sums = ", ".join(f"sum({name})" for name in table)
    for run in range(RUNS):
        with duckdb.connect(config={"threads": 4}) as database:
            files = HTTPConnFileSystem(connection=connection, block_size=4096 << run % 6)
            database.register_filesystem(files)
            (row,) = database.sql(f"select {sums} from read_parquet('{url}')").fetchall()
            assert tuple(row) == tuple(table.values()), run


def test_a_video(folder, files):
    with av.open(folder[0] / "a.mp4", "w") as written:
        stream = written.add_stream("mpeg4", rate=24, width=320, height=240, pix_fmt="yuv420p")
        for shade in range(48):
            frame = av.VideoFrame.from_ndarray(numpy.full((240, 320, 3), shade, dtype="uint8"), format="rgb24")
            written.mux(stream.encode(frame))
        written.mux(stream.encode())
    with files.open(folder[1]("/a.mp4")) as file, av.open(file) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 48


@pytest.mark.parametrize("wrapper", ["simplecache", "filecache", "blockcache"])
def test_caches(folder, table, options, tmp_path_factory, wrapper):
    url = f"{wrapper}::{by_protocol(folder[1]('/a.parquet'))}"
    stored = {"cache_storage": str(tmp_path_factory.mktemp("cache"))}
    for _ in range(2):
        with fsspec.open(url, httpconn=options, **{wrapper: stored}) as file:
            assert pandas.read_parquet(io.BytesIO(file.read())).c.sum() == table["c"]
