"""Importing the package costs next to nothing, and brings nothing that is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import httpconn
from tests.servers.scripted import ScriptedServer, response

HEAVY = {"brotli", "click", "fsspec", "hishel", "httpcore", "httptools", "rich", "tqdm", "trio", "zstandard"}


def run(code: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50).stdout


def test_the_package_alone_brings_nothing_heavy():
    # What httpx brings itself, such as click where its command line is installed, is not ours to leave out.
    code = "import sys, httpx; before = set(sys.modules); import httpconn; print(*set(sys.modules) - before)"
    brought = set(run(code).split())
    assert not brought & HEAVY
    assert len(brought) < 10


def test_unused_modules_are_not_imported():
    code = "import sys, httpx; before = set(sys.modules); import httpconn; httpconn.HTTPConnection().close(); "
    brought = set(run(code + "print(*set(sys.modules) - before)").split())
    assert not brought & {"rich", "click", "tqdm", "hishel", "fsspec", "truststore", "asyncio", "trio", "anyio"}
    assert not brought & {f"httpconn.{name}" for name in ("http.engine", "http.http2", "disk", "downloads.download")}


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


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        httpconn.nothing  # noqa: B018


def test_public_modules_need_no_import_of_their_own():
    assert run("import httpconn; print(httpconn.progress.rich_progress.__name__, httpconn.transport.HTTPTransport)")
