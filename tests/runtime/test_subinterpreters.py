"""Calls in a subinterpreter, which may have no daemon threads."""

from __future__ import annotations

import subprocess
import sys

from tests.servers.scripted import response

# The end of a subinterpreter crashes Python 3.12.
RUN = """
import os, sys
if sys.version_info >= (3, 14):
    from concurrent.interpreters import create
    interpreter = create()
    interpreter.exec({code!r})
    interpreter.close()
else:
    from importlib import import_module
    interpreters = import_module("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    interpreter = interpreters.create()  # a dropped reference would end it
    interpreters.run_string(interpreter, {code!r})
os._exit(0)
"""
FETCH = """
import asyncio, httpconn

async def main():
    async with httpconn.HTTPConnection() as conn:
        return await conn.async_get_bytes({url!r})

with httpconn.HTTPConnection() as conn:
    path = conn.download_file({url!r}, {path!r})
    print(conn.get_bytes({url!r}), asyncio.run(main()), path.read_bytes(), flush=True)
"""


def test_a_subinterpreter_fetches_and_downloads(scripted, tmp_path):
    fetch = FETCH.format(url=scripted(response(body=b"ok")).url, path=str(tmp_path / "file"))
    ran = subprocess.run(
        [sys.executable, "-c", RUN.format(code=fetch)], capture_output=True, text=True, check=False, timeout=200
    )
    assert (ran.stdout, ran.stderr) == ("b'ok' b'ok' b'ok'\n", "")
