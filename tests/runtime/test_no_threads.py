"""Calls in a process that cannot start a thread. They work without it, or raise an error of httpconn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import Pipe
from typing import Any

import anyio
import fsspec
import pytest

import httpconn
from httpconn import datasets
from httpconn.datasets.processes import _run_share
from httpconn.datasets.storage import Storage
from httpconn.filesystem import HTTPConnFileSystem
from httpconn.filesystem.base import Threads
from httpconn.network.security import Security
from httpconn.runtime.runtimes import EventLoopRuntime
from tests.http.children import exit_code_of
from tests.servers.faces import FACES, async_name
from tests.servers.files import Served

pytestmark = pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")

MIB = 1024 * 1024
BODY = bytes(4 * MIB)
ASYNC = FACES[1:]


def prevent_threads() -> None:
    """Let the system refuse new threads: their stack would be larger than the address space."""
    threading.stack_size(1 << 50)
    with pytest.raises(RuntimeError):
        threading.Thread(target=print).start()


def refused(function: Callable[[], object]) -> bool:
    """Return whether a function raises InvalidRequest if no thread starts."""
    prevent_threads()
    with pytest.raises(httpconn.InvalidRequest, match="No thread can be started"):
        function()
    return True


def called(face: str, method: str, *args: Any, **options: Any) -> Any:
    prevent_threads()
    connection = httpconn.HTTPConnection(retries=0)
    if face == "sync":
        return getattr(connection, method)(*args, **options)
    return anyio.run(partial(getattr(connection, async_name(method)), *args, **options), backend=face)


@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize("face", FACES)
def test_a_download_needs_no_thread(face, segments, scripted, tmp_path):
    server, target = scripted(Served(BODY)), tmp_path / "file"
    assert exit_code_of(lambda: called(face, "download", server.url, target, segments=segments).size == len(BODY)) == 0
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("face", ASYNC)
def test_a_collection_needs_no_thread(face, scripted, tmp_path):
    items = [httpconn.Item(scripted(Served(BODY)).url, "file")]
    assert exit_code_of(lambda: bool(called(face, "download_all", items, tmp_path))) == 0
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("face", ASYNC)
def test_an_upload_in_parts_raises_an_error_of_httpconn(face, scripted):
    def child() -> bool:
        with pytest.raises(httpconn.InvalidRequest, match="No thread can be started"):
            called(face, "request", "POST", server.url, content=iter([b"part"]))
        return True

    server = scripted(Served(BODY))
    assert exit_code_of(child) == 0


def test_a_filesystem_raises_an_error_of_httpconn_and_forgets_the_call(scripted, tmp_path):
    server = scripted(Served(BODY))

    def child() -> bool:
        filesystem = HTTPConnFileSystem(connection=httpconn.HTTPConnection(retries=0))
        fsspec.asyn.get_loop()  # a thread of fsspec
        refused(lambda: filesystem.get_file(server.url, tmp_path / "refused"))
        threading.stack_size(0)
        return filesystem.cat_file(server.url, 0, 3) == BODY[:3] and not (tmp_path / "refused").exists()

    assert exit_code_of(child) == 0


class BusyExecutor(ThreadPoolExecutor):
    """An executor whose only thread takes each call before the start of another thread fails."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        super().submit(function, *args).result()
        raise RuntimeError("can't start new thread")


def test_a_call_of_a_filesystem_that_a_busy_thread_has_taken_is_not_refused():
    threads = Threads()
    with BusyExecutor(1) as threads._executor:
        assert asyncio.run(threads.run(int, "7")) == 7
        with pytest.raises(ValueError, match="seven"):
            asyncio.run(threads.run(int, "seven"))


def test_a_data_set_raises_an_error_of_httpconn_and_continues(scripted, tmp_path):
    server = scripted(Served(BODY))

    def child() -> bool:
        connection = httpconn.HTTPConnection(retries=0)
        fetch = partial(datasets.fetch, [server.url], tmp_path / "sink", connection=connection)
        refused(fetch)
        threading.stack_size(0)
        return fetch().succeeded == 1

    assert exit_code_of(child) == 0


def test_a_folder_of_a_sink_raises_an_error_of_httpconn(tmp_path):
    storage = Storage(str(tmp_path))
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "file").touch()
    assert exit_code_of(lambda: refused(lambda: storage.publish_folder(str(tmp_path / "draft"), "final"))) == 0


def test_a_process_of_a_job_sends_an_error_of_httpconn():
    (parent, own), (received, sent) = Pipe(duplex=False), Pipe()

    def child() -> bool:
        prevent_threads()
        _run_share(parent, sent, range(1))
        return True

    with parent, own, received, sent:
        assert exit_code_of(child) == 0
        assert isinstance(received.recv(), httpconn.InvalidRequest)


@pytest.mark.parametrize("face", FACES)
def test_a_name_is_not_resolved(face):
    def child() -> bool:
        with pytest.raises(httpconn.errors.ConnectFailed, match="no more threads"):
            called(face, "get_bytes", "http://name.example/")
        return True

    assert exit_code_of(child) == 0


@pytest.mark.parametrize("face", ASYNC)
def test_the_certificates_that_were_loaded_before_remain_in_use(face, certificates):
    async def main() -> bool:
        security, runtime = Security(str(certificates.files.authority), check_every=0.0), EventLoopRuntime()
        first = await security.context(runtime, None)
        prevent_threads()
        return await security.context(runtime, None) is first

    assert exit_code_of(lambda: anyio.run(main, backend=face)) == 0
