"""Run by an interpreter into which nothing but the package was installed: does what it says work there?"""

from __future__ import annotations

import asyncio
import functools
import http.server
import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path


@contextmanager
def serving(folder: str) -> Iterator[str]:
    """The URL of a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def names_in(archive: str) -> set[str]:
    """The files of a wheel, or of a source distribution without its outermost folder."""
    if archive.endswith(".whl"):
        with zipfile.ZipFile(archive) as wheel:
            return set(wheel.namelist())
    with tarfile.open(archive) as source:
        return {name.partition("/")[2] for name in source.getnames()}


def check_contents(archive: str) -> None:
    """What users and packagers look for is in an archive, and nothing else is in the wheel."""
    names = names_in(archive)
    if archive.endswith(".whl"):
        assert {name.partition("/")[0].partition("-")[0] for name in names} == {"httpconn"}, names
        wanted = {"httpconn/py.typed", f"httpconn-{metadata.version('httpconn')}.dist-info/licenses/LICENSE"}
    else:
        wanted = {"httpconn/py.typed", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "CITATION.cff"}
        wanted |= {"pyproject.toml", "noxfile.py", "tests/conftest.py", "docs/index.md"}
    assert names >= wanted, wanted - names


def main(archive: str) -> None:
    import httpconn

    check_contents(archive)

    home = Path(httpconn.__file__).parent
    assert "site-packages" in home.parts, home
    assert (home / "py.typed").exists()
    assert metadata.version("httpconn") == httpconn.__version__
    assert importlib.util.find_spec("tests") is None
    assert not {"trio", "click", "rich"} & {each.metadata["Name"].lower() for each in metadata.distributions()}
    with tempfile.TemporaryDirectory() as folder, serving(folder) as url:
        (Path(folder) / "a").write_bytes(b"some bytes")
        with httpconn.HTTPConnection(trust_env=False) as conn:
            assert conn.get_bytes(f"{url}/a") == b"some bytes"
            assert conn.download_file(f"{url}/a", Path(folder) / "b").read_bytes() == b"some bytes"

        async def fetch() -> bytes:
            async with httpconn.HTTPConnection(trust_env=False) as conn:
                return await conn.async_get_bytes(f"{url}/a")

        assert asyncio.run(fetch()) == b"some bytes"
    told = subprocess.run([sys.executable, "-m", "httpconn", "--version"], capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "httpconn[cli]" in told.stderr, told.stderr


if __name__ == "__main__":
    main(sys.argv[1])
