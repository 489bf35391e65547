"""Importing the package costs next to nothing, and brings nothing that is not used."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

import httpconn
from httpconn import datasets
from httpconn.transport import httpx2 as transports
from tests.servers.scripted import ScriptedServer, response

HEAVY = {"brotli", "click", "fsspec", "hishel", "httpcore", "httptools", "rich", "tqdm", "trio", "zstandard"}


def run(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=200).stdout


def test_the_import_of_the_package_loads_no_heavy_module():
    # What httpx brings itself, such as click where its command line is installed, is not ours to leave out.
    code = "import sys, httpx; before = set(sys.modules); import httpconn; print(*set(sys.modules) - before)"
    brought = set(run(code).split())
    assert not brought & HEAVY
    assert len(brought) < 10


UNUSED = """adapters.encoding adapters.httpx api.asyncport api.syncport cache core.caching core.digests core.ranges disk
    downloads.download exchange.attempts exchange.body exchange.fetch http network.proxies network.security
    network.tlscontext response runtime.resolver runtime.tasks runtime.threads stats"""
"""Parts that a program needs with its first call, or never."""


def test_a_connection_object_imports_only_what_it_needs():
    code = "import sys, httpx; before = set(sys.modules); import httpconn; httpconn.HTTPConnection().close(); "
    brought = set(run(code + "print(*set(sys.modules) - before)").split())
    assert not brought & {"rich", "click", "tqdm", "hishel", "fsspec", "truststore", "asyncio", "trio", "anyio", "hmac"}
    assert not brought & {f"httpconn.{name}" for name in UNUSED.split()}


@pytest.mark.parametrize(
    ("call", "unused"),
    [
        ("connection.get_bytes(url)", {"asyncio", "trio"}),
        ("asyncio.run(connection.async_get_bytes(url))", {"trio"}),
    ],
)
def test_a_call_imports_only_the_event_loop_it_uses(call, unused):
    with ScriptedServer(response(body=b"x")) as server:
        code = f"import sys, httpconn; connection, url = httpconn.HTTPConnection(), {server.url!r}; "
        prepared = code + ("import asyncio; " if "asyncio." in call else "")
        brought = set(run(f"{prepared}{call}; connection.close(); print(*sys.modules)").split())
    assert "httpconn.http.engine" in brought
    assert not brought & (unused | {"httpconn.http.http2", "httpconn.downloads.download"})


@pytest.mark.parametrize("name", httpconn.__all__)
def test_each_public_name_is_there_and_listed(name):
    assert getattr(httpconn, name) is not None
    assert name in dir(httpconn)


def functions_of(owner: Any) -> Iterator[Any]:
    """A public class or function, and the public and special methods of a class."""
    yield owner
    for name in dir(owner) if inspect.isclass(owner) else ():
        member = inspect.getattr_static(owner, name)
        member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(member) and (name.startswith("__") or not name.startswith("_")):
            yield member


PUBLIC = {
    "httpconn": httpconn.__all__,
    "httpconn.api.asyncfile": ["AsyncOpening"],
    "httpconn.api.streamedfile": ["AsyncStreamedFile", "StreamedFile"],
    "httpconn.response": ["AsyncStream", "SyncStream"],
    "httpconn.datasets": datasets.__all__,
    "httpconn.errors": httpconn.errors.__all__,
    "httpconn.filesystem": ["HTTPConnFileSystem"],
    "httpconn.progress": httpconn.progress.__all__,
    "httpconn.testing": httpconn.testing.__all__,
    "httpconn.transport": httpconn.transport.__all__,
    "httpconn.transport.httpx2": transports.__all__,
}
"""The public names of each module, and the classes of results that have no public name."""


@pytest.mark.parametrize(("module", "names"), PUBLIC.items(), ids=PUBLIC)
def test_the_annotations_of_public_names_resolve(module, names):
    public = [getattr(import_module(module), name) for name in names]
    checked = [
        part for each in public if inspect.isroutine(each) or inspect.isclass(each) for part in functions_of(each)
    ]
    assert checked
    for function in checked:
        typing.get_type_hints(function)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        httpconn.nothing  # noqa: B018


def test_public_modules_need_no_import_of_their_own():
    assert run("import httpconn; print(httpconn.progress.rich_progress.__name__, httpconn.transport.HTTPTransport)")
